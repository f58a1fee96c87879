"""The page about operation names every setting and every metric, with what holds."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from makespan_collector.app import create_app
from makespan_collector.operation.metrics import Metrics
from makespan_collector.store.opening import open_store
from makespan_model.setting_tables import CollectorSettings, InfluxdbSettings

PAGE = (Path(__file__).parents[3] / "docs/operation.md").read_text()
_MIB = 1024 * 1024


def _documented_metrics() -> set[str]:
    section = PAGE.partition("## Metrics")[2].partition("## ")[0]
    rows = [line.partition(" | ")[0] for line in section.splitlines() if line.startswith("| `makespan_")]
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def test_every_metric_is_documented_and_no_other(tmp_path: Path) -> None:
    metrics = Metrics()
    with open_store(tmp_path) as store:
        create_app(store, metrics=metrics)
        text = metrics.exposition("")[0].decode()
    made = {name for name in re.findall(r"^# TYPE (makespan_\w+)", text, re.MULTILINE) if not name.endswith("_created")}
    assert _documented_metrics() == made


def _documented_settings() -> dict[str, str]:
    section = PAGE.partition("## Settings")[2].partition("\n## ")[0]
    found: dict[str, str] = {}
    for key, default in re.findall(r"^\| (`.+?) \| (.+?) \|", section, re.MULTILINE):
        names = re.findall(r"`(\w+)`", key)
        found |= dict(zip(names, default.split(", "), strict=False)) if len(names) > 1 else {names[0]: default}
        found |= {name: found.get(name, default) for name in names}
    return found


@pytest.mark.parametrize("name", [item.name for item in fields(CollectorSettings)])
def test_every_setting_is_documented_with_its_default(name: str) -> None:
    value = getattr(CollectorSettings(), name)
    shown = _documented_settings()[name]
    if isinstance(value, int) and not isinstance(value, bool) and value >= _MIB:
        assert shown == f"{value // _MIB} MiB"
    elif value in ("", ()):
        assert shown == "none"
    elif value is not None:
        assert re.split("[:,]", shown.strip("`"))[0] == (
            f"{value:g}" if isinstance(value, float) else str(value).lower()
        )


def test_every_setting_of_influxdb_is_named() -> None:
    for item in fields(InfluxdbSettings):
        assert f"`{item.name}`" in PAGE or f"MAKESPAN_INFLUXDB_{item.name.upper()}" in PAGE, item.name
