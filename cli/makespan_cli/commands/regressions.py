"""What got slower, waits longer or takes more, since which commit, in every series of a pipeline.

Changes of level in duration, queue time, CPU, memory and I/O of the pipeline, its jobs and its steps; those that began
together are one cause. `--ack` and `--mute` keep what is known from being shown as news; `--all` shows everything.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from makespan_cli.pipeline_choice import add_pipeline_arguments, choose_pipeline
from makespan_cli.standing_arguments import (
    STANDINGS,
    add_standing_arguments,
    check_standing_arguments,
    is_said,
    note_standing,
)
from makespan_model.errors import UsageError
from makespan_model.matching import did_you_mean
from makespan_model.settings import load_settings
from makespan_model.units import format_bytes, format_duration

if TYPE_CHECKING:
    import pyarrow as pa
    from rich.console import Console

    from makespan_analytics.regressions.history_series import Series
    from makespan_analytics.regressions.pipeline_changes import Cause, Change, PipelineChanges
    from makespan_analytics.regressions.standing import Said

_DEFAULT_DAYS = 90
_NS_PER_DAY = 86_400 * 1_000_000_000
_SPARK_WIDTH = 24
_PARTS_SHOWN = 3


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_pipeline_arguments(parser)
    parser.add_argument(
        "--days", type=int, default=_DEFAULT_DAYS, metavar="N", help="how far to look back (default: %(default)s)"
    )
    branch = parser.add_mutually_exclusive_group()
    branch.add_argument("--branch", metavar="NAME", help="only runs of this branch")
    branch.add_argument(
        "--default-branch", action="store_true", help="only runs of the branch that everything is merged into"
    )
    parser.add_argument("--all", action="store_true", help="also improvements, changes that are over, and muted ones")
    add_standing_arguments(parser, "a cause")
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Print the changes, or note what is said about one.

    Raises:
        UsageError: No such pipeline, branch or change, or several pipelines and none named.
        UnavailableError: There is no history.
    """
    from makespan_analytics.branches import of_runs
    from makespan_analytics.regressions.history_series import pipeline_series
    from makespan_analytics.regressions.pipeline_changes import pipeline_changes
    from makespan_analytics.regressions.standing import read_standings
    from makespan_cli.rendering.consoles import result_console
    from makespan_collector.store.places import open_configured

    if arguments.days < 1:
        raise UsageError(f"--days must be 1 or more, not {arguments.days}")
    check_standing_arguments(arguments)
    settings = load_settings(Path.cwd(), flags={"store": arguments.store})
    said = read_standings(STANDINGS)
    with open_configured(settings, read_only=True) as store:
        chosen = choose_pipeline(store, settings.store, arguments.pipeline, arguments.repository)
        # From the newest run, not from today: a history that was imported is looked at as it was.
        narrowed = {
            "repository": chosen.repository,
            "pipeline": chosen.pipeline,
            "since_ns": max(0, chosen.last_start_ns - arguments.days * _NS_PER_DAY),
        }
        runs, where, branch = _of_branch(store.run_series(**narrowed), arguments)
        jobs, steps = (of_runs(rows, runs) for rows in (store.job_series(**narrowed), store.step_series(**narrowed)))
    series = list(pipeline_series(runs, jobs, steps))
    found = pipeline_changes((chosen.repository, chosen.pipeline), series)
    if is_said(arguments):
        known = {cause.headline.change_id for cause in found.causes}
        unknown = "no cause {id}; `makespan regressions --all` shows them"
        return note_standing(arguments, known, said, unknown=unknown)
    shown = [cause for cause in found.causes if arguments.all or _is_news(cause, said)]
    if arguments.json:
        print(json.dumps(_as_json(found, shown, said, runs.num_rows, branch), indent=2))
    else:
        title = f"{chosen.pipeline} of {chosen.repository}: {runs.num_rows} runs in {arguments.days} days{where}"
        _print(result_console(), title, found, shown, said, series)
    return 0


def _of_branch(runs: pa.Table, arguments: argparse.Namespace) -> tuple[pa.Table, str, str | None]:
    """The runs asked for, words that say which branch they are of, and its name."""
    from makespan_analytics.branches import default_branch, runs_of_branch

    if arguments.default_branch:
        found = default_branch(runs)
        if found is None:
            raise UsageError("no run says which branch it is of; leave --default-branch out")
        chosen = runs_of_branch(runs, found.name, reviews=False)
        return chosen, f" on {found.name} (default branch by {found.reason})", found.name
    if arguments.branch is None:
        return runs, "", None
    chosen = runs_of_branch(runs, arguments.branch)
    if not chosen.num_rows:
        known = sorted({ref for ref in runs["ref"].to_pylist() if ref})
        raise UsageError(
            f"no run of branch {arguments.branch!r} in {arguments.days} days{did_you_mean(arguments.branch, known)}"
        )
    return chosen, f" on {arguments.branch}", arguments.branch


