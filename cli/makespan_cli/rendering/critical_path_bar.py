"""The critical path of one run as one horizontal bar with its legend."""

from __future__ import annotations

import string
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from rich.console import Console
from rich.text import Text

from makespan_analytics.critical_path import CriticalPath, PathSegment, SegmentKind
from makespan_cli.rendering.apportion import apportion
from makespan_cli.rendering.consoles import fit, job_step
from makespan_model.units import format_duration

# Readable on dark and on light backgrounds; neighbours differ, and waiting is never coloured.
_COLOURS = ("cyan", "magenta", "green", "yellow", "blue", "red")
_WAITING_STYLE = "dim"
# One key a segment, so that the bar also reads without colour.
_KEYS = string.ascii_uppercase + string.ascii_lowercase + string.digits
_DURATION_COLUMNS = 11
_SHARE_COLUMNS = 5


@dataclass(frozen=True, slots=True)
class _Entry:
    key: str
    segment: PathSegment
    style: str


def print_critical_path(console: Console, path: CriticalPath, *, stepless: Collection[str] = ()) -> None:
    """Print the bar, as wide as the console, and one legend row for every segment wide enough to see.

    `stepless` are job ids of which no steps were recorded: their time is no overhead.
    """
    entries = list(_entries(path, console.width))
    if not entries:
        console.print("The run took no measurable time.", soft_wrap=True)
        return
    console.print(_bar(console, entries))
    ascii_only = console.options.ascii_only
    for entry in entries:
        label = segment_label(entry.segment, ascii_only=ascii_only, stepless=stepless)
        _print_legend_row(console, (entry.key, f"reverse {entry.style}"), label, entry.segment.duration_s, path)
    hidden = len(path.segments) - len(entries)
    if hidden:
        hidden_s = path.makespan_s - sum(entry.segment.duration_s for entry in entries)
        _print_legend_row(console, (" ", ""), f"({hidden} too short to show)", hidden_s, path)


def segment_label(segment: PathSegment, *, ascii_only: bool = False, stepless: Collection[str] = ()) -> str:
    """Job and step in words; waiting and overhead say so."""
    if segment.job is None:
        return "(after the last job)"
    what = {
        SegmentKind.STEP: segment.step or "",
        SegmentKind.OVERHEAD: "(steps not known)" if segment.job_id in stepless else "(runner overhead)",
        SegmentKind.QUEUE: "(queued for a runner)",
        SegmentKind.WAIT: "(waiting to start)",
    }[segment.kind]
    return job_step(segment.job, what, ascii_only=ascii_only)


def _entries(path: CriticalPath, columns: int) -> Iterator[_Entry]:
    """The segments that fill half a column or more (the longest, if there are too many), in time order."""
    visible = [segment for segment in path.segments if segment.duration_s >= 0.5 * path.makespan_s / columns]
    longest = sorted(visible, key=lambda segment: -segment.duration_ns)[: min(len(_KEYS), columns)]
    running = 0
    for key, segment in zip(_KEYS, sorted(longest, key=lambda segment: segment.start_ns), strict=False):
        style = _COLOURS[running % len(_COLOURS)] if segment.is_execution else _WAITING_STYLE
        running += segment.is_execution
        yield _Entry(key, segment, style)


def _bar(console: Console, entries: list[_Entry]) -> Text:
    running, waiting = ("=", ".") if console.options.ascii_only else ("█", "·")
    bar = Text(no_wrap=True)
    widths = apportion([entry.segment.duration_s for entry in entries], console.width)
    for entry, width in zip(entries, widths, strict=True):
        bar.append(entry.key, f"reverse {entry.style}")
        bar.append((running if entry.segment.is_execution else waiting) * (width - 1), entry.style)
    return bar


def _print_legend_row(
    console: Console, key: tuple[str, str], label: str, duration_s: float, path: CriticalPath
) -> None:
    label_columns = max(10, console.width - 2 - _DURATION_COLUMNS - _SHARE_COLUMNS)
    shown = fit(label, label_columns, ascii_only=console.options.ascii_only)
    figures = f"{format_duration(duration_s):>{_DURATION_COLUMNS}}{duration_s / path.makespan_s:>{_SHARE_COLUMNS}.0%}"
    console.print(Text.assemble(key, f" {shown}{figures}"), soft_wrap=True)
