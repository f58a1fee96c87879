"""What `makespan simulate` prints for a person, and the same as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.text import Text

from makespan_cli.rendering.consoles import fit
from makespan_cli.rendering.histogram import bar, bins
from makespan_model.units import format_duration
from makespan_optimizer.simulation.basis import Basis, Source
from makespan_optimizer.simulation.comparison import Comparison
from makespan_optimizer.simulation.estimates import Distribution, Estimate
from makespan_optimizer.simulation.outcome import JobOutcome, Outcome

# "12 min 00 s" is the widest duration; 23 of 80 columns are left for the name.
_WIDTHS = {"p50": 12, "p95": 12, "critical": 9, "failed": 7, "USD": 7, "from": 10}
_LEAST_NAME_COLUMNS = 16
_BAR_COLUMNS = 30


@dataclass(frozen=True, slots=True)
class SimulatedFile:
    """One file with its simulation.

    Attributes:
        warnings: What a reader of the figures must know.
    """

    file: str
    outcome: Outcome
    bases: tuple[Basis, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SimulationReport:
    """All that the command found.

    Attributes:
        history: Where the durations come from, one sentence.
        compared: The other file, and the comparison; None without one.
        question: What was asked, for JSON.
    """

    simulated: SimulatedFile
    history: str
    question: Mapping[str, Any]
    compared: tuple[SimulatedFile, Comparison] | None = None


def print_simulation(console: Console, report: SimulationReport) -> None:
    """Makespan, cost, histogram, jobs and runners of each file, then what differs."""
    console.print(Text(report.history, style="dim"), soft_wrap=True)
    _print_file(console, report.simulated)
    if report.compared is not None:
        other, comparison = report.compared
        console.print()
        _print_file(console, other)
        console.print()
        _print_comparison(console, report.simulated.file, other.file, comparison)


def report_as_json(report: SimulationReport) -> dict[str, Any]:
    """The documented shape (docs/simulation.md)."""
    found: dict[str, Any] = {"question": dict(report.question), **_file_as_json(report.simulated)}
    if report.compared is not None:
        other, comparison = report.compared
        found["compared"] = {**_file_as_json(other), "difference": asdict(comparison)}
    return found


def _file_as_json(simulated: SimulatedFile) -> dict[str, Any]:
    told = asdict(simulated.outcome)
    makespans_s = told.pop("makespans_s")
    del told["costs_usd"]
    jobs = told.pop("jobs")
    return {
        "file": simulated.file,
        **told,
        "histogram": [asdict(one) for one in bins(makespans_s)],
        "jobs": [
            {**job, "source": basis.source.value, "recorded_runs": basis.runs, "left_out": basis.left_out}
            for job, basis in zip(jobs, simulated.bases, strict=True)
        ],
        "warnings": simulated.warnings,
    }


def _print_file(console: Console, simulated: SimulatedFile) -> None:
    outcome = simulated.outcome
    console.print(f"{simulated.file}: {outcome.runs} simulated runs", style="bold", soft_wrap=True)
    _print_distribution(console, "makespan", outcome.makespan_s)
    passed = outcome.passed
    if outcome.passed_makespan_s is None:
        console.print("  no simulated run passed", style="red")
    elif passed.value < 1:
        _print_distribution(console, f"of the {passed.value:.0%} that pass", outcome.passed_makespan_s)
    if outcome.discarded:
        console.print(f"  {outcome.discarded} more runs were cancelled for a newer one of their concurrency group")
    if outcome.usd is not None:
        mean = _signed(outcome.usd.mean, 4).lstrip("+")
        p50, p95 = outcome.usd.p50.value, outcome.usd.p95.value
        console.print(f"  {'cost of a run':<22} mean {mean}, p50 {p50:.4f}, p95 {p95:.4f} USD", soft_wrap=True)
    console.print()
    _print_histogram(console, outcome.makespans_s)
    console.print()
    _print_jobs(console, outcome.jobs, simulated.bases)
    for pool in outcome.pools:
        console.print(
            f"\n{pool.runners} runner{'s' * (pool.runners != 1)} of {pool.label!r}: busy "
            f"{_percent(pool.utilisation)} of the time; {pool.waited.value:.0%} of the jobs wait, "
            f"mean {_duration(pool.wait_s.mean)}, "
            f"p95 {format_duration(pool.wait_s.p95.value)}",
            soft_wrap=True,
        )
    _print_unpriced(console, outcome.jobs)
    for warning in simulated.warnings:
        console.print(Text(f"Note: {warning}", style="yellow"), soft_wrap=True)


def _print_distribution(console: Console, name: str, told: Distribution) -> None:
    console.print(
        f"  {name:<22} p50 {_duration(told.p50)}, p95 {_duration(told.p95)}, mean {format_duration(told.mean.value)}",
        soft_wrap=True,
    )


def _duration(estimate: Estimate) -> str:
    error = "?" if estimate.error is None else format_duration(estimate.error)
    return f"{format_duration(estimate.value)} ± {error}"


def _signed(estimate: Estimate, digits: int) -> str:
    return f"{estimate.value:+.{digits}f} ± {'?' if estimate.error is None else f'{estimate.error:.{digits}f}'}"


def _percent(estimate: Estimate) -> str:
    return f"{estimate.value:.0%}"


def _print_histogram(console: Console, makespans_s: Sequence[float]) -> None:
    found = bins(makespans_s)
    highest = max(one.count for one in found)
    for number, one in enumerate(found):
        is_open = number == len(found) - 1 and len(found) > 1
        text = f"{'over ' * is_open}{format_duration(one.low)}"
        drawn = bar(one.count, highest, _BAR_COLUMNS, ascii_only=console.options.ascii_only)
        console.print(f"  {text:>16}  {drawn:<{_BAR_COLUMNS}} {one.count / len(makespans_s):4.0%}", soft_wrap=True)


def _print_jobs(console: Console, jobs: Sequence[JobOutcome], bases: Sequence[Basis]) -> None:
    _print_row(console, "job", tuple(_WIDTHS), "bold")
    for job, basis in zip(jobs, bases, strict=True):
        told = job.duration_s
        cells = (
            "-" if told is None else format_duration(told.p50.value),
            "-" if told is None else format_duration(told.p95.value),
            _percent(job.critical),
            _percent(job.failed),
            "?" if job.usd is None else f"{job.usd:.3f}",
            _from(basis),
        )
        _print_row(console, job.name, cells, "dim" if job.ran.value == 0 else "")


def _from(basis: Basis) -> str:
    if basis.source is Source.RECORDED:
        return f"{basis.runs} run{'s' * (basis.runs != 1)}"
    return "assumed" if basis.source is Source.ASSUMED else "not run"


def _print_row(console: Console, name: str, cells: Sequence[str], style: str) -> None:
    widths = list(_WIDTHS.values())
    columns = max(_LEAST_NAME_COLUMNS, console.width - sum(widths))
    line = "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
    console.print(Text(fit(name, columns, ascii_only=console.options.ascii_only) + line, style), soft_wrap=True)


def _print_unpriced(console: Console, jobs: Sequence[JobOutcome]) -> None:
    reasons: dict[str, list[str]] = {}
    for job in jobs:
        if job.usd is None and job.ran.value > 0:
            reasons.setdefault(job.unpriced, []).append(job.name)
    for reason, names in reasons.items():
        console.print(Text(f"Not priced: {', '.join(names)}: {reason}", style="dim"), soft_wrap=True)


def _print_comparison(console: Console, file: str, other: str, comparison: Comparison) -> None:
    console.print(f"{other} against {file}, the same chance in both", style="bold", soft_wrap=True)
    saved = comparison.saved_s
    word = "sooner" if saved.p50.value >= 0 else "later"
    console.print(
        f"  a run ends {_duration(Estimate(abs(saved.p50.value), saved.p50.error))} {word} (median), "
        f"mean {_signed(saved.mean, 1)} s saved",
        soft_wrap=True,
    )
    console.print(f"  sooner in {comparison.sooner.value:.0%} of the runs, later in {comparison.later.value:.0%}")
    if comparison.saved_usd is not None:
        console.print(f"  {_signed(comparison.saved_usd, 4)} USD saved a run")
