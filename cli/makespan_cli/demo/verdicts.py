"""Whether two runs checked the same things with the same outcome: every command, every test."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from defusedxml.ElementTree import ParseError, parse

from makespan_model.errors import InputError
from makespan_model.records import Result, StepKind
from makespan_optimizer.local.execution import LocalRun


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a run checked.

    Attributes:
        commands: Command of each `run:` step and how it ended. A command that ran in several jobs counts once for
            each way it ended.
        tests: Test id and outcome from the JUnit reports among the run's artifacts.
    """

    commands: frozenset[tuple[str, Result]]
    tests: frozenset[tuple[str, str]]

    def differences(self, other: Verdict) -> tuple[str, ...]:
        """What `other` lost, gained or decided differently, a sentence each; empty when it is as good."""
        said = [
            *(
                f"not run, or ended differently: {_first_line(run)} ({end})"
                for run, end in self.commands - other.commands
            ),
            *(f"not run before: {_first_line(run)} ({end})" for run, end in other.commands - self.commands),
        ]
        lost, gained = self.tests - other.tests, other.tests - self.tests
        if lost:
            said.append(f"{len(lost)} tests were lost or ended differently, {min(lost)[0]} among them")
        if gained:
            said.append(f"{len(gained)} tests are new or ended differently, {min(gained)[0]} among them")
        return tuple(said)


def verdict_of(run: LocalRun) -> Verdict:
    """Read a run's verdict from its steps and the test reports it kept.

    Raises:
        InputError: A report is not JUnit XML.
    """
    commands = set()
    for job in run.jobs:
        read = run.workflow.job(job.job_id)
        assert read is not None
        for leg in job.legs:
            for step in leg.steps:
                label = job.labels.get(step.key)
                if label is not None and label.kind is StepKind.RUN:
                    commands.add((str(read.steps[label.index].run).strip(), step.result))
    return Verdict(frozenset(commands), frozenset(read_tests(run.options.artifact_folder)))


def read_tests(folder: Path) -> set[tuple[str, str]]:
    """Test id (`class::name`) and outcome from every JUnit report below a folder.

    Raises:
        InputError: A report is not JUnit XML, or declares entities.
    """
    found: set[tuple[str, str]] = set()
    for report in sorted(folder.rglob("*.xml")):
        try:
            cases = list(parse(report).iter("testcase"))
        except (ParseError, ValueError) as error:
            raise InputError(f"{report}: not a JUnit report: {error}") from error
        for case in cases:
            outcome = next((child.tag for child in case if child.tag in ("failure", "error", "skipped")), "passed")
            found.add((f"{case.get('classname', '')}::{case.get('name', '')}", outcome))
    return found


def _first_line(command: str) -> str:
    return command.partition("\n")[0]
