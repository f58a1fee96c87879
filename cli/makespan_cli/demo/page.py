"""The demo's outcome as an HTML page and a picture."""

from __future__ import annotations

from pathlib import Path

from makespan_cli.demo.experiment import Arm
from makespan_cli.demo.outcome import Outcome
from makespan_dashboards.demo_page import Arm as PageArm
from makespan_dashboards.demo_page import DemoPage, FindingRow, render_demo_page
from makespan_dashboards.timeline import ClassifyStep, Work, timeline_svg
from makespan_model.records import StepKind, StepRun
from makespan_optimizer.passes.setup_commands import is_pure_setup, read_commands
from makespan_optimizer.workflow.model import Workflow

_NOTES = (
    "The speed-up in the title compares runs that both start from nothing. With a warm cache the rewritten workflow "
    "also profits from an earlier run, which the workflow before never does; that row is shown apart.",
    "Package downloads come from this machine's package cache in every run, so the network is in no figure. On a "
    "hosted runner each install downloads anew: the cache then saves more than here.",
    "All runners share this machine's CPUs. Hosted runners do not: side by side, jobs slow each other down here only.",
    "A dropped `needs` edge loses the early stop: when a check fails, the others have already started.",
    "Merging jobs removes their names from the list of checks; a branch rule that requires one has to be changed too.",
)


def write_page(outcome: Outcome, output: Path) -> Path:
    """Write `index.html` and `timeline.svg` into `output`.

    Returns:
        Path of the page.
    """
    plan = outcome.plan
    before, after = outcome.median_run(Arm.BEFORE), outcome.median_run(Arm.COLD)
    classify = _classifier(plan.before, plan.after)
    timeline = timeline_svg([("before", before.recorded), ("after, cold cache", after.recorded)], classify)
    (output / "timeline.svg").write_text(timeline, "utf-8")
    page = DemoPage(
        project=outcome.project,
        headline_ratio=outcome.measured_ratio(Arm.COLD),
        arms=[_arm(outcome, arm) for arm in Arm],
        findings=[
            FindingRow(
                title=entry.finding.what,
                why=entry.finding.why,
                evidence=entry.finding.evidence,
                place=f"{plan.before.file}:{entry.line}, {entry.finding.pass_name}",
                saving_s=entry.finding.saving_s,
            )
            for entry in plan.applied
        ],
        timeline=timeline,
        diff=plan.diff(),
        tests=len(outcome.runs[0].verdict.tests),
        notes=[*_NOTES, f"Predictions were made from the first {outcome.history} runs, before the rewrite was run."],
    )
    file = output / "index.html"
    file.write_text(render_demo_page(page), "utf-8")
    return file


def _arm(outcome: Outcome, arm: Arm) -> PageArm:
    first = arm is Arm.BEFORE
    return PageArm(
        name=arm.value,
        makespans_s=outcome.makespans_s(arm),
        median_s=outcome.median_s(arm),
        cpu_s=outcome.cpu_s(arm),
        ratio=None if first else outcome.measured_ratio(arm),
        predicted_s=outcome.predictions[arm].makespan_s,
        predicted_ratio=None if first else outcome.predicted_ratio(arm),
    )


def _classifier(*workflows: Workflow) -> ClassifyStep:
    """Set-up are actions and steps that only install."""
    setup = {
        step.display_name
        for workflow in workflows
        for job in workflow.jobs
        for step in job.steps
        if step.run is not None and is_pure_setup(read_commands(step.run))
    }

    def classify(step: StepRun) -> Work:
        return Work.SETUP if step.kind is StepKind.USES or step.name in setup else Work.OWN

    return classify
