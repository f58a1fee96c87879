"""What the demo prints between its runs."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

from makespan_analytics.critical_path import critical_path
from makespan_analytics.profiles import PipelineProfile
from makespan_cli.demo.experiment import Arm
from makespan_cli.demo.outcome import Outcome
from makespan_cli.rendering.critical_path_bar import print_critical_path
from makespan_model.records import PipelineRun
from makespan_model.units import format_duration, format_ratio
from makespan_optimizer.plan import Applied

_DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def print_heading(console: Console, text: str) -> None:
    """A line that starts a part."""
    console.print()
    console.print(Text(text, style="bold"), soft_wrap=True)


def print_where_time_went(console: Console, latest: PipelineRun, profile: PipelineProfile) -> None:
    """Critical path of the latest run, and the pipeline's median makespan."""
    median, runs = format_duration(profile.makespan_s), profile.runs
    print_heading(console, f"Where the time goes: median makespan {median} over {runs} runs; the latest run:")
    print_critical_path(console, critical_path(latest))


def print_findings(console: Console, applied: Sequence[Applied], file: str) -> None:
    """Each applied finding with its place and evidence."""
    for entry in applied:
        finding = entry.finding
        saving = "" if finding.saving_s is None else f", {format_duration(finding.saving_s)} on the steps it touches"
        console.print()
        console.print(Text.assemble((f"{file}:{entry.line} ", "cyan"), finding.what), soft_wrap=True)
        console.print(Text(f"  {finding.pass_name}, evidence {finding.evidence}{saving}", style="dim"), soft_wrap=True)


def print_diff(console: Console, diff: str) -> None:
    """A unified diff, coloured on a terminal."""
    console.print()
    for line in diff.splitlines():
        console.print(Text(line, style=_DIFF_STYLES.get(line[:1], "")), soft_wrap=True)


def print_comparison(console: Console, outcome: Outcome) -> None:
    """The measured and the predicted side by side."""
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("workflow")
    for header in ("runs", "median", "speed-up", "predicted", "CPU s"):
        table.add_column(header, justify="right")
    for arm in Arm:
        first = arm is Arm.BEFORE
        table.add_row(
            arm.value,
            " ".join(f"{value:.1f}" for value in outcome.makespans_s(arm)),
            format_duration(outcome.median_s(arm)),
            "" if first else format_ratio(outcome.measured_ratio(arm)),
            "" if first else format_ratio(outcome.predicted_ratio(arm)),
            f"{outcome.cpu_s(arm):.1f}",
        )
    print_heading(console, "Measured, seconds:")
    console.print(table)
    tests = outcome.runs[0].verdict.tests
    console.print(
        f"Every run came to the same verdict: the same commands, the same {len(tests)} tests.", soft_wrap=True
    )
