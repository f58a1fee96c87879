"""Where the time of a pipeline goes: its critical path, who is on it, and what is only waiting.

Reads the history that `makespan exec` and `makespan serve` keep. Failed and cancelled runs are left out
while there are successful ones. The shape of --json is in docs/analytics.md.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from makespan_cli.pipeline_choice import add_pipeline_arguments, choose_pipeline
from makespan_model.errors import UsageError
from makespan_model.settings import load_settings
from makespan_model.units import format_duration

if TYPE_CHECKING:
    from rich.console import Console

    from makespan_analytics.critical_path import CriticalPath
    from makespan_analytics.path_shares import PathShare
    from makespan_analytics.pipeline_analysis import PipelineAnalysis, StepStanding

_DEFAULT_RUNS = 20
_ROWS_SHOWN = 15
# Half a percent is what the table would round to 0 or 1 %.
_OTHERS_SHOWN_RATIO = 0.005


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_pipeline_arguments(parser)
    parser.add_argument(
        "--runs",
        type=int,
        default=_DEFAULT_RUNS,
        metavar="N",
        help="how many of the newest runs (default: %(default)s)",
    )
    parser.add_argument("--json", action="store_true", help="print the analysis as JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Print the analysis.

    Raises:
        UsageError: No such pipeline, or several and none named.
        UnavailableError: There is no history.
    """
    from makespan_analytics.pipeline_analysis import analyze_pipeline
    from makespan_cli.rendering.consoles import result_console
    from makespan_collector.store.places import open_configured

    if arguments.runs < 1:
        raise UsageError(f"--runs must be 1 or more, not {arguments.runs}")
    settings = load_settings(Path.cwd(), flags={"store": arguments.store})
    with open_configured(settings, read_only=True) as store:
        chosen = choose_pipeline(store, settings.store, arguments.pipeline, arguments.repository)
        runs = store.runs(pipeline=chosen.pipeline, repository=chosen.repository, limit=arguments.runs)
    analysis = analyze_pipeline(runs)
    if arguments.json:
        print(json.dumps(analysis_as_json(analysis), indent=2))
    else:
        _print_analysis(result_console(), analysis)
    return 0


def _print_analysis(console: Console, analysis: PipelineAnalysis) -> None:
    from makespan_cli.rendering.critical_path_bar import print_critical_path
    from makespan_cli.rendering.step_table import print_others, print_steps

    runs = f"{analysis.runs} run{'s' * (analysis.runs != 1)}"
    left_out = f", {analysis.runs_left_out} unsuccessful left out" if analysis.runs_left_out else ""
    console.print(f"{analysis.pipeline} of {analysis.repository}: {runs}{left_out}", style="bold", soft_wrap=True)
    console.print(
        f"makespan: median {format_duration(analysis.makespan_s)}, "
        f"from {format_duration(analysis.fastest_s)} to {format_duration(analysis.slowest_s)}",
        soft_wrap=True,
    )
    console.print(
        f"on the critical path: {format_duration(analysis.execution_s)} executing, "
        f"{format_duration(analysis.waiting_s)} queueing and waiting (medians)\n",
        soft_wrap=True,
    )
    console.print(f"Critical path of run {analysis.latest.run_id}, the latest:", soft_wrap=True)
    print_critical_path(console, analysis.latest)
    console.print()
    print_steps(console, analysis.steps, most=_ROWS_SHOWN)
    others = [share for share in analysis.others if share.share_ratio >= _OTHERS_SHOWN_RATIO]
    if others:
        console.print()
        print_others(console, others[:_ROWS_SHOWN])


def analysis_as_json(analysis: PipelineAnalysis) -> dict[str, Any]:
    """The documented shape (docs/analytics.md)."""
    return {
        "pipeline": analysis.pipeline,
        "repository": analysis.repository,
        "runs": analysis.runs,
        "runs_left_out": analysis.runs_left_out,
        "makespan_s": {
            "median": analysis.makespan_s,
            "fastest": analysis.fastest_s,
            "slowest": analysis.slowest_s,
        },
        "critical_path_s": {"execution": analysis.execution_s, "waiting": analysis.waiting_s},
        "latest_critical_path": _path_as_json(analysis.latest),
        "steps": [_step_as_json(step) for step in analysis.steps],
        "others": [_share_as_json(share) for share in analysis.others],
    }


def _path_as_json(path: CriticalPath) -> dict[str, Any]:
    segments = [
        {
            "kind": segment.kind.value,
            "start_s": segment.start_s,
            "duration_s": segment.duration_s,
            "job": segment.job,
            "job_id": segment.job_id,
            "step": segment.step,
            "step_path": segment.step_path,
        }
        for segment in path.segments
    ]
    return {"run_id": path.run_id, "makespan_s": path.makespan_s, "segments": segments}


def _step_as_json(step: StepStanding) -> dict[str, Any]:
    profile = step.profile
    return {
        "job_id": profile.job_id,
        "step_path": profile.path,
        "name": profile.name,
        "runs": profile.runs,
        "failures": profile.failures,
        "duration_s": profile.duration_s,
        "slack_s": step.slack_s,
        "cpu_s": profile.cpu_s,
        "cores_used": step.cores_used,
        "memory_peak_bytes": profile.memory_peak_bytes,
        "critical": None if step.share is None else _share_as_json(step.share),
    }


def _share_as_json(share: PathShare) -> dict[str, Any]:
    return {**asdict(share), "kind": share.kind.value}
