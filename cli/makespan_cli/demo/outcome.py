"""The figures of a finished demo, and their JSON."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from makespan_cli.demo.experiment import Arm, ArmRun
from makespan_optimizer.passes.findings import Finding
from makespan_optimizer.plan import Plan
from makespan_optimizer.prediction.replay import Prediction


@dataclass(frozen=True, slots=True)
class Outcome:
    """All runs in the order they were made, and what was predicted before the rewritten ones.

    Attributes:
        predictions: Of every side, from the first runs of the workflow as it is.
        history: How many runs the predictions rest on.
    """

    project: str
    runs: Sequence[ArmRun]
    predictions: Mapping[Arm, Prediction]
    history: int
    plan: Plan

    def of(self, arm: Arm) -> list[ArmRun]:
        """The runs of one side."""
        return [run for run in self.runs if run.arm is arm]

    def makespans_s(self, arm: Arm) -> tuple[float, ...]:
        """Makespan of each run of a side, in order."""
        return tuple(run.recorded.makespan_s for run in self.of(arm))

    def median_s(self, arm: Arm) -> float:
        """Median makespan of a side."""
        return median(self.makespans_s(arm))

    def cpu_s(self, arm: Arm) -> float:
        """Median CPU seconds of a side."""
        return median(run.recorded.cpu_s for run in self.of(arm))

    def median_run(self, arm: Arm) -> ArmRun:
        """The run in the middle of its side (the lower one of two)."""
        ordered = sorted(self.of(arm), key=lambda run: run.recorded.makespan_s)
        return ordered[(len(ordered) - 1) // 2]

    def measured_ratio(self, arm: Arm) -> float:
        """Speed-up of a side: ratio of medians."""
        return self.median_s(Arm.BEFORE) / self.median_s(arm)

    def predicted_ratio(self, arm: Arm) -> float:
        """The speed-up that was predicted: both sides from the same model."""
        return self.predictions[Arm.BEFORE].makespan_s / self.predictions[arm].makespan_s

    def as_json(self) -> dict[str, object]:
        """The result file: `after_s` and the plain ratios are of the cold cache, like for like with `before_s`."""
        tests = self.runs[0].verdict.tests
        return {
            "project": self.project,
            "before_s": list(self.makespans_s(Arm.BEFORE)),
            "after_s": list(self.makespans_s(Arm.COLD)),
            "after_warm_s": list(self.makespans_s(Arm.WARM)),
            "measured_ratio": self.measured_ratio(Arm.COLD),
            "predicted_ratio": self.predicted_ratio(Arm.COLD),
            "measured_ratio_warm": self.measured_ratio(Arm.WARM),
            "predicted_ratio_warm": self.predicted_ratio(Arm.WARM),
            "predicted_s": {arm.value: prediction.makespan_s for arm, prediction in self.predictions.items()},
            "predicted_from_runs": self.history,
            "cpu_s": {arm.value: [run.recorded.cpu_s for run in self.of(arm)] for arm in Arm},
            "order": [run.arm.value for run in self.runs],
            "tests": {
                "executed": sum(outcome != "skipped" for _, outcome in tests),
                "skipped": sum(outcome == "skipped" for _, outcome in tests),
                "same_in_every_run": all(run.verdict.tests == tests for run in self.runs),
            },
            "findings": [finding_json(entry.finding, entry.line, applied=True) for entry in self.plan.applied]
            + [finding_json(entry.finding, entry.line, applied=False) for entry in self.plan.held_back],
            "machine": {
                "cpus": os.cpu_count(),
                "system": platform.system(),
                "architecture": platform.machine(),
                "python": platform.python_version(),
            },
        }


def finding_json(finding: Finding, line: int, *, applied: bool) -> dict[str, object]:
    """One finding for the result file."""
    return {
        "pass": finding.pass_name,
        "job": finding.job_id,
        "line": line,
        "what": finding.what,
        "evidence": finding.evidence,
        "saving_s": finding.saving_s,
        "applied": applied,
    }
