"""What a person says about a finding or a change: the options for it, and where it is kept.

One file for both: a regression has the same id in `makespan analyze` and in `makespan regressions`.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from makespan_model.errors import UsageError

if TYPE_CHECKING:
    from makespan_analytics.regressions.standing import Said

STANDINGS = Path(".makespan/regressions.json")
_NS_PER_DAY = 86_400 * 1_000_000_000
_DURATION = re.compile(r"([1-9]\d{0,4})([dw])")


def add_standing_arguments(parser: argparse.ArgumentParser, what: str) -> None:
    """Declare `--ack`, `--mute`, `--reopen`, `--until` and `--note`; `what` is what an ID names (`a cause`)."""
    standing = parser.add_mutually_exclusive_group()
    standing.add_argument("--ack", metavar="ID", help=f"{what} is known and being looked at")
    standing.add_argument("--mute", metavar="ID", help=f"do not show {what} any more")
    standing.add_argument("--reopen", metavar="ID", help="take an --ack or --mute back")
    parser.add_argument("--until", metavar="TIME", type=_time, help="with --mute: for how long, such as 14d")
    parser.add_argument("--note", default="", help="with --ack or --mute: why")


def check_standing_arguments(arguments: argparse.Namespace) -> None:
    """Refuse what does not go together.

    Raises:
        UsageError: `--until` without `--mute`.
    """
    if arguments.until is not None and arguments.mute is None:
        raise UsageError("--until goes with --mute")


def is_said(arguments: argparse.Namespace) -> bool:
    """Whether the command is about noting something."""
    return bool(arguments.ack or arguments.mute or arguments.reopen)


def note_standing(arguments: argparse.Namespace, known: Collection[str], said: dict[str, Said], *, unknown: str) -> int:
    """Note what is said about one id, and print what holds now.

    Args:
        arguments: As parsed, `--json` included.
        known: Ids that can be spoken of; `--reopen` also takes what was spoken of before.
        said: What was said so far.
        unknown: Message for an id that is not known, with `{id}` in it.

    Raises:
        UsageError: No such id.
        UnavailableError: The file cannot be written.
    """
    from makespan_analytics.regressions.standing import Said, Standing, write_standings

    named = arguments.ack or arguments.mute or arguments.reopen
    if named not in known and not (arguments.reopen and named in said):
        raise UsageError(unknown.format(id=repr(named)))
    if arguments.reopen:
        said.pop(named, None)
    else:
        standing = Standing.ACKNOWLEDGED if arguments.ack else Standing.MUTED
        until_ns = None if arguments.until is None else time.time_ns() + arguments.until
        said[named] = Said(standing, until_ns, arguments.note)
    write_standings(STANDINGS, said)
    word = "open" if arguments.reopen else said[named].standing.value
    print(json.dumps({"id": named, "standing": word}) if arguments.json else f"{named} is {word}")
    return 0


def _time(text: str) -> int:
    match = _DURATION.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"a time is a number with d or w, such as 14d, not {text!r}")
    return int(match[1]) * (7 if match[2] == "w" else 1) * _NS_PER_DAY
