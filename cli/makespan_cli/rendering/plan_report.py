"""What `makespan optimize` prints for a person, and the same as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from makespan_model.errors import WorkflowError
from makespan_model.units import format_duration, format_ratio
from makespan_optimizer.passes.findings import LEVELS, EvidenceLevel, Finding
from makespan_optimizer.plan import HeldBack, Plan

_DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan"}
_LEVEL_STYLES = {"proven": "green", "measured": "cyan", "assumed": "yellow"}


@dataclass(frozen=True, slots=True)
class Forecast:
    """Predicted makespans in seconds, with filled and with empty caches.

    Attributes:
        unmeasured: Steps without a cost, which the prediction leaves out.
    """

    before_s: float
    warm_s: float
    cold_s: float
    unmeasured: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PlanReport:
    """A plan with all that is said about it.

    Attributes:
        history: Where the evidence came from, one sentence.
        written: Whether the file was replaced.
        faults: What GitHub would refuse in the expressions and calls of the file as it was.
        not_understood: Keys of the file that nothing is known of.
    """

    plan: Plan
    level: EvidenceLevel
    history: str
    forecast: Forecast | None
    written: bool
    faults: tuple[WorkflowError, ...] = ()
    not_understood: tuple[WorkflowError, ...] = ()


def print_report(console: Console, report: PlanReport, *, with_diff: bool) -> None:
    """Findings, what was held back, the predicted makespan and, if asked for, the diff."""
    plan = report.plan
    file = plan.before.file
    console.print(Text(report.history, style="dim"), soft_wrap=True)
    for fault in report.faults:
        console.print(Text(f"GitHub would refuse {fault}", style="red"), soft_wrap=True)
    for key in report.not_understood:
        console.print(Text(f"{key}", style="yellow"), soft_wrap=True)
    for applied in plan.applied:
        _print_finding(console, file, applied.line, applied.finding)
    if not plan.applied:
        console.print(f"{file}: nothing to change at evidence level {report.level}.", soft_wrap=True)
    _print_held_back(console, plan)
    if report.forecast is not None and plan.applied:
        _print_forecast(console, report.forecast)
    if plan.applied:
        console.print(f"\nVerified: {', '.join(plan.checks)}.", soft_wrap=True)
        for note in plan.lint.notes:
            console.print(Text(f"Note: {note}.", style="yellow"), soft_wrap=True)
    if with_diff and plan.changed:
        print_diff(console, plan.diff())
    if report.written:
        console.print(f"\n{file} was rewritten.", soft_wrap=True)
    elif plan.changed:
        console.print("\nNothing was written; --write does it, --diff shows it.", soft_wrap=True)


def print_diff(console: Console, diff: str) -> None:
    """A unified diff, coloured on a terminal."""
    console.print()
    for line in diff.splitlines():
        console.print(Text(line, style=_DIFF_STYLES.get(line[:1], "")), soft_wrap=True)


def report_as_json(report: PlanReport) -> dict[str, Any]:
    """The documented shape (docs/optimizer.md)."""
    plan = report.plan
    findings = [_finding_as_json(entry.line, entry.finding, applied=True, reason=None) for entry in plan.applied]
    findings += [
        _finding_as_json(entry.line, entry.finding, applied=False, reason=_reason(entry)) for entry in plan.held_back
    ]
    forecast = report.forecast
    return {
        "file": plan.before.file,
        "evidence": report.level,
        "history": report.history,
        "findings": findings,
        "faults": [_placed(fault) for fault in report.faults],
        "not_understood": [_placed(key) for key in report.not_understood],
        "changed": plan.changed,
        "verified": {"checks": list(plan.checks), "notes": list(plan.lint.notes)},
        "predicted": None
        if forecast is None
        else {
            "before_s": forecast.before_s,
            "after_warm_s": forecast.warm_s,
            "after_cold_s": forecast.cold_s,
            "unmeasured": list(forecast.unmeasured),
        },
        "diff": plan.diff(),
        "output": plan.after.text,
        "written": report.written,
    }


def _placed(error: WorkflowError) -> dict[str, Any]:
    return {"line": error.line, "column": error.column, "message": error.what}


def _print_finding(console: Console, file: str, line: int, finding: Finding) -> None:
    saving = "" if finding.saving_s is None else f", {format_duration(finding.saving_s)} on the steps it touches"
    console.print()
    console.print(Text.assemble((f"{file}:{line} ", "bold"), finding.what), soft_wrap=True)
    console.print(Text(f"  {finding.why}"), soft_wrap=True)
    evidence = Text(finding.evidence, style=_LEVEL_STYLES[finding.evidence])
    console.print(Text.assemble("  ", finding.pass_name, ", evidence ", evidence, saving), soft_wrap=True)


def _print_held_back(console: Console, plan: Plan) -> None:
    for level in LEVELS:
        count = sum(held.admitted_by == level for held in plan.held_back)
        if count:
            plural = "s" * (count != 1)
            console.print(f"\n{count} finding{plural} held back; --evidence {level} admits them:", soft_wrap=True)
            for held in plan.held_back:
                if held.admitted_by == level:
                    console.print(Text(f"  {plan.before.file}:{held.line} {held.finding.what}"), soft_wrap=True)
    for held in plan.refused:
        console.print()
        console.print(Text(f"Refused: {plan.before.file}:{held.line} {held.finding.what}", style="red"), soft_wrap=True)
        for problem in held.problems:
            console.print(Text(f"  {problem}"), soft_wrap=True)


def _print_forecast(console: Console, forecast: Forecast) -> None:
    warm, cold = forecast.warm_s, forecast.cold_s
    text = f"\nPredicted makespan: {format_duration(forecast.before_s)} before, {format_duration(warm)} after"
    if warm > 0:
        text += f" ({format_ratio(forecast.before_s / warm)})"
    if abs(cold - warm) > 0.05:
        text += f"; {format_duration(cold)} in the first run, while caches are empty"
    console.print(f"{text}.", soft_wrap=True)
    if forecast.unmeasured:
        console.print(f"Not in it, because never measured: {', '.join(forecast.unmeasured)}.", soft_wrap=True)


def _reason(held: HeldBack) -> str:
    if held.problems:
        return f"refused: {'; '.join(held.problems)}"
    return f"needs --evidence {held.admitted_by}"


def _finding_as_json(line: int, finding: Finding, *, applied: bool, reason: str | None) -> dict[str, Any]:
    return {
        "id": finding.finding_id,
        "pass": finding.pass_name,
        "evidence": finding.evidence,
        "line": line,
        "column": finding.place.column,
        "message": finding.what,
        "why": finding.why,
        "effect": {"seconds": finding.saving_s},
        "applied": applied,
        "reason": reason,
    }
