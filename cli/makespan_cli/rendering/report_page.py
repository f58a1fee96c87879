"""The report of one pipeline on a terminal: what to do first, then where the time goes, then what else is known."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from makespan_analytics.findings.bottlenecks import FEWEST_RUNS
from makespan_analytics.queueing.starvation import Verdict
from makespan_cli.kept_findings import KeptFinding
from makespan_cli.rendering.consoles import printable
from makespan_cli.rendering.critical_path_bar import print_critical_path
from makespan_cli.rendering.finding_table import format_usd, is_worth_showing, print_findings
from makespan_cli.rendering.profile_sections import (
    classed_steps,
    jobs_with_setup,
    print_classes,
    print_setup,
    print_variance,
    told_factors,
)
from makespan_cli.rendering.sparkline import sparkline
from makespan_cli.rendering.step_table import print_others, print_steps
from makespan_cli.rendering.waiting_and_flakiness import print_flaky, print_pools
from makespan_cli.rendering.what_if_table import print_what_if, worth_showing
from makespan_model.units import format_duration

if TYPE_CHECKING:
    from makespan_analytics.pipeline_report import PipelineReport
    from makespan_analytics.profiles.pipeline_history import PipelineHistory

_FINDINGS_SHOWN = 5
_ROWS_SHOWN = 15
_WHAT_IF_SHOWN = 8
# Half a percent is what the table would round to 0 or 1 %.
_OTHERS_SHOWN_RATIO = 0.005
_FEWEST_BARS = 5
"""Fewer bars show no course."""
_SPARK_MARGIN = 24


def print_report(
    console: Console, report: PipelineReport, kept: Sequence[KeptFinding], history: PipelineHistory
) -> None:
    """Print every section that has something to say."""
    print_title(console, report)
    if any(is_worth_showing(one) for one in kept):
        print_findings(console, kept, most=_FINDINGS_SHOWN)
        console.print()
    analysis = report.analysis
    stepless = _stepless(report)
    console.print(f"Critical path of run {analysis.latest.run_id}, the latest:", soft_wrap=True)
    print_critical_path(console, analysis.latest, stepless=stepless)
    if analysis.steps:
        console.print()
        print_steps(console, analysis.steps, most=_ROWS_SHOWN)
    others = [share for share in analysis.others if share.share_ratio >= _OTHERS_SHOWN_RATIO]
    if others:
        console.print()
        print_others(console, others[:_ROWS_SHOWN], stepless=stepless)
    if analysis.runs >= FEWEST_RUNS and worth_showing(report.speedups):
        console.print()
        print_what_if(console, report.speedups, most=_WHAT_IF_SHOWN, stepless=stepless)
    _print_profiles(console, report, history)
    if any(pool.verdict is not Verdict.FINE for pool in report.pools):
        console.print()
        print_pools(console, report.pools)
    flaky = (*report.flaky_tests, *report.flaky_steps)
    if flaky:
        console.print()
        print_flaky(console, flaky, most=_ROWS_SHOWN)
    print_not_enough(console, report)


def _print_profiles(console: Console, report: PipelineReport, history: PipelineHistory) -> None:
    """What the steps on the path are bound by, their jobs' set-up, and what times differ by, as far as known."""
    on_path = [(one.profile.job_id, one.profile.path) for one in report.analysis.steps if one.share is not None]
    steps = classed_steps(history.jobs, on_path)
    if steps:
        console.print()
        print_classes(console, steps, most=_ROWS_SHOWN)
    jobs = jobs_with_setup(history.jobs, {job_id for job_id, _ in on_path})
    if jobs:
        console.print()
        print_setup(console, jobs, most=_ROWS_SHOWN)
    if history.variance is not None and told_factors(history.variance):
        console.print()
        print_variance(console, history.variance)


def _stepless(report: PipelineReport) -> set[str]:
    """Jobs of which no steps are known: an import may have jobs alone."""
    with_steps = {step.profile.job_id for step in report.analysis.steps}
    on_path = {one.job_id for one in report.analysis.others} | {one.subject.job_id for one in report.speedups}
    return {job_id for job_id in on_path if job_id is not None} - with_steps


def print_title(console: Console, report: PipelineReport) -> None:
    """Print which pipeline it is, how long it takes and what it costs."""
    analysis = report.analysis
    runs = f"{analysis.runs} run{'s' * (analysis.runs != 1)}"
    left_out = f", {analysis.runs_left_out} unsuccessful left out" if analysis.runs_left_out else ""
    title = printable(f"{report.pipeline} of {report.repository}: {runs}{left_out}")
    console.print(title, style="bold", soft_wrap=True)
    console.print(
        f"makespan: median {format_duration(analysis.makespan_s)}, "
        f"from {format_duration(analysis.fastest_s)} to {format_duration(analysis.slowest_s)}",
        soft_wrap=True,
    )
    if len(report.makespans_s) >= _FEWEST_BARS and not console.options.ascii_only:
        bars = sparkline(report.makespans_s, max(_FEWEST_BARS, console.width - _SPARK_MARGIN))
        console.print(Text(bars, "cyan").append(f" {len(report.makespans_s)} runs", "dim"), soft_wrap=True)
    console.print(
        f"critical path: {format_duration(analysis.execution_s)} executing, "
        f"{format_duration(analysis.waiting_s)} queueing and waiting (medians)",
        soft_wrap=True,
    )
    _print_forecast(console, report)
    _print_cost(console, report)
    console.print()


def _print_forecast(console: Console, report: PipelineReport) -> None:
    forecast = report.next_run
    if forecast is not None:
        console.print(
            f"next run: about {format_duration(forecast.expected_s)} "
            f"({forecast.coverage:.0%}: {format_duration(forecast.low_s)} to {format_duration(forecast.high_s)})",
            soft_wrap=True,
        )


def _print_cost(console: Console, report: PipelineReport) -> None:
    costs = report.costs
    if costs.unpriced_jobs >= costs.jobs:
        return
    unpriced = f"; unpriced: {costs.unpriced_jobs} of {costs.jobs} jobs" if costs.unpriced_jobs else ""
    console.print(
        f"cost at list prices: {format_usd(costs.usd_per_month)} a month, {costs.usd / costs.runs:.3f} a run{unpriced}",
        soft_wrap=True,
    )
    _print_growth(console, report)


def _print_growth(console: Console, report: PipelineReport) -> None:
    """Only what is beyond chance is called growth."""
    growth = report.cost_growth
    if growth is None or not growth.cost.is_certain:
        return
    word = "grows" if growth.cost.per_week > 0 else "falls"
    console.print(
        f"cost {word} by {format_usd(abs(growth.cost.per_week))} a week each week; next {growth.days} days: "
        f"{format_usd(growth.low_usd)} to {format_usd(growth.high_usd)}",
        soft_wrap=True,
    )


def print_not_enough(console: Console, report: PipelineReport) -> None:
    """Print what nothing could be said of for want of data."""
    if report.not_enough:
        console.print()
    for one in report.not_enough:
        console.print(
            Text(f"not enough runs for {one.what}: {one.needs} {one.of} are needed, there are {one.has}", "dim"),
            soft_wrap=True,
        )
