"""Runs as Gantt charts: one lane a job, one bar a step, the critical path underlined, all on one time axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from makespan_analytics.critical_path import critical_path
from makespan_model.records import JobRun, PipelineRun, Result, StepRun
from makespan_model.units import format_duration

_NS_PER_S = 1e9
_WIDTH = 960
_LABEL_WIDTH = 150
_LANE_HEIGHT = 30
_TITLE_HEIGHT = 34
_GROUP_GAP = 18
_CHARACTER_WIDTH = 6.4  # of an 11 px sans-serif digit or lower-case letter, with a margin


class Work(StrEnum):
    """What a step is for, which decides its colour."""

    SETUP = "setup"
    OWN = "own"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Bar:
    """One step: offsets in pixels, `label` only where it fits."""

    x: float
    width: float
    label: str
    tooltip: str
    work: Work


@dataclass(frozen=True, slots=True)
class Lane:
    """One job; `critical` are (x, width) stretches of the critical path, `queue` the wait for a runner."""

    y: float
    name: str
    bars: tuple[Bar, ...]
    critical: tuple[tuple[float, float], ...]
    queue: tuple[float, float] | None


@dataclass(frozen=True, slots=True)
class Group:
    """One run."""

    y: float
    title: str
    makespan: str
    end_x: float
    lanes: tuple[Lane, ...]
    bottom: float


ClassifyStep = Callable[[StepRun], Work]


def environment() -> Environment:
    """The templates of this package; everything put into them is escaped."""
    return Environment(
        loader=PackageLoader("makespan_dashboards"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def timeline_svg(runs: Sequence[tuple[str, PipelineRun]], classify: ClassifyStep) -> str:
    """A stand-alone SVG of some runs below each other.

    Args:
        runs: Title and run.
        classify: What a successful step is for.

    Raises:
        ValueError: No run was given.
    """
    if not runs:
        raise ValueError("a timeline needs at least one run")
    longest_s = max(run.makespan_s for _, run in runs)
    scale = (_WIDTH - _LABEL_WIDTH - 20) / max(longest_s, 1e-3)
    groups: list[Group] = []
    y = 8.0
    for title, run in runs:
        groups.append(_group(title, run, classify, scale, y))
        y = groups[-1].bottom + _GROUP_GAP
    step_s = _tick_step_s(longest_s)
    ticks = [(_LABEL_WIDTH + n * step_s * scale, f"{n * step_s:g} s") for n in range(int(longest_s / step_s) + 1)]
    template = environment().get_template("timeline.svg.j2")
    return template.render(groups=groups, ticks=ticks, width=_WIDTH, height=y + 38, axis_y=y, lane=_LANE_HEIGHT)


def _group(title: str, run: PipelineRun, classify: ClassifyStep, scale: float, y: float) -> Group:
    critical: dict[str | None, list[tuple[float, float]]] = {}
    for segment in critical_path(run).segments:
        if segment.is_execution:
            critical.setdefault(segment.job, []).append(
                (_LABEL_WIDTH + segment.start_s * scale, segment.duration_s * scale)
            )
    shown = [job for job in run.jobs if job.result is not Result.SKIP]
    lanes = tuple(
        _lane(job, run, classify, scale, y + _TITLE_HEIGHT + position * _LANE_HEIGHT, critical.get(job.name, []))
        for position, job in enumerate(shown)
    )
    return Group(
        y=y,
        title=title,
        makespan=format_duration(run.makespan_s),
        end_x=_LABEL_WIDTH + run.makespan_s * scale,
        lanes=lanes,
        bottom=y + _TITLE_HEIGHT + len(shown) * _LANE_HEIGHT,
    )


def _lane(
    job: JobRun,
    run: PipelineRun,
    classify: ClassifyStep,
    scale: float,
    y: float,
    critical: Sequence[tuple[float, float]],
) -> Lane:
    def x_of(time_ns: int) -> float:
        return _LABEL_WIDTH + (time_ns - run.start_ns) / _NS_PER_S * scale

    bars = []
    for step in job.steps:
        if step.result is Result.SKIP:
            continue
        x, width = x_of(step.start_ns), step.duration_s * scale
        cpu_s = step.usage.cpu_s
        cpu = "" if cpu_s is None else f", {cpu_s:.1f} CPU s"
        bars.append(
            Bar(
                x=x,
                width=max(width, 0.75),
                label=_fitting(step.name, width),
                tooltip=f"{job.name} › {step.name}: {format_duration(step.duration_s)}{cpu}",
                work=classify(step) if step.result is Result.SUCCESS else Work.FAILED,
            )
        )
    queue_s = job.queue_s or 0.0
    queue = (x_of(job.start_ns) - queue_s * scale, queue_s * scale) if queue_s * scale >= 1 else None
    return Lane(y, job.name, tuple(bars), tuple(critical), queue)


def _fitting(name: str, width: float) -> str:
    """The name, shortened to the bar, or nothing where not even a few letters fit."""
    room = int(width / _CHARACTER_WIDTH) - 1
    if room < 4:
        return ""
    return name if len(name) <= room else name[: room - 1].rstrip() + "…"


def _tick_step_s(longest_s: float) -> float:
    """A round distance that gives between five and ten ticks."""
    for step_s in (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600):
        if longest_s / step_s <= 10:
            return float(step_s)
    return longest_s / 10
