"""A pipeline as one configuration describes it."""

from __future__ import annotations

from dataclasses import dataclass, field

from makespan_optimizer.gitlab.decisions import Decision, Situation, Way, admitted, all_hold, decide
from makespan_optimizer.gitlab.evaluation import ANYTHING, Anything, Known
from makespan_optimizer.gitlab.events import Event, predefined
from makespan_optimizer.gitlab.fields import Unknown
from makespan_optimizer.gitlab.inclusion import Inclusion
from makespan_optimizer.gitlab.inputs import InputSpec
from makespan_optimizer.gitlab.jobs import Job, JobInstance
from makespan_optimizer.gitlab.rules import Rule
from makespan_optimizer.gitlab.values import Place, Table
from makespan_optimizer.gitlab.variables import Variables, values_of
from makespan_optimizer.yaml.nodes import Document


@dataclass(frozen=True, slots=True)
class WorkflowRules:
    """`workflow:`, which decides whether there is a pipeline at all.

    Attributes:
        rules: None for "always".
        name: Of the pipelines, variables not expanded.
        on_new_commit: `conservative`, `interruptible` or `none`: what a newer pipeline cancels; None for the default.
        on_job_failure: `all` or `none`; None for the default.
    """

    rules: tuple[Rule, ...] | None
    name: str | None
    on_new_commit: str | None
    on_job_failure: str | None
    place: Place | None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One configuration with all it includes.

    Attributes:
        file: The path as the user gave it.
        text: The file itself.
        stages: In order, `.pre` and `.post` among them.
        hidden: Names and places of the templates (`.name`).
        inclusions: What became of each entry of `include`.
        part: Whether this is a part that others include, read on its own.
        documents: The parsed files by path, the file itself first, for edits.
        instances: The jobs with `parallel` multiplied out.
        unknown: What is kept outside of jobs but not understood.
        config: Everything merged, `extends` and references resolved.
    """

    file: str
    text: str = field(repr=False)
    stages: tuple[str, ...]
    workflow: WorkflowRules
    variables: Variables
    jobs: tuple[Job, ...]
    hidden: tuple[tuple[str, Place], ...]
    instances: tuple[JobInstance, ...]
    inclusions: tuple[Inclusion, ...]
    inputs: tuple[InputSpec, ...]
    part: bool
    documents: dict[str, Document] = field(repr=False, compare=False)
    unknown: tuple[Unknown, ...]
    config: Table = field(repr=False, compare=False)

    @property
    def is_complete(self) -> bool:
        """Whether every include was read, and no other file can add to it."""
        return not self.part and all(inclusion.status != "unread" for inclusion in self.inclusions)

    def job(self, name: str) -> Job | None:
        """The job with this name, or None."""
        return next((job for job in self.jobs if job.name == name), None)

    def instance(self, name: str) -> JobInstance | None:
        """The job of the pipeline with this full name, or None."""
        return next((instance for instance in self.instances if instance.name == name), None)


def situation(
    event: Event | None,
    *,
    variables: dict[str, str | None] | None = None,
    closed: bool = False,
    files: tuple[str, ...] | None = None,
) -> Situation:
    """What is known of a pipeline that an event starts.

    Args:
        event: What starts it; None when not known.
        variables: Of the project, the group or the run; they win over those in the file.
        closed: Whether there are no others.
        files: Paths of the repository's files, for `exists`; None when not known.
    """
    given = variables or {}
    return Situation(Known({**predefined(event).values, **given}, closed), event, files, given)


def starts(pipeline: Pipeline, around: Situation) -> Decision:
    """Whether a pipeline is made at all (`workflow:rules`)."""
    return decide(pipeline.workflow.rules, "always", around.within(values_of(pipeline.variables)))


def appears(pipeline: Pipeline, job: Job, around: Situation) -> Decision:
    """Whether a job is in a pipeline that is made, and how it starts.

    Variables in the file count as they stand there; those of the project or the run win where `around` names them.
    """
    inner = around.within(_job_values(pipeline, job, around))
    if job.rules is not None:
        return decide(job.rules, job.when, inner)
    answer = admitted(job.only, job.excluded, inner)
    here, absent = Way(job.when, None), Way("never", None)
    if job.missing_bases and answer is not False:
        # A base that was not read may bring rules.
        return Decision((here, absent))
    return Decision((here, absent) if answer is None else (here,) if answer else (absent,))


def runs(pipeline: Pipeline, job: Job, around: Situation) -> bool | None:
    """Whether an event makes a pipeline with this job in it; None when that depends on something unknown."""
    return all_hold([starts(pipeline, around).runs, appears(pipeline, job, around).runs])


def _job_values(pipeline: Pipeline, job: Job, around: Situation) -> dict[str, str | Anything]:
    """The file's variables as the job gets them: the pipeline's, those of the workflow's rule, its own."""
    values: dict[str, str | Anything] = dict(values_of(pipeline.variables))
    ways = starts(pipeline, around).ways
    for way in ways:
        for name, value in values_of(way.rule.variables if way.rule else ()).items():
            values[name] = value if len(ways) == 1 else ANYTHING
    if job.inherits_variables is not None:
        values = {name: value for name, value in values.items() if name in job.inherits_variables}
    return {**values, **values_of(job.variables)}
