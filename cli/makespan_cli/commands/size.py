"""How much memory and CPU the jobs and steps of a pipeline need, and which runner is enough.

Reads the history that `makespan exec` and `makespan serve` keep. Says "not enough runs" rather than guess. The shape
of --json is in docs/analytics/sizing.md.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from makespan_cli.history_samples import newest_samples
from makespan_cli.pipeline_choice import add_pipeline_arguments, choose_pipeline
from makespan_model.errors import UsageError
from makespan_model.settings import load_settings

if TYPE_CHECKING:
    from makespan_analytics.sizing.pipeline_sizes import PipelineSizes, Size
    from makespan_analytics.sizing.runner_choice import RunnerChoice

_DEFAULT_RUNS = 100


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
    parser.add_argument(
        "--risk",
        type=float,
        metavar="RATIO",
        help="accepted probability that a run needs more memory than advised, 0.001 to 0.5 (default: 0.02)",
    )
    parser.add_argument("--json", action="store_true", help="print the sizes as JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Print the sizes.

    Raises:
        UsageError: No such pipeline, several and none named, or a number that cannot be.
        UnavailableError: There is no history.
    """
    from makespan_analytics.sizing.memory_size import HIGHEST_RISK, LEAST_RISK, MOST_RISK
    from makespan_analytics.sizing.pipeline_sizes import size_pipeline
    from makespan_cli.rendering.consoles import result_console
    from makespan_cli.rendering.size_table import print_sizes
    from makespan_collector.store.places import open_configured

    if arguments.runs < 1:
        raise UsageError(f"--runs must be 1 or more, not {arguments.runs}")
    risk = HIGHEST_RISK if arguments.risk is None else arguments.risk
    if not LEAST_RISK <= risk <= MOST_RISK:
        raise UsageError(f"--risk must be within {LEAST_RISK} and {MOST_RISK}, not {risk}")
    settings = load_settings(Path.cwd(), flags={"store": arguments.store})
    with open_configured(settings, read_only=True) as store:
        chosen = choose_pipeline(store, settings.store, arguments.pipeline, arguments.repository)
        runs = store.runs(pipeline=chosen.pipeline, repository=chosen.repository, limit=arguments.runs)
        sizes = size_pipeline(runs, newest_samples(store, runs), highest_risk=risk)
    if arguments.json:
        print(json.dumps(sizes_as_json(sizes), indent=2))
    else:
        print_sizes(result_console(), sizes)
    return 0


def sizes_as_json(sizes: PipelineSizes) -> dict[str, Any]:
    """The documented shape (docs/analytics/sizing.md)."""
    return {
        "pipeline": sizes.pipeline,
        "repository": sizes.repository,
        "runs": sizes.runs,
        "highest_risk": sizes.highest_risk,
        "jobs": [_size_as_json(size) for size in sizes.jobs],
        "steps": [_size_as_json(size) for size in sizes.steps],
    }


def _size_as_json(size: Size) -> dict[str, Any]:
    return {
        "job_id": size.job_id,
        "step_path": size.step_path,
        "name": size.name,
        "runs": size.runs,
        "verdict": size.verdict.value,
        "memory": None if size.memory is None else asdict(size.memory),
        "cpu": None if size.cpu is None else asdict(size.cpu),
        "offered_memory_bytes": size.offered_memory_bytes,
        "offered_cores": size.offered_cores,
        "evidence": asdict(size.evidence),
        "flags": None if size.flags is None else asdict(size.flags),
        "uses_jvm": size.uses_jvm,
        "runner": None if size.runner is None else _choice_as_json(size.runner),
    }


def _choice_as_json(choice: RunnerChoice) -> dict[str, Any]:
    return {
        "advised": None if choice.advised is None else choice.advised.runner.name,
        "is_lower_bound": choice.is_lower_bound,
        "source": choice.source,
        "classes": [
            {
                "name": fit.runner.name,
                "labels": fit.runner.labels,
                "cores": fit.runner.cores,
                "memory_bytes": fit.runner.memory_bytes,
                "slowdown_ratio": fit.slowdown_ratio,
                "oom_risk": fit.oom_risk,
                "usd_per_run": fit.usd_per_run,
                "fits": fit.fits,
            }
            for fit in choice.fits
        ],
    }
