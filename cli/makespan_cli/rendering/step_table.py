"""The steps of a pipeline, and its overhead and waiting, by what they add to the makespan."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.console import Console
from rich.text import Text

from makespan_analytics.critical_path import SegmentKind
from makespan_analytics.path_shares import PathShare
from makespan_analytics.pipeline_analysis import StepStanding
from makespan_cli.rendering.consoles import fit, fit_job_step
from makespan_cli.rendering.sparkline import sparkline
from makespan_model.units import format_duration

_OTHER_NAMES = {
    SegmentKind.OVERHEAD: "runner overhead",
    SegmentKind.QUEUE: "queued for a runner",
    SegmentKind.WAIT: "waiting to start",
}
_LEAST_NAME_COLUMNS = 16
_COURSE = "course"
_COURSE_FROM, _COURSE_COLUMNS = 100, 14
"""A console so wide has room for the course of durations, oldest run first."""
# "59 min 59 s" is the widest duration; six number columns leave 24 of 80 columns for the name.
_WIDTHS = {"on path": 8, "median": 12, "share": 6, "slack": 12, "CPU": 12, "cores": 6, _COURSE: _COURSE_COLUMNS}


def print_steps(console: Console, steps: Sequence[StepStanding], *, most: int) -> None:
    """Print the steps that were on a critical path, at most `most`, and say how many are not shown."""
    has_course = console.width >= _COURSE_FROM and not console.options.ascii_only
    columns = ("on path", "median", "share", "slack", "CPU", "cores", *((_COURSE,) if has_course else ()))
    _print_header(console, "job and step", columns)
    on_path = [step for step in steps if step.share is not None]
    for step in on_path[:most]:
        assert step.share is not None
        cpu_s, cores = step.profile.cpu_s, step.cores_used
        values = (
            f"{step.share.runs_on_path}/{step.share.runs}",
            format_duration(step.profile.duration_s),
            f"{step.share.share_ratio:.0%}",
            format_duration(step.slack_s),
            "?" if cpu_s is None else format_duration(cpu_s),
            "?" if cores is None else f"{cores:.1f}",
            *((sparkline(step.profile.durations_s, _COURSE_COLUMNS - 2),) if has_course else ()),
        )
        _print_row(console, (step.profile.job_id, step.profile.name), columns, values)
    _print_hidden(console, len(on_path) - most, len(steps) - len(on_path))


def print_others(console: Console, others: Sequence[PathShare], *, stepless: Collection[str] = ()) -> None:
    """Print what the critical paths hold besides steps; `stepless` are job ids of which no steps were recorded."""
    columns = ("on path", "median", "share")
    _print_header(console, "besides steps", columns)
    for share in others:
        is_whole = share.kind is SegmentKind.OVERHEAD and share.job_id in stepless
        what = "steps not known" if is_whole else _OTHER_NAMES[share.kind]
        name = "after the last job" if share.job_id is None else (share.job_id, what)
        values = (
            f"{share.runs_on_path}/{share.runs}",
            format_duration(share.critical_s),
            f"{share.share_ratio:.0%}",
        )
        _print_row(console, name, columns, values)


def _print_hidden(console: Console, more_on_path: int, off_path: int) -> None:
    parts = [
        f"{more_on_path} more on the critical path" if more_on_path > 0 else "",
        f"{off_path} never on the critical path" if off_path else "",
    ]
    if any(parts):
        console.print(f"Not shown: {', '.join(filter(None, parts))} (--json has all).", soft_wrap=True)


def _print_header(console: Console, first: str, columns: Sequence[str]) -> None:
    _print_row(console, first, columns, columns, style="bold")


def _print_row(
    console: Console, name: str | tuple[str, str], columns: Sequence[str], values: Sequence[str], style: str = ""
) -> None:
    widths = [_WIDTHS[column] for column in columns]
    name_columns = max(_LEAST_NAME_COLUMNS, console.width - sum(widths))
    cells = "".join(f"{value:>{width}}" for value, width in zip(values, widths, strict=True))
    ascii_only = console.options.ascii_only
    shown = (
        fit(name, name_columns, ascii_only=ascii_only)
        if isinstance(name, str)
        else fit_job_step(*name, name_columns, ascii_only=ascii_only)
    )
    console.print(Text(shown + cells, style), soft_wrap=True)
