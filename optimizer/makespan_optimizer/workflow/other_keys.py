"""Every key of a workflow that the model has no field for."""

from __future__ import annotations

from collections.abc import Iterable

from makespan_model.errors import WorkflowError
from makespan_model.matching import did_you_mean
from makespan_optimizer.workflow.model import Job, Step, Workflow
from makespan_optimizer.workflow.places import OtherKey, Span
from makespan_optimizer.workflow.triggers import EVENTS


def other_keys(workflow: Workflow) -> tuple[OtherKey, ...]:
    """Keys that are not understood, in the order they stand in the file."""
    found = [*workflow.others]
    for section in (workflow.concurrency, workflow.permissions):
        found += () if section is None else section.others
    for event in workflow.events:
        found += event.others
        found += (key for one in event.inputs for key in one.others)
    for job in workflow.jobs:
        found += _of_job(job)
    return tuple(sorted(found, key=lambda key: key.span.start))


def not_understood(workflow: Workflow) -> tuple[WorkflowError, ...]:
    """The same as messages with their places, and events that are not known: misspelt, or newer than this model."""

    def told(what: str, place: Span) -> WorkflowError:
        return WorkflowError(what, file=workflow.file, line=place.line, column=place.column)

    found = [
        told(f"event {event.event!r} is not understood{did_you_mean(event.event, EVENTS)}", event.span)
        for event in workflow.events
        if event.event not in EVENTS
    ]
    for key in other_keys(workflow):
        hint = did_you_mean(key.name, key.known)
        found.append(told(f"{key.owner} has a key {key.name!r} that is not understood{hint}", key.span))
    return tuple(found)


def _of_job(job: Job) -> Iterable[OtherKey]:
    sections = (job.strategy, job.runner, job.container, job.environment, job.concurrency, job.permissions)
    yield from job.others
    for section in sections:
        yield from () if section is None else section.others
    for _, container in () if job.services is None else job.services.containers:
        yield from container.others
    for step in job.steps:
        yield from _of_step(step)


def _of_step(step: Step) -> Iterable[OtherKey]:
    yield from step.others
    for inner in step.parallel:
        yield from inner.others
