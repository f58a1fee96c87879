"""The shape of a GitLab CI configuration."""

from __future__ import annotations

from makespan_model.records import PipelineRun
from makespan_optimizer.gitlab.decisions import Decision, Way
from makespan_optimizer.gitlab.jobs import Job, JobInstance
from makespan_optimizer.gitlab.pipeline import Pipeline, appears, situation
from makespan_optimizer.simulation.shape import ConcurrencyGroup, JobShape, PipelineShape, StartsWhen, in_order

_NEVER, _MANUAL = "never", "manual"
_STARTS = {"on_failure": StartsWhen.FAILURE, "always": StartsWhen.ALWAYS}


def gitlab_shape(pipeline: Pipeline) -> PipelineShape:
    """Take from a configuration what decides when its jobs run, whatever event starts it.

    A job that rules may keep out, or that a person starts, is there as often as in the recorded runs.

    Raises:
        InputError: Jobs need each other in a circle.
    """
    notes = [f"{path}: an include that was not read may change any job" for path in _unread(pipeline)]
    jobs = tuple(_job(pipeline, instance, notes) for instance in pipeline.instances)
    return PipelineShape(
        provider="gitlab",
        file=pipeline.file,
        jobs=in_order(jobs, pipeline.file),
        sees_ancestors=False,
        absent_passes=True,
        notes=tuple(dict.fromkeys(notes)),
    )


class ChangedJobs:
    """Jobs whose commands or image differ from those that ran: nothing is known of how long they take.

    A GitLab job is recorded as one step, so that it cannot be put together from parts.
    """

    def __init__(self, pipeline: Pipeline, measured: Pipeline) -> None:
        self._changed = {
            job.name
            for job in pipeline.jobs
            if (before := measured.job(job.name)) is None or _content(before) != _content(job)
        }

    def covers(self, job_id: str) -> bool:
        """Whether what was recorded of a job tells nothing of this one."""
        return job_id in self._changed

    def duration(self, run: PipelineRun, job: JobShape) -> None:  # noqa: ARG002
        """Nothing is known."""
        return

    def left_out(self, shape: PipelineShape) -> tuple[tuple[str, ...], ...]:
        """No part of a job is known without the rest."""
        return tuple(() for _ in shape.jobs)


def _content(job: Job) -> tuple[object, ...]:
    scripts = (job.before_script, job.script, job.after_script)
    image = None if job.image is None else job.image.name
    return (*(tuple(command.text for command in script) for script in scripts), image, job.tags, len(job.run))


def _unread(pipeline: Pipeline) -> list[str]:
    return [] if pipeline.is_complete else [pipeline.file]


def _job(pipeline: Pipeline, instance: JobInstance, notes: list[str]) -> JobShape:
    job = instance.job
    decision = appears(pipeline, job, situation(None))
    ways = [way for way in decision.ways if way.when != _NEVER]
    whens = {way.when for way in ways}
    if job.timeout is not None and job.timeout_s is None:
        notes.append(f"the timeout of job {job.name!r} is no duration that is known: none is taken")
    return JobShape(
        name=instance.name,
        job_id=job.name,
        needs=_needs(pipeline, instance, notes),
        starts_when=_starts_when(whens),
        conditional=_is_conditional(job, decision) or _MANUAL in whens,
        never_runs=decision.runs is False,
        labels=job.tags,
        timeout_s=job.timeout_s or None,
        failure_tolerated=_tolerated(instance, decision, ways, notes),
        retries=0 if job.retry is None else job.retry.max,
        group=_group(instance, notes),
    )


def _is_conditional(job: Job, decision: Decision) -> bool:
    """Whether the file says when it is there; without a word it is in every pipeline but a merge request's."""
    # The model gives a job without a word the policy that GitLab takes then.
    return decision.runs is None and any(job.table.get(key) is not None for key in ("rules", "only", "except"))


def _needs(pipeline: Pipeline, instance: JobInstance, notes: list[str]) -> tuple[str, ...]:
    """Its needs, or every job of the stages before its own."""
    if instance.needs is not None:
        missing = [need.name for need in instance.needs if not need.exists and not need.optional]
        if missing:
            notes.append(f"job {instance.name!r} needs {', '.join(missing)}, which is not in the files that were read")
        return tuple(dict.fromkeys(need.name for need in instance.needs if need.exists))
    stage = instance.job.stage
    if stage is None or stage not in pipeline.stages:
        notes.append(f"the stage of job {instance.name!r} is not known: it starts at once")
        return ()
    earlier = set(pipeline.stages[: pipeline.stages.index(stage)])
    return tuple(job.name for job in pipeline.jobs if job.stage in earlier)


def _starts_when(whens: set[str]) -> StartsWhen:
    """What `when` says; where rules leave several open, the usual one."""
    if len(whens) == 1:
        return _STARTS.get(next(iter(whens)), StartsWhen.SUCCESS)
    return StartsWhen.SUCCESS


def _tolerated(instance: JobInstance, decision: Decision, ways: list[Way], notes: list[str]) -> bool:
    allowed = instance.job.allow_failure
    by_rules = {way.allow_failure for way in ways}
    if len(by_rules) == 1 and len(decision.ways) == 1 and (answer := next(iter(by_rules))) is not None:
        return answer
    if allowed.allowed and allowed.exit_codes:
        notes.append(f"job {instance.job.name!r} may fail with some exit codes only: its failures count here")
        return False
    return allowed.allowed


def _group(instance: JobInstance, notes: list[str]) -> ConcurrencyGroup | None:
    name = instance.job.resource_group
    if name is None:
        return None
    if "$" in name:
        notes.append(f"the resource group of job {instance.job.name!r} differs from run to run: nobody waits there")
        return None
    return ConcurrencyGroup(name, keeps_one_pending=False)
