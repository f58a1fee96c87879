"""What people have said about changes: muted, acknowledged, or open again; kept in a file beside the settings."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path

from makespan_model.errors import InputError, UnavailableError


class Standing(StrEnum):
    """What is to be done with a change."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    """Known and being looked at: shown, apart."""
    MUTED = "muted"
    """Not to be shown; until the time given, or for good."""


@dataclass(frozen=True, slots=True)
class Said:
    """One person's word about one change.

    Attributes:
        until_ns: When a mute ends; None for never.
        note: Why.
    """

    standing: Standing
    until_ns: int | None = None
    note: str = ""


def read_standings(path: Path) -> dict[str, Said]:
    """What was said, by the id of the change; nothing where there is no file.

    Raises:
        InputError: It is not such a file.
    """
    try:
        content = json.loads(path.read_text("utf-8"))
        return {
            str(change_id): Said(Standing(told["standing"]), told["until_ns"], str(told["note"]))
            for change_id, told in content["changes"].items()
        }
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not what was said about changes ({error!r}); mend or remove it") from error


def write_standings(path: Path, said: Mapping[str, Said]) -> None:
    """Replace the file as a whole.

    Raises:
        UnavailableError: It cannot be written.
    """
    content = {"changes": {change_id: asdict(one) for change_id, one in sorted(said.items())}}
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(content, indent=1) + "\n", "utf-8")
        temporary.rename(path)
    except OSError as error:
        raise UnavailableError(f"cannot write {path}: {error.strerror or error}") from error


def standing_of(change_id: str, said: Mapping[str, Said], now_ns: int) -> Standing:
    """What holds of a change now: a mute that has ended leaves it open."""
    told = said.get(change_id)
    if told is None or (told.until_ns is not None and now_ns >= told.until_ns):
        return Standing.OPEN
    return told.standing
