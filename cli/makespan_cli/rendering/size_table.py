"""Advised sizes of jobs and steps, with their risk and what speaks for them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from makespan_analytics.sizing.memory_size import FEWEST_RUNS
from makespan_analytics.sizing.pipeline_sizes import PipelineSizes, Size, Verdict
from makespan_cli.rendering.consoles import fit, job_step
from makespan_model.units import format_bytes

# "1023 MiB" and "0.1-12 %" are the widest; 26 of 80 columns are left for the name.
_WIDTHS = {"runs": 6, "memory": 10, "has": 10, "OOM risk": 13, "cores": 7, "of": 5}
_LEAST_NAME_COLUMNS = 16
_STYLES = {Verdict.GROW: "red", Verdict.SHRINK: "green", Verdict.KEEP: "", Verdict.UNKNOWN: ""}
_SMALL_CORES, _SMALL_BYTES = 1.0, 64 * 1024 * 1024
"""Steps under both are left to --json: no runner is so small that they would matter."""


def print_sizes(console: Console, sizes: PipelineSizes) -> None:
    """Print the jobs with the flags that give them their size, then the steps."""
    runs = f"{sizes.runs} run{'s' * (sizes.runs != 1)}"
    console.print(f"{sizes.pipeline} of {sizes.repository}: {runs}", style="bold", soft_wrap=True)
    console.print(f"sizes that a run outgrows with a probability of {sizes.highest_risk:.1%} at most\n", soft_wrap=True)
    ascii_only = console.options.ascii_only
    _print_rows(console, "job", [(size.job_id, size) for size in sizes.jobs])
    for size in sizes.jobs:
        _print_job(console, size)
    for source in sorted({size.runner.source for size in sizes.jobs if size.runner is not None}):
        console.print(f"\nprices: {source}", soft_wrap=True)
    shown = [size for size in sizes.steps if _is_worth_a_row(size)]
    if shown:
        console.print()
        _print_rows(
            console, "step", [(job_step(size.job_id, size.name, ascii_only=ascii_only), size) for size in shown]
        )
    if len(shown) < len(sizes.steps):
        console.print(f"Not shown: {len(sizes.steps) - len(shown)} small steps (--json has all).", soft_wrap=True)


def _is_worth_a_row(size: Size) -> bool:
    if not size.is_enough or size.evidence.oom_runs or size.evidence.killed_runs:
        return True
    has_memory = size.memory is not None and size.memory.size_bytes >= _SMALL_BYTES
    return has_memory or (size.cpu is not None and size.cpu.cores >= _SMALL_CORES)


def _print_rows(console: Console, first: str, rows: Sequence[tuple[str, Size]]) -> None:
    _print_row(console, first, tuple(_WIDTHS), "bold")
    for name, size in rows:
        if not size.is_enough:
            few = f"not enough runs ({size.runs} of {FEWEST_RUNS})" if size.runs < FEWEST_RUNS else "nothing measured"
            columns = max(_LEAST_NAME_COLUMNS, console.width - sum(_WIDTHS.values()))
            line = fit(name, columns, ascii_only=console.options.ascii_only) + f"  {few}"
            console.print(Text(line, "dim"), soft_wrap=True)
        else:
            _print_row(console, name, _cells(size), _STYLES[size.verdict])


def _cells(size: Size) -> tuple[str, ...]:
    memory, cpu = size.memory, size.cpu
    return (
        str(size.runs),
        "?" if memory is None else format_bytes(memory.size_bytes),
        "?" if size.offered_memory_bytes is None else format_bytes(size.offered_memory_bytes),
        "?" if memory is None else f"{_percent(memory.risk_low)}-{_percent(memory.risk_high)} %",
        "?" if cpu is None else f"{cpu.cores:.2g}{'+' * cpu.saturated}",
        "?" if size.offered_cores is None else f"{size.offered_cores:g}",
    )


def _percent(ratio: float) -> str:
    return f"{100 * ratio:.1f}" if ratio < 0.095 else f"{100 * ratio:.0f}"


def _print_row(console: Console, name: str, cells: Sequence[str], style: str) -> None:
    widths = list(_WIDTHS.values())
    columns = max(_LEAST_NAME_COLUMNS, console.width - sum(widths))
    line = "".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))
    console.print(Text(fit(name, columns, ascii_only=console.options.ascii_only) + line, style), soft_wrap=True)


def _print_job(console: Console, size: Size) -> None:
    lines = [*_evidence(size), *_memory_notes(size), *_runner(size), *_flags(size)]
    if lines:
        columns = console.width
        console.print(f"\n{fit(size.job_id, columns, ascii_only=console.options.ascii_only).rstrip()}", style="bold")
        for line in lines:
            console.print(f"  {line}", soft_wrap=True)


def _evidence(size: Size) -> list[str]:
    evidence, found = size.evidence, []
    if evidence.oom_runs:
        found.append(f"{evidence.oom_runs} of {evidence.runs} step runs were killed for lack of memory")
    if evidence.killed_runs:
        found.append(f"{evidence.killed_runs} ended with code 137, killed perhaps for lack of memory")
    if evidence.at_limit_runs:
        found.append(f"{evidence.at_limit_runs} came to the memory limit of their container and went on")
    if evidence.throttled_runs:
        found.append(
            f"{evidence.throttled_runs} were held back by the CPU quota, {evidence.throttled_ratio:.0%} of the CPU time"
        )
    if evidence.memory_pressure_runs:
        found.append(f"{evidence.memory_pressure_runs} waited for memory")
    return found


def _memory_notes(size: Size) -> list[str]:
    memory, found = size.memory, []
    if memory is not None and memory.runs_before:
        found.append(f"its memory changed {memory.runs} run{'s' * (memory.runs != 1)} ago: older runs do not count")
    if memory is not None and memory.growth_per_run:
        found.append(f"its memory grows by {format_bytes(memory.growth_per_run)} a run")
    if size.cpu is not None and size.cpu.saturated:
        found.append("it used all the cores it had: with more it may be faster")
    if size.cpu is not None and not size.cpu.sampled_runs:
        found.append("cores are means of whole steps: no samples were kept, peaks are not known")
    return found


def _runner(size: Size) -> list[str]:
    choice = size.runner
    if choice is None:
        return []
    if choice.advised is None:
        return ["runner: no hosted class of this kind is enough"]
    fit_ = choice.advised
    label = f" ({', '.join(fit_.runner.labels[:1])})" if fit_.runner.labels else ""
    slower = f", {fit_.slowdown_ratio:.0%} slower" if fit_.slowdown_ratio >= 0.005 else ""
    return [f"runner: {fit_.runner.name}{label}, {fit_.usd_per_run:.3f} USD a run{slower}"]


def _flags(size: Size) -> list[str]:
    flags = size.flags
    if flags is None:
        return []
    requests, limits = flags.kubernetes["requests"], flags.kubernetes["limits"]
    lines = [
        f"docker: {flags.docker}",
        f"Kubernetes: requests cpu {requests['cpu']}, memory {requests['memory']}; limit memory {limits['memory']}",
        f"parallelism: make -j{flags.workers}, pytest -n {flags.workers}",
    ]
    return [*lines, f"JVM: {flags.jvm}"] if size.uses_jvm else lines
