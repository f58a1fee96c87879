"""Runner labels whose jobs wait, and steps and tests that fail on good code."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from makespan_analytics.flakiness.standings import FlakyStanding
from makespan_analytics.queueing.starvation import PoolStanding, Verdict
from makespan_cli.rendering.consoles import fit, fit_job_step
from makespan_model.units import format_duration

_LEAST_NAME_COLUMNS = 16
_CELL = 12
_VERDICTS = {
    Verdict.STARVED: ("too few", "red"),
    Verdict.TIGHT: ("full at times", "yellow"),
    Verdict.SLOW_PICKUP: ("slow pickup", "yellow"),
    Verdict.FINE: ("fine", ""),
}
_FLAKY_CELLS = {"failed": 10, "on good code": 14, "runner time": 13, "advice": 12}


def print_pools(console: Console, pools: Sequence[PoolStanding]) -> None:
    """Print how long jobs of each label wait, and why."""
    titles = ("usual wait", "1 in 10", "at once", "verdict")
    columns = max(_LEAST_NAME_COLUMNS, console.width - 3 * _CELL - 15)
    header = "".join(f"{title:>{_CELL}}" for title in titles[:3]) + f"{titles[3]:>15}"
    console.print(Text(fit("waiting for runners", columns, ascii_only=True) + header, "bold"), soft_wrap=True)
    for pool in pools:
        word, style = _VERDICTS[pool.verdict]
        name = fit(", ".join(pool.labels) or "(no label)", columns, ascii_only=console.options.ascii_only)
        cells = (format_duration(pool.queue_s), format_duration(pool.late_queue_s), str(pool.most_at_once))
        line = Text(name + "".join(f"{cell:>{_CELL}}" for cell in cells))
        line.append(f"{word:>15}", style)
        console.print(line, soft_wrap=True)


def print_flaky(console: Console, flaky: Sequence[FlakyStanding], *, most: int) -> None:
    """Print what failed although the same commit also passed, at most `most` of it."""
    columns = max(_LEAST_NAME_COLUMNS, console.width - sum(_FLAKY_CELLS.values()))
    header = "".join(f"{title:>{width}}" for title, width in _FLAKY_CELLS.items())
    console.print(Text(fit("flaky", columns, ascii_only=True) + header, "bold"), soft_wrap=True)
    ascii_only = console.options.ascii_only
    for one in flaky[:most]:
        name = (
            fit(one.name, columns, ascii_only=ascii_only)
            if one.subject.test
            else fit_job_step(one.subject.job_id, one.name, columns, ascii_only=ascii_only)
        )
        cells = (
            f"{len(one.spurious)}/{one.executions}",
            f"{_percent(one.flakiness.low)}-{_percent(one.flakiness.high)} %",
            format_duration(one.lost_s),
            one.advice.value,
        )
        line = "".join(f"{cell:>{width}}" for cell, width in zip(cells, _FLAKY_CELLS.values(), strict=True))
        console.print(Text(name + line), soft_wrap=True)
    if len(flaky) > most:
        console.print(f"Not shown: {len(flaky) - most} more (--json has all).", soft_wrap=True)


def _percent(ratio: float) -> str:
    return f"{100 * ratio:.1f}" if ratio < 0.095 else f"{100 * ratio:.0f}"
