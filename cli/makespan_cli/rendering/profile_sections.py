"""What steps are bound by, how much of a job is set-up, and what its times differ by."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.console import Console
from rich.text import Text

from makespan_analytics.profiles.history_profile import JobHistory, StepHistory
from makespan_analytics.profiles.variance_split import FactorShare, VarianceSplit
from makespan_cli.rendering.consoles import fit, fit_job_step
from makespan_model.units import format_duration

_LEAST_NAME_COLUMNS = 16
_CLASS, _CORES, _OFFERED, _MEMORY = 23, 7, 12, 9
_SETUP, _RATIO = 12, 8
_SETUP_SHOWN_RATIO = 0.05
"""From a twentieth of the job on set-up is worth a look."""
_ALONE, _BEYOND, _LEVELS = 20, 10, 9

StepKey = tuple[str, str]
"""Job id and pooled path."""


def classed_steps(jobs: Sequence[JobHistory], on_path: Sequence[StepKey]) -> list[StepHistory]:
    """The steps of these places of which it is known what binds them, in their order."""
    known = {(step.job_id, step.step): step for job in jobs for step in job.steps if step.use.kind is not None}
    return [known[place] for place in on_path if place in known]


def print_classes(console: Console, steps: Sequence[StepHistory], *, most: int) -> None:
    """Print what more of would shorten each step, and how much it uses of what it has."""
    columns = max(_LEAST_NAME_COLUMNS, console.width - _CLASS - _CORES - _OFFERED - _MEMORY)
    header = f"{'bound by':>{_CLASS}}{'cores':>{_CORES}}{'of offered':>{_OFFERED}}{'memory':>{_MEMORY}}"
    console.print(Text(fit("what steps use", columns, ascii_only=True) + header, "bold"), soft_wrap=True)
    for step in steps[:most]:
        use = step.use
        assert use.kind is not None
        name = fit_job_step(step.job_id, step.name, columns, ascii_only=console.options.ascii_only)
        cores = "?" if use.cores is None else f"{use.cores:.1f}"
        cells = f"{use.kind.value:>{_CLASS}}{cores:>{_CORES}}{_percent(use.parallel_efficiency):>{_OFFERED}}"
        console.print(Text(f"{name}{cells}{_percent(use.memory_ratio):>{_MEMORY}}"), soft_wrap=True)


def jobs_with_setup(jobs: Sequence[JobHistory], on_path: Collection[str]) -> list[JobHistory]:
    """The jobs that the pipeline waits for and that spend a good part on set-up, most first."""
    found = [
        job for job in jobs if job.setup is not None and job.setup.ratio >= _SETUP_SHOWN_RATIO and job.job_id in on_path
    ]
    return sorted(found, key=lambda job: -(job.setup.setup_s if job.setup is not None else 0.0))


def print_setup(console: Console, jobs: Sequence[JobHistory], *, most: int) -> None:
    """Print how long each job takes before its first step that does the work."""
    columns = max(_LEAST_NAME_COLUMNS, console.width - 2 * _SETUP - _RATIO)
    header = f"{'at least':>{_SETUP}}{'of the job':>{_SETUP}}{'runs':>{_RATIO}}"
    console.print(Text(fit("set-up before work", columns, ascii_only=True) + header, "bold"), soft_wrap=True)
    for job in jobs[:most]:
        if job.setup is not None:
            name = fit(job.job_id, columns, ascii_only=console.options.ascii_only)
            cells = f"{format_duration(job.setup.setup_s):>{_SETUP}}{_percent(job.setup.ratio):>{_SETUP}}"
            console.print(Text(f"{name}{cells}{job.setup.runs:>{_RATIO}}"), soft_wrap=True)


def told_factors(split: VarianceSplit | None) -> list[FactorShare]:
    """What times differ by more than chance would have it; nothing where too little is known."""
    return [] if split is None else [share for share in split.shares if share.is_significant]


def print_variance(console: Console, split: VarianceSplit) -> None:
    """Print the part that each factor has in what times differ by, and which of them go together."""
    columns = max(_LEAST_NAME_COLUMNS, console.width - _ALONE - _BEYOND - _LEVELS)
    header = f"{'alone (90 %)':>{_ALONE}}{'beyond':>{_BEYOND}}{'levels':>{_LEVELS}}"
    console.print(Text(fit("what times differ by", columns, ascii_only=True) + header, "bold"), soft_wrap=True)
    for share in told_factors(split):
        entangled = f" (goes with {', '.join(share.entangled_with)})" if share.entangled_with else ""
        name = fit(share.factor.value + entangled, columns, ascii_only=console.options.ascii_only)
        interval = f"{_percent(share.alone_ratio)} ({100 * share.low_ratio:.0f}-{100 * share.high_ratio:.0f})"
        cells = f"{interval:>{_ALONE}}{_percent(share.beyond_ratio):>{_BEYOND}}{share.levels:>{_LEVELS}}"
        console.print(Text(name + cells), soft_wrap=True)
    rest = f"{_percent(split.left_ratio)} is explained by none; times of jobs scatter by {split.spread_ratio:.0%}"
    console.print(Text(rest, "dim"), soft_wrap=True)


def _percent(ratio: float | None) -> str:
    return "?" if ratio is None else f"{100 * ratio:.0f} %"
