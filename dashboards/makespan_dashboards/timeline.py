"""Runs as Gantt charts: one lane a job, one bar a step, the critical path underlined, all on one time axis."""

from __future__ import annotations

import math
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
_TITLE_CHARACTER_WIDTH = 8.0  # the same at 14 px in bold
_TICKS = (
    (1.0, "s", (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)),
    (60.0, "min", (1, 2, 5, 10, 20)),
    (3600.0, "h", (1, 2, 4, 12, 24)),
)
_CHARACTER_WIDTH = 6.4  # of an 11 px sans-serif digit or lower-case letter, with a margin


class Work(StrEnum):
    """What a step is for, which decides its colour."""

    SETUP = "setup"
    OWN = "own"
    FAILED = "failed"


_LEGEND = ((Work.SETUP, "set-up"), (Work.OWN, "the job's own work"), (Work.FAILED, "failed"))


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
    """One run; `makespan` stands at `makespan_x`, before it or after it as its anchor says."""

    y: float
    title: str
    makespan: str
    makespan_x: float
    makespan_anchor: str
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
    step_s, unit_s, unit = _tick_step(longest_s)
    ticks = [
        (_LABEL_WIDTH + n * step_s * scale, f"{n * step_s / unit_s:g} {unit}")
        for n in range(int(longest_s / step_s) + 1)
    ]
    template = environment().get_template("timeline.svg.j2")
    return template.render(
        groups=groups,
        ticks=ticks,
        legend=_legend(groups),
        width=_WIDTH,
        height=y + 42,
        axis_y=y,
        lane=_LANE_HEIGHT,
        label_width=_LABEL_WIDTH,
    )


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
    end_x = _LABEL_WIDTH + run.makespan_s * scale
    makespan = format_duration(run.makespan_s)
    # Before the end of the run, where the title leaves room for it.
    fits = end_x - len(makespan) * _TITLE_CHARACTER_WIDTH > 20 + len(title) * _TITLE_CHARACTER_WIDTH
    return Group(
        y=y,
        title=printable(title),
        makespan=makespan,
        makespan_x=min(end_x, _WIDTH - 4.0) if fits else max(end_x + 6, 20 + len(title) * _TITLE_CHARACTER_WIDTH),
        makespan_anchor="end" if fits else "start",
        end_x=end_x,
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
        """Clocks of several machines differ: what lies outside the run is drawn at its edge."""
        return min(max(_LABEL_WIDTH + (time_ns - run.start_ns) / _NS_PER_S * scale, _LABEL_WIDTH), _WIDTH - 10.0)

    steps = [step for step in job.steps if step.result is not Result.SKIP]
    starts = [x_of(step.start_ns) for step in steps]
    bars = []
    for position, (step, x) in enumerate(zip(steps, starts, strict=True)):
        width = max(x_of(step.end_ns) - x, 0.75)
        # A step inside another one covers it from where it starts.
        room = min([width, *(start - x for start in starts[position + 1 : position + 2])])
        cpu_s = step.usage.cpu_s
        cpu = "" if cpu_s is None else f", {cpu_s:.1f} CPU s"
        name = printable(step.name)
        bars.append(
            Bar(
                x=x,
                width=width,
                label=_fitting(name, room),
                tooltip=f"{printable(job.name)} › {name}: {format_duration(step.duration_s)}{cpu}",
                work=classify(step) if step.result is Result.SUCCESS else Work.FAILED,
            )
        )
    queue_x = x_of(job.start_ns if job.queued_ns is None else min(job.queued_ns, job.start_ns))
    queue_width = x_of(job.start_ns) - queue_x
    queue = (queue_x, queue_width) if queue_width >= 1 else None
    return Lane(y, printable(job.name), tuple(bars), tuple(critical), queue)


def printable(text: str) -> str:
    """Names of other people without control characters, which no XML may hold."""
    return "".join(character if character.isprintable() else "\ufffd" for character in text)


def _legend(groups: Sequence[Group]) -> list[tuple[str, str, float]]:
    """Class, text and x of what the picture shows."""
    works = {bar.work for group in groups for lane in group.lanes for bar in lane.bars}
    entries = [(work.value, text) for work, text in _LEGEND if work in works]
    entries.append(("critical", "critical path"))
    if any(lane.queue for group in groups for lane in group.lanes):
        entries.append(("queue", "waiting for a runner"))
    placed, x = [], float(_LABEL_WIDTH)
    for name, text in entries:
        placed.append((name, text, x))
        x += 40 + len(text) * _CHARACTER_WIDTH
    return placed


def _fitting(name: str, width: float) -> str:
    """The name, shortened to the bar, or nothing where not even a few letters fit."""
    room = int(width / _CHARACTER_WIDTH) - 1
    if room < 4:
        return ""
    return name if len(name) <= room else name[: room - 1].rstrip() + "…"


def _tick_step(longest_s: float) -> tuple[float, float, str]:
    """A round distance that gives at most ten ticks; with the unit it is told in, in seconds and by name."""
    for unit_s, unit, steps in _TICKS:
        for step in steps:
            if longest_s / (step * unit_s) <= 10:
                return step * unit_s, unit_s, unit
    return 24 * 3600.0 * math.ceil(longest_s / (240 * 3600)), 3600.0, "h"
