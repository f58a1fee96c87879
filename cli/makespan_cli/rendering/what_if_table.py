"""What the makespan would fall by if a step, overhead or queueing took less time."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.console import Console
from rich.text import Text

from makespan_analytics.critical_path import SegmentKind
from makespan_analytics.what_if.speedups import SPEEDUPS, VirtualSpeedup
from makespan_cli.rendering.consoles import fit, fit_job_step
from makespan_model.units import format_duration

_SHOWN = {0.25: "25 % less", 0.5: "half", 1.0: "none at all"}
_CELL, _INTERVAL = 12, 14
_LEAST_NAME_COLUMNS = 16
_WORDS = {SegmentKind.OVERHEAD: "(runner overhead)", SegmentKind.QUEUE: "(queueing)"}
_LEAST_RATIO = 0.01
"""A hundredth of the makespan: what would be less is noise."""


def worth_showing(speedups: Sequence[VirtualSpeedup]) -> list[VirtualSpeedup]:
    """Those that would save a hundredth of the makespan or more if they took no time."""
    return [one for one in speedups if one.gains[-1].saved_ratio >= _LEAST_RATIO]


def print_what_if(
    console: Console, speedups: Sequence[VirtualSpeedup], *, most: int, stepless: Collection[str] = ()
) -> None:
    """Print what each is worth, at most `most` of them; `stepless` are job ids of which no steps were recorded."""
    shown = worth_showing(speedups)
    columns = max(_LEAST_NAME_COLUMNS, console.width - len(_SHOWN) * _CELL - _INTERVAL)
    header = "".join(f"{title:>{_CELL}}" for title in _SHOWN.values())
    title = fit("what if it took …" if not console.options.ascii_only else "what if it took", columns, ascii_only=True)
    within = "half's 90 % +-" if console.options.ascii_only else "half's 90 % ±"
    console.print(Text(f"{title}{header}{within:>{_INTERVAL}}", "bold"), soft_wrap=True)
    places = [SPEEDUPS.index(speedup) for speedup in _SHOWN]
    half = SPEEDUPS.index(0.5)
    for one in shown[:most]:
        what = _WORDS.get(one.subject.kind) or one.name or one.subject.step_path or ""
        if one.subject.kind is SegmentKind.OVERHEAD and one.subject.job_id in stepless:
            what = "(steps not known)"
        ascii_only = console.options.ascii_only
        name = fit_job_step(one.subject.job_id, what, columns, ascii_only=ascii_only)
        cells = "".join(f"{format_duration(one.gains[place].saved_s):>{_CELL}}" for place in places)
        gain = one.gains[half]
        interval = format_duration((gain.high_s - gain.low_s) / 2)
        console.print(Text(f"{name}{cells}{interval:>{_INTERVAL}}"), soft_wrap=True)
    if len(shown) > most:
        console.print(f"Not shown: {len(shown) - most} more (--json has all).", soft_wrap=True)
