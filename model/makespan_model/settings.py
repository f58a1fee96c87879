"""Settings from defaults, `.makespan.toml`, the environment and flags, merged here and nowhere else.

Later sources win: defaults < file < environment < flags. A key nobody knows is refused with the
nearest known one. The agent does not read the file: it must start in milliseconds, and takes only
its few environment variables. What can be set stands in `setting_tables`.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import Field, fields, replace
from pathlib import Path
from typing import Any

from makespan_model.errors import InputError, UsageError
from makespan_model.matching import did_you_mean
from makespan_model.setting_tables import (
    EVIDENCE_LEVELS,
    KINDS,
    TABLES,
    CollectorSettings,
    InfluxdbSettings,
    Settings,
    check,
)

__all__ = ["EVIDENCE_LEVELS", "SETTINGS_FILE", "CollectorSettings", "InfluxdbSettings", "Settings", "load_settings"]

SETTINGS_FILE = ".makespan.toml"
_ENVIRONMENT_PREFIX = "MAKESPAN_"
_TRUTHS = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}

_Values = dict[tuple[str, str], object]
"""Values by table and key; the table is empty for keys outside of one."""


def load_settings(
    directory: Path,
    *,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
) -> Settings:
    """Merge the settings that hold in `directory`.

    Args:
        directory: Where `.makespan.toml` is looked for.
        environment: `MAKESPAN_STORE`, `MAKESPAN_COLLECTOR_PORT` and their like; the process's own when None.
        flags: Values from the command line by key (`store`, `collector.port`); entries that are None were not given.

    Raises:
        InputError: The file is not TOML.
        UsageError: An unknown key or a value of the wrong kind, with the place it came from.
    """
    values = _from_file(directory / SETTINGS_FILE)
    values |= _from_environment(os.environ if environment is None else environment)
    for key, value in (flags or {}).items():
        if value is not None:
            table, _, name = key.rpartition(".")
            values[table, name] = _checked(_field(table, name, "flags"), value, key)
    settings = replace(Settings(), **_of_table(values, ""))
    tables: dict[str, Any] = {name: replace(made(), **_of_table(values, name)) for name, made in TABLES.items()}
    return replace(settings, **tables)


def _of_table(values: _Values, table: str) -> dict[str, Any]:
    return {name: value for (of, name), value in values.items() if of == table}


def _from_file(path: Path) -> _Values:
    try:
        document = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: {error}") from error
    values: _Values = {}
    for key, value in document.items():
        if key not in TABLES:
            values["", key] = _from_toml("", key, value, path)
            continue
        if not isinstance(value, dict):
            raise UsageError(f"{path}: {key} must be a table ([{key}]), not {value!r}")
        for name, part in value.items():
            values[key, name] = _from_toml(key, name, part, path)
    return values


def _from_toml(table: str, name: str, value: object, path: Path) -> object:
    item = _field(table, name, str(path))
    if item.metadata.get("secret"):
        raise UsageError(
            f"{path}: {table}.{name} is a secret; set {_variable(table, name)} instead, "
            f"or name a file that holds it with {table}.{name}_file"
        )
    return _checked(item, value, f"{path}: {_dotted(table, name)}")


def _from_environment(environment: Mapping[str, str]) -> _Values:
    """Only names of settings are looked up: other MAKESPAN_* variables belong to the agent."""
    values: _Values = {}
    for table, made in (("", Settings), *TABLES.items()):
        for item in fields(made):
            variable = _variable(table, item.name)
            text = environment.get(variable)
            if text is not None and item.type in KINDS and item.type != "Mapping[str, float]":
                values[table, item.name] = _checked(item, _parsed(str(item.type), text, variable), variable)
    return values


def _parsed(kind: str, text: str, variable: str) -> object:
    if kind == "str":
        return text
    if kind == "tuple[str, ...]":
        return [part.strip() for part in text.split(",") if part.strip()]
    try:
        if kind == "bool":
            return _TRUTHS[text.strip().lower()]
        return float(text) if kind == "float" else int(text)
    except (ValueError, KeyError):
        raise UsageError(f"{variable} must be {KINDS[kind]}, not {text!r}") from None


def _field(table: str, name: str, source: str) -> Field[Any]:
    known = {item.name: item for item in fields(TABLES[table] if table else Settings)}
    if name not in known:
        raise UsageError(f"{source}: unknown setting {_dotted(table, name)!r}{did_you_mean(name, known)}")
    return known[name]


def _checked(item: Field[Any], value: object, place: str) -> object:
    """The value as its dataclass holds it."""
    given = tuple(value) if isinstance(value, list) else value
    check(item, given, place)
    return given


def _variable(table: str, name: str) -> str:
    return _ENVIRONMENT_PREFIX + (f"{table}_{name}" if table else name).upper()


def _dotted(table: str, name: str) -> str:
    return f"{table}.{name}" if table else name
