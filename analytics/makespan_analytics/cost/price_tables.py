"""Published prices of hosted runners, read from the data files beside this module.

A table says where it was read and when (`source`, `as_of`): prices change, and a figure made with them should name
them. Nothing is fetched.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from math import isfinite
from typing import Any

from makespan_model.errors import InputError

PROVIDERS = ("github", "gitlab")
_GB = 1_000_000_000


@dataclass(frozen=True, slots=True)
class RunnerClass:
    """One kind of hosted runner.

    Attributes:
        usd_per_minute: List price of a minute.
        labels: What a job asks for to get it; empty where the customer chooses the label.
        is_standard: Whether a plan's included minutes pay for it.
        included_multiplier: Included minutes that one of its minutes uses up.
        has_gpu: It is dear for something that no step is measured by.
        most_s: Jobs that take longer are ended; None without such a limit.
    """

    provider: str
    name: str
    os: str
    arch: str
    cores: int
    memory_bytes: int
    usd_per_minute: float
    labels: tuple[str, ...] = ()
    is_standard: bool = False
    included_multiplier: float = 1.0
    has_gpu: bool = False
    most_s: float | None = None


@dataclass(frozen=True, slots=True)
class StoragePrices:
    """Prices of stored artifacts and caches, and what plans include.

    Attributes:
        artifacts_included_gb: By plan.
        cache_included_gib: For each repository.
    """

    artifacts_usd_per_gb_month: float
    cache_usd_per_gib_month: float
    cache_included_gib: float
    artifacts_included_gb: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class PriceTable:
    """The prices of one provider.

    Attributes:
        source: Where they were read.
        as_of: When, as an ISO date.
        rounding_s: Every job is billed in whole multiples of it; 0 bills seconds.
        notes: What else a reader of the figures must know.
        included_minutes: Minutes a month by plan.
        by_label: The classes that a label may mean.
    """

    provider: str
    source: str
    as_of: str
    rounding_s: float
    notes: str
    classes: tuple[RunnerClass, ...]
    included_minutes: Mapping[str, float] = field(default_factory=dict)
    storage: StoragePrices | None = None
    by_label: Mapping[str, tuple[RunnerClass, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_label: dict[str, tuple[RunnerClass, ...]] = {}
        for one in self.classes:
            for label in one.labels:
                by_label[label] = (*by_label.get(label, ()), one)
        object.__setattr__(self, "by_label", by_label)

    def class_of(self, labels: tuple[str, ...]) -> RunnerClass | None:
        """The one class that a job with these labels gets; None when no label is known, or they contradict."""
        found = {one.name: one for label in labels for one in self.by_label.get(label, ())}
        return next(iter(found.values())) if len(found) == 1 else None


@cache
def price_table(provider: str) -> PriceTable | None:
    """The table of a CI provider (`github`, `gitlab`); None for one that sells no runners we know prices of.

    Raises:
        InputError: The data file is broken.
    """
    if provider not in PROVIDERS:
        return None
    path = files("makespan_analytics.cost") / "prices" / f"{provider}.toml"
    return read_price_table(path.read_text("utf-8"), place=f"{provider}.toml")


def read_price_table(text: str, *, place: str) -> PriceTable:
    """A price table from TOML.

    Raises:
        InputError: It is not TOML, or a value is missing or cannot be; with its place.
    """
    try:
        document = tomllib.loads(text)
        provider = _text(document, "provider")
        per_compute_minute = document.get("usd_per_compute_minute")
        storage = document.get("storage")
        return PriceTable(
            provider=provider,
            source=_text(document, "source"),
            as_of=_text(document, "as_of"),
            rounding_s=_number(document, "rounding_s"),
            notes=_text(document, "notes"),
            classes=tuple(_class(entry, provider, per_compute_minute) for entry in document["classes"]),
            included_minutes={
                plan: float(count) for plan, count in document.get("included_minutes_per_month", {}).items()
            },
            storage=None if storage is None else _storage(storage),
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, AttributeError) as error:
        detail = f"{error.args[0]!r} is missing" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{place}: {detail}") from error


def _class(entry: Mapping[str, Any], provider: str, per_compute_minute: float | None) -> RunnerClass:
    if "usd_per_minute" in entry:
        usd_per_minute = _number(entry, "usd_per_minute")
    elif per_compute_minute is not None:
        usd_per_minute = _number(entry, "cost_factor") * float(per_compute_minute)
    else:
        raise KeyError("usd_per_minute")
    return RunnerClass(
        provider=provider,
        name=_text(entry, "name"),
        os=_text(entry, "os"),
        arch=_text(entry, "arch"),
        cores=int(_number(entry, "cores")),
        memory_bytes=int(_number(entry, "memory_gb") * _GB),
        usd_per_minute=usd_per_minute,
        labels=tuple(str(label) for label in entry.get("labels", ())),
        is_standard=entry.get("standard") is True,
        included_multiplier=float(entry.get("included_multiplier", entry.get("cost_factor", 1))),
        has_gpu=entry.get("gpu") is True,
        most_s=_number(entry, "most_s") if "most_s" in entry else None,
    )


def _storage(entry: Mapping[str, Any]) -> StoragePrices:
    return StoragePrices(
        artifacts_usd_per_gb_month=_number(entry, "artifacts_usd_per_gb_month"),
        cache_usd_per_gib_month=_number(entry, "cache_usd_per_gib_month"),
        cache_included_gib=_number(entry, "cache_included_gib"),
        artifacts_included_gb={plan: float(size) for plan, size in entry["artifacts_included_gb"].items()},
    )


def _number(entry: Mapping[str, Any], key: str) -> float:
    value = entry[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value) or value < 0:
        raise ValueError(f"{key} must be a number of 0 or more, not {value!r}")
    return float(value)


def _text(entry: Mapping[str, Any], key: str) -> str:
    value = entry[key]
    if not isinstance(value, str):
        raise TypeError(f"{key} must be text, not {value!r}")
    return value
