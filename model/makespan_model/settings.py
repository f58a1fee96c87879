"""Settings from defaults, `.makespan.toml`, the environment and flags, merged here and nowhere else.

Later sources win: defaults < file < environment < flags. A key nobody knows is refused with the
nearest known one. The agent does not read the file: it must start in milliseconds, and takes only
its few environment variables.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path

from makespan_model.errors import InputError, UsageError
from makespan_model.matching import did_you_mean

SETTINGS_FILE = ".makespan.toml"
_ENVIRONMENT_PREFIX = "MAKESPAN_"
EVIDENCE_LEVELS = ("proven", "measured", "assumed")


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be set, with its default.

    Attributes:
        store: Directory of the embedded store.
        endpoint: Base URL of the collector's OTLP/HTTP receiver.
        evidence: The weakest evidence level whose rewrites are applied.
        runners: How many jobs run at once; 0 means as many as there are CPUs.
    """

    store: str = ".makespan/store"
    endpoint: str = "http://127.0.0.1:4318"
    evidence: str = "proven"
    runners: int = 0

    def __post_init__(self) -> None:
        if self.evidence not in EVIDENCE_LEVELS:
            raise UsageError(
                f"evidence must be one of {', '.join(EVIDENCE_LEVELS)}, not {self.evidence!r}"
                f"{did_you_mean(self.evidence, EVIDENCE_LEVELS)}"
            )
        if self.runners < 0:
            raise UsageError(f"runners must be 0 (as many as CPUs) or more, not {self.runners}")


def load_settings(
    directory: Path,
    *,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[str, object] | None = None,
) -> Settings:
    """Merge the settings that hold in `directory`.

    Args:
        directory: Where `.makespan.toml` is looked for.
        environment: `MAKESPAN_STORE` and its like; the process's own when None.
        flags: Values from the command line; entries that are None were not given.

    Raises:
        InputError: The file is not TOML.
        UsageError: An unknown key or a value of the wrong kind, with the place it came from.
    """
    values = _from_file(directory / SETTINGS_FILE)
    values |= _from_environment(os.environ if environment is None else environment)
    values |= {key: value for key, value in (flags or {}).items() if value is not None}
    return replace(Settings(), **values)  # type: ignore[arg-type]


def _from_file(path: Path) -> dict[str, object]:
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: {error}") from error
    return {key: _checked(key, value, str(path)) for key, value in table.items()}


def _from_environment(environment: Mapping[str, str]) -> dict[str, object]:
    """Only names of settings are looked up: other MAKESPAN_* variables belong to the agent."""
    found: dict[str, object] = {}
    for field in fields(Settings):
        variable = _ENVIRONMENT_PREFIX + field.name.upper()
        text = environment.get(variable)
        if text is None:
            continue
        value: object = text
        if field.type == "int":
            try:
                value = int(text)
            except ValueError:
                raise UsageError(f"{variable} must be a whole number, not {text!r}") from None
        found[field.name] = _checked(field.name, value, variable)
    return found


def _checked(key: str, value: object, source: str) -> object:
    types = {field.name: field.type for field in fields(Settings)}
    if key not in types:
        raise UsageError(f"{source}: unknown setting {key!r}{did_you_mean(key, types)}")
    expected = int if types[key] == "int" else str
    if not isinstance(value, expected) or isinstance(value, bool):
        raise UsageError(f"{source}: {key} must be a {expected.__name__}, not {value!r}")
    return value
