"""The page that `makespan demo` leaves behind: both timelines, the figures, the findings and the diff."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from makespan_dashboards.timeline import environment
from makespan_model.units import format_duration, format_ratio


@dataclass(frozen=True, slots=True)
class Arm:
    """One side of the comparison.

    Attributes:
        name: What was run.
        makespans_s: One a run, in order.
        median_s: Their median.
        cpu_s: Median CPU seconds.
        ratio: Speed-up against the first arm; None for the first arm itself.
        predicted_s: What was predicted before it was run; None where nothing was.
        predicted_ratio: The speed-up that was predicted.
    """

    name: str
    makespans_s: tuple[float, ...]
    median_s: float
    cpu_s: float
    ratio: float | None = None
    predicted_s: float | None = None
    predicted_ratio: float | None = None


@dataclass(frozen=True, slots=True)
class FindingRow:
    """One applied or held-back finding."""

    title: str
    why: str
    evidence: str
    place: str
    saving_s: float | None


@dataclass(frozen=True, slots=True)
class DemoPage:
    """What the page shows.

    Attributes:
        headline_ratio: Measured speed-up, both sides starting from nothing; below 1 the page says slower.
        timeline: SVG text from `timeline.timeline_svg`, trusted markup.
        diff: Unified diff of the workflow file.
        notes: What a reader must know to judge the figures, one sentence each.
    """

    project: str
    headline_ratio: float
    arms: Sequence[Arm]
    findings: Sequence[FindingRow]
    timeline: str
    diff: str
    tests: int
    notes: Sequence[str]

    def __post_init__(self) -> None:
        if not self.headline_ratio > 0:
            raise ValueError(f"a speed-up is above 0, not {self.headline_ratio}")


def render_demo_page(page: DemoPage) -> str:
    """The page as HTML; it loads nothing from anywhere."""
    template = environment().get_template("demo.html.j2")
    diff = [(_diff_class(line), line) for line in page.diff.splitlines()]
    return template.render(
        page=page,
        timeline=Markup(page.timeline),  # noqa: S704 - rendered by our own escaping template
        diff=diff,
        duration=format_duration,
        ratio=format_ratio,
    )


def _diff_class(line: str) -> str:
    if line.startswith(("---", "+++", "@@")):
        return "place"
    return {"+": "added", "-": "removed"}.get(line[:1], "same")