def _is_news(cause: Cause, said: Mapping[str, Said]) -> bool:
    from makespan_analytics.regressions.standing import Standing, standing_of

    current = [change for change in cause.changes if change.is_current]
    muted = standing_of(cause.headline.change_id, said, time.time_ns()) is Standing.MUTED
    return cause.headline.is_regression and bool(current) and not muted


def _print(
    console: Console,
    title: str,
    found: PipelineChanges,
    shown: list[Cause],
    said: Mapping[str, Said],
    series: list[Series],
) -> None:
    console.print(title, style="bold", soft_wrap=True, markup=False)
    if not found.series:
        console.print("not enough runs: ten successful ones are the fewest that tell a change of level", soft_wrap=True)
        return
    if not shown:
        more = f"; --all shows {len(found.causes)} more" if found.causes else ""
        console.print(f"no regression in {found.series} series{more}", soft_wrap=True)
        return
    values = {(one.subject.job, one.subject.step, one.measure): one.values for one in series}
    for cause in shown:
        _print_cause(console, cause, said, values)


def _print_cause(
    console: Console, cause: Cause, said: Mapping[str, Said], values: Mapping[tuple[Any, ...], tuple[float, ...]]
) -> None:
    from rich.text import Text

    from makespan_analytics.regressions.standing import Standing, standing_of
    from makespan_cli.rendering.sparkline import sparkline

    first = cause.headline
    standing = standing_of(first.change_id, said, time.time_ns())
    notes = [word for word, holds in (("over", not any(c.is_current for c in cause.changes)),) if holds]
    notes += [standing.value] if standing is not Standing.OPEN else []
    console.print()
    line = Text(f"{first.change_id}  ", style="dim")
    line.append(f"since {_run(first.first_bad)}", style="bold")
    line.append(f", last before: {_run(first.last_good)}")
    line.append(f"  ({', '.join(notes)})" if notes else "", style="yellow")
    console.print(line, soft_wrap=True)
    for change in cause.changes[:_PARTS_SHOWN]:
        point, measure = change.point, change.measure
        style = "red" if change.is_regression else "green"
        row = Text(f"  {point.relative_change:+7.0%} ", style=style)
        row.append(f"{_WORDS[measure]} of {change.subject.name}: ")
        row.append(f"{_amount(measure, point.before)} → {_amount(measure, point.after)}  ")
        row.append(sparkline(values[change.subject.job, change.subject.step, measure], _SPARK_WIDTH), style="cyan")
        console.print(row, soft_wrap=True)
    if len(cause.changes) > _PARTS_SHOWN:
        console.print(f"  and {len(cause.changes) - _PARTS_SHOWN} more series that changed with it", style="dim")


_WORDS = {
    "duration_s": "duration",
    "queue_s": "queue time",
    "cpu_s": "CPU",
    "memory_peak_bytes": "memory peak",
    "io_read_bytes": "bytes read",
    "io_write_bytes": "bytes written",
}


def _amount(measure: str, value: float) -> str:
    return format_bytes(value) if measure.endswith("_bytes") else format_duration(value)


def _run(run: tuple[str, str | None]) -> str:
    run_id, commit = run
    return f"run {run_id}" if commit is None else f"{commit[:12]} (run {run_id})"


def _as_json(
    found: PipelineChanges, shown: list[Cause], said: Mapping[str, Said], runs: int, branch: str | None
) -> dict[str, Any]:
    from makespan_analytics.regressions.standing import standing_of

    now_ns = time.time_ns()
    return {
        "runs": runs,
        "branch": branch,
        "series": found.series,
        "too_short": found.too_short,
        "causes": [
            {
                "id": cause.headline.change_id,
                "standing": standing_of(cause.headline.change_id, said, now_ns).value,
                "changes": [_change_as_json(change) for change in cause.changes],
            }
            for cause in shown
        ],
    }


def _change_as_json(change: Change) -> dict[str, Any]:
    point = change.point
    return {
        "job": change.subject.job,
        "step": change.subject.step,
        "name": change.subject.name,
        "measure": change.measure.value,
        "before": point.before,
        "after": point.after,
        "relative_change": point.relative_change if point.before else None,
        "confidence": point.confidence,
        "is_regression": change.is_regression,
        "is_current": change.is_current,
        "last_good": {"run_id": change.last_good[0], "commit": change.last_good[1]},
        "first_bad": {"run_id": change.first_bad[0], "commit": change.first_bad[1]},
        "time_ns": point.time,
    }
