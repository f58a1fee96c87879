"""Rows as InfluxDB points.

Tags are what a series is indexed by, so only what is bounded becomes one: the repository, pipeline, job and step a
span is of, its source, and whether it waited, ran or had ended. Run, trace and span ids, commits, branches and people
are fields: a million runs have as many series as ten. Everything else that a row holds is a field under its column's
name, of one type for ever, as InfluxDB refuses a field that changes its type.

Two points of one series at one instant are one point. Times are therefore moved within a window, of a millisecond to
an hour, by their ids; `start_ns` keeps the exact one. A row that is sent again lands on the same point, and its fields
merge.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Mapping
from typing import Final

TREE_MEASUREMENT: Final = "span"
"""Runs, jobs and steps."""
DETAIL_MEASUREMENT: Final = "detail"
"""Everything else of a trace: tests, file accesses, log records, what steps emitted."""

_TREE_TAGS = ("kind", "provider", "repository", "pipeline", "job", "step", "source", "phase")
TREE_WINDOW_NS: Final = 1_000_000_000
"""Providers tell times in whole seconds: runs of one pipeline do start at one instant."""
NO_VALUE: Final = "-"
"""A tag cannot be empty."""
_TAG_LENGTH = 1_000
"""Characters of a tag. All tags of a point have to fit 64 KiB, and names that long are told apart by their fields."""


_PLAIN = re.compile(r"[^0-9A-Za-z_]")
"""What a regular expression may take for something else, or InfluxQL for its end."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
"""Line ends end a point, and InfluxQL has no way to write NUL."""


def shard_of(trace_id: str) -> str:
    """A tag that narrows a search by trace to a 256th of the points, and never becomes more than 256 series."""
    return trace_id[:2]


def field_name(column: str) -> str:
    """Under which field a column is: those that are tags too have a field of their own for the exact value."""
    return f"{column}_" if column in _TREE_TAGS or column == "time" else column


def quoted(text: str) -> str:
    """A text as an InfluxQL string: nothing in it can end the string.

    InfluxQL strings know the escapes of backslash, single quote and line feed alone.
    """
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


def any_of(name: str, values: Collection[str]) -> str:
    """The InfluxQL condition that a field or tag has one of these values; what has it may have to be looked at again.

    Several are a regular expression: InfluxDB compares each point with each term of an OR, which took 12 s for 600 ids
    and 78,000 points, where the expression took 0.2 s. It turns expressions that list up to 100 texts into an OR by
    itself; the last alternative, one or more NUL, is there so that it does not.
    """
    if not values:
        return "time < 0"
    if len(values) == 1 and not _CONTROL.search(text := next(iter(values))):
        return f'"{name}" = {quoted(text)}'
    listed = "|".join(_PLAIN.sub(lambda found: f"\\x{{{ord(found[0]):x}}}", value) for value in values)
    return f'"{name}" =~ /^(?:{listed}|\\x{{0}}+)$/'


def tag_value(text: str | None) -> str:
    """A value as it is stored in a tag: empty ones, control characters and trailing backslashes cannot be."""
    cleaned = _CONTROL.sub(" ", (text or NO_VALUE)[:_TAG_LENGTH])
    return f"{cleaned} " if cleaned.endswith("\\") else cleaned


def next_seq() -> int:
    """Where a row is in the order of writing, over all writers: their clocks, in 16 ns, as it stays under 2^59."""
    return time.time_ns() // 16


def line(measurement: str, tags: Mapping[str, str | None], fields: Mapping[str, str], time_ns: int) -> str:
    """One point in line protocol; the fields' values are written already."""
    tagged = "".join(f",{key}={escaped_tag(tag_value(tags[key]))}" for key in sorted(tags))
    return f"{measurement}{tagged} {','.join(f'{key}={value}' for key, value in fields.items())} {time_ns}"


def escaped_tag(value: str) -> str:
    """A value of a tag as it is written in line protocol."""
    return value.replace(",", "\\,").replace("=", "\\=").replace(" ", "\\ ")


def text_field(value: str) -> str:
    """A string as a field's value."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def moved_ns(time_ns: int, window_ns: int, *ids: str) -> int:
    """The instant within a window of time that a point has for its own.

    Args:
        time_ns: An instant in the window.
        window_ns: Its length; it begins at a multiple of it.
        ids: Hexadecimal; whose point it is.
    """
    return time_ns - time_ns % window_ns + place_of(*ids) % window_ns


def place_of(*ids: str) -> int:
    """A number that ids have to themselves, mostly, modulo the length of a window."""
    return sum(int(text, 16) for text in ids)
