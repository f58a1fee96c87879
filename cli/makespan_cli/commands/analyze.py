"""What holds a pipeline back, what to do about it first, and what it costs.

Reads the history that `makespan exec`, `makespan serve` and `makespan import` keep. Failed and cancelled runs are left
out of times while there are successful ones. Findings are remembered beside the history: `--findings` shows them all
with their evidence, `--ack` and `--mute` keep known ones from being shown as news. The shape of --json is in
docs/analytics.md.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING

from makespan_cli.fleet_analysis import (
    add_fleet_arguments,
    check_fleet_arguments,
    execute_fleet,
    has_several,
    is_fleet_meant,
)
from makespan_cli.history_samples import newest_samples
from makespan_cli.pipeline_choice import add_pipeline_arguments, choose_pipeline
from makespan_cli.standing_arguments import (
    STANDINGS,
    add_standing_arguments,
    check_standing_arguments,
    is_said,
    note_standing,
)
from makespan_model.errors import UsageError
from makespan_model.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from makespan_analytics.pipeline_report import PipelineReport
    from makespan_cli.kept_findings import KeptFinding
    from makespan_collector.store.contract import Store
    from makespan_model.records import PipelineRun
    from makespan_model.setting_tables import Settings

_DEFAULT_RUNS = 20
_HISTORY_RUNS = 500
"""Runs that change points, flakiness and sizes are looked for in: a quarter of a year of five runs a day."""
_TESTED_RUNS = 50
"""Newest runs whose test results are read: a run may have thousands."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    add_pipeline_arguments(parser)
    parser.add_argument(
        "--runs",
        type=int,
        default=_DEFAULT_RUNS,
        metavar="N",
        help="how many of the newest comparable runs times are of (default: %(default)s)",
    )
    parser.add_argument(
        "--findings", action="store_true", help="all findings with their evidence, muted and closed ones too"
    )
    add_standing_arguments(parser, "a finding")
    add_fleet_arguments(parser)
    parser.add_argument("--json", action="store_true", help="print the analysis as JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Print the analysis, or note what is said about a finding.

    Raises:
        UsageError: No such pipeline or finding, or several pipelines and none named whose findings are meant.
        UnavailableError: There is no history.
    """
    from makespan_analytics.regressions.standing import read_standings
    from makespan_cli.kept_findings import keep_findings
    from makespan_cli.rendering.consoles import result_console
    from makespan_collector.store.places import open_configured

    if arguments.runs < 1:
        raise UsageError(f"--runs must be 1 or more, not {arguments.runs}")
    check_standing_arguments(arguments)
    check_fleet_arguments(arguments)
    settings = load_settings(Path.cwd(), flags={"store": arguments.store})
    if arguments.all or (is_fleet_meant(arguments) and has_several(settings, arguments.repository)):
        return execute_fleet(arguments, settings, history_runs=_HISTORY_RUNS)
    said = read_standings(STANDINGS)
    with open_configured(settings, read_only=True) as store:
        runs, report = _report(store, settings, arguments)
    kept = keep_findings(settings.store, report, said)
    if is_said(arguments):
        known = {one.finding.finding_id for one in kept}
        return note_standing(
            arguments, known, said, unknown="no finding {id}; `makespan analyze --findings` shows them"
        )
    console = None if arguments.json else result_console()
    if arguments.findings:
        _print_findings(console, report, kept)
    else:
        _print_report(console, report, kept, runs)
    return 0


def _print_findings(console: Console | None, report: PipelineReport, kept: Sequence[KeptFinding]) -> None:
    """Without a console as JSON."""
    from makespan_cli.analysis_json import kept_as_json
    from makespan_cli.rendering.finding_table import print_all_findings
    from makespan_cli.rendering.report_page import print_not_enough, print_title

    if console is None:
        print(json.dumps([kept_as_json(one) for one in kept], indent=2))
        return
    print_title(console, report)
    if kept:
        print_all_findings(console, kept)
    else:
        console.print("no findings", soft_wrap=True)
    print_not_enough(console, report)


def _print_report(
    console: Console | None, report: PipelineReport, kept: Sequence[KeptFinding], runs: Sequence[PipelineRun]
) -> None:
    """Without a console as JSON."""
    from makespan_analytics.profiles.pipeline_history import pipeline_history
    from makespan_cli.analysis_json import report_as_json
    from makespan_cli.rendering.report_page import print_report

    history = pipeline_history(runs)
    if console is None:
        print(json.dumps(report_as_json(report, kept, history), indent=2))
    else:
        print_report(console, report, kept, history)


def _report(
    store: Store, settings: Settings, arguments: argparse.Namespace
) -> tuple[list[PipelineRun], PipelineReport]:
    from makespan_analytics.pipeline_report import analyze_one

    chosen = choose_pipeline(store, settings.store, arguments.pipeline, arguments.repository)
    most = max(arguments.runs, _HISTORY_RUNS)
    runs = store.runs(pipeline=chosen.pipeline, repository=chosen.repository, limit=most)
    report = analyze_one(
        runs,
        own_usd_per_hour=settings.runner_usd_per_hour,
        recent_runs=arguments.runs,
        samples_of=newest_samples(store, runs),
        tests=store.tests([run.identity.trace_id for run in runs[-_TESTED_RUNS:]]),
    )
    return runs, report
