"""What can be set: one frozen dataclass a table of `.makespan.toml`, with defaults and bounds.

A field's annotation is the kind of value the file and the environment must give (`KINDS`), its metadata the
bounds, and `secret` marks what must not stand in a file that people commit.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from makespan_model.errors import InputError, UsageError
from makespan_model.matching import did_you_mean

EVIDENCE_LEVELS = ("proven", "measured", "assumed")
LOG_FORMATS = ("text", "json")
INFLUXDB: Final = "influxdb"
"""What `store` says where the history is on the server of `[influxdb]`."""
INFLUXDB_URLS: Final = {"influxdb://": "http://", "influxdb+https://": "https://"}
"""What else `store` may begin with: `influxdb://HOST:PORT/DATABASE` is a server, whatever `[influxdb]` names."""
KINDS: Final = {
    "str": "text",
    "int": "a whole number",
    "int | None": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "tuple[str, ...]": "a list of texts",
    "Mapping[str, float]": "a table of numbers",
}
"""The annotations a setting may have, and how a person calls such a value."""

_MIB = 1024 * 1024


def within(default: object, least: float | None = None, most: float | None = None) -> Any:
    """A field for a number with bounds."""
    return field(default=default, metadata={"least": least, "most": most})


def one_of(default: str, choices: tuple[str, ...]) -> Any:
    """A field for one of a few words."""
    return field(default=default, metadata={"choices": choices})


def secret() -> Any:
    """A field for a text that is shown nowhere and taken from the environment alone."""
    return field(default="", repr=False, metadata={"secret": True})


class Checked:
    """Checks every field's kind and bounds when it is made.

    Raises:
        UsageError: A value that cannot be.
    """

    __slots__ = ()

    def __post_init__(self) -> None:
        for item in fields(self):  # type: ignore[arg-type]
            if item.type in KINDS:
                check(item, getattr(self, item.name), item.name)


@dataclass(frozen=True, slots=True)
class CollectorSettings(Checked):
    """`[collector]`: how `makespan serve` listens, what it takes, how long it keeps it.

    Attributes:
        host: Address or name to listen on.
        port: Of OTLP over HTTP; 0 takes a free one.
        grpc_port: Of OTLP over gRPC; 0 takes a free one, -1 is none; not set: 4317, but none beside another `port`.
        tls_cert: Certificate chain (PEM file); empty listens in the clear.
        tls_key: Its key (PEM file).
        require_token: Ask for a token also from this very machine.
        tokens_file: Where the tokens' digests are; empty: `tokens.json` in the store's directory, or in `.makespan`
            when the store is a server.
        trusted_proxies: Addresses and networks whose `X-Forwarded-For` is believed.
        max_body_bytes: A larger request body is refused.
        max_decompressed_bytes: So is a body that decompresses to more.
        max_decompression_ratio: And one that decompresses to this many times its size.
        max_in_flight_bytes: Of all requests that wait for the store.
        body_deadline_s: A request's body that has not come whole by then is given up.
        requests_per_s: Of one client in the long run; 0 for no limit.
        min_free_bytes: With less on the store's disk `/readyz` says that the collector is not ready.
        retention_samples_days: After so many days samples are deleted; 0 keeps them.
        retention_runs_days: After so many days whole runs are deleted; 0 keeps them.
        log_format: `text` for people, `json` for machines: one object a line.
    """

    host: str = "127.0.0.1"
    port: int = within(4318, 0, 65_535)
    grpc_port: int | None = within(None, -1, 65_535)
    tls_cert: str = ""
    tls_key: str = ""
    require_token: bool = False
    tokens_file: str = ""
    trusted_proxies: tuple[str, ...] = ()
    max_body_bytes: int = within(16 * _MIB, 1)
    max_decompressed_bytes: int = within(64 * _MIB, 1)
    max_decompression_ratio: int = within(200, 1)
    max_in_flight_bytes: int = within(128 * _MIB, 1)
    body_deadline_s: float = within(30.0, 0)
    requests_per_s: float = within(0.0, 0)
    min_free_bytes: int = within(256 * _MIB, 0)
    retention_samples_days: int = within(0, 0)
    retention_runs_days: int = within(0, 0)
    log_format: str = one_of("text", LOG_FORMATS)


def names_server(store: str) -> bool:
    """Whether the setting `store` names a server and no directory."""
    return store == INFLUXDB or store.startswith(tuple(INFLUXDB_URLS))


@dataclass(frozen=True, slots=True)
class InfluxdbSettings(Checked):
    """`[influxdb]`: the server behind an `influxdb` store.

    Attributes:
        url: Base URL; empty when there is none.
        token: Of InfluxDB 2 and 3; with `username`, the password of 1.x. From `MAKESPAN_INFLUXDB_TOKEN` or
            `token_file` alone.
        token_file: File that holds nothing but the token, as Docker and Kubernetes mount secrets.
        org: Organisation (2.x).
        database: Database (1.x), or what the names of the buckets or databases begin with (2.x and 3).
        username: Of 1.x.
    """

    url: str = ""
    token: str = secret()
    token_file: str = ""
    org: str = ""
    database: str = "makespan"
    username: str = ""

    def read_token(self) -> str:
        """The token, from the environment or else from the file; empty when there is neither.

        Raises:
            InputError: The file cannot be read.
        """
        if self.token or not self.token_file:
            return self.token
        try:
            return Path(self.token_file).read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"influxdb.token_file: {self.token_file}: {error}") from error


@dataclass(frozen=True, slots=True)
class Settings(Checked):
    """What can be set, with its default.

    Attributes:
        store: Directory of the embedded store, or what `names_server`.
        endpoint: Base URL of the collector's OTLP/HTTP receiver.
        evidence: The weakest evidence level whose rewrites are applied.
        runners: How many jobs run at once; 0 means as many as there are CPUs.
        runner_usd_per_hour: `[runner_usd_per_hour]`: what an hour of one's own runners costs, by runner label.
        collector: `[collector]`.
        influxdb: `[influxdb]`.
    """

    store: str = ".makespan/store"
    endpoint: str = "http://127.0.0.1:4318"
    evidence: str = one_of("proven", EVIDENCE_LEVELS)
    runners: int = within(0, 0)
    runner_usd_per_hour: Mapping[str, float] = field(default_factory=dict, metadata={"least": 0, "most": None})
    collector: CollectorSettings = field(default_factory=CollectorSettings)
    influxdb: InfluxdbSettings = field(default_factory=InfluxdbSettings)


TABLES: Final[Mapping[str, type[CollectorSettings | InfluxdbSettings]]] = MappingProxyType(
    {"collector": CollectorSettings, "influxdb": InfluxdbSettings}
)
"""The tables by their name; another is one line here, and a field of `Settings`."""


def check(item: Field[Any], value: object, name: str) -> None:
    """Check that a value is of its field's kind and within its bounds.

    Args:
        item: The field.
        value: What it should be.
        name: What the message calls it: the key, with the place it came from.

    Raises:
        UsageError: It is not.
    """
    kind = str(item.type)
    if not _is_of_kind(kind, value):
        raise UsageError(f"{name} must be {KINDS[kind]}, not {value!r}")
    choices = item.metadata.get("choices")
    if choices and value not in choices:
        raise UsageError(
            f"{name} must be one of {', '.join(choices)}, not {value!r}{did_you_mean(str(value), choices)}"
        )
    least, most = item.metadata.get("least"), item.metadata.get("most")
    if least is None:
        return
    for key, number in value.items() if isinstance(value, Mapping) else [("", value)]:
        if number is not None and not (least <= number and (most is None or number <= most)):
            bounds = f"{least} to {most}" if most is not None else f"{least} or more"
            raise UsageError(f"{name}{key and f'.{key}'} must be {bounds}, not {number}")


def _is_of_kind(kind: str, value: object) -> bool:
    if kind == "bool":
        return isinstance(value, bool)
    if isinstance(value, bool):
        return False
    if kind == "int | None":
        return value is None or isinstance(value, int)
    if kind == "float":
        return isinstance(value, int | float) and math.isfinite(value)
    if kind == "tuple[str, ...]":
        return isinstance(value, tuple) and all(isinstance(part, str) for part in value)
    if kind == "Mapping[str, float]":
        return isinstance(value, Mapping) and all(_is_of_kind("float", part) for part in value.values())
    return isinstance(value, int if kind == "int" else str)
