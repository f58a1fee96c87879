"""What jobs of a GitLab pipeline leave behind for later ones, and which later ones take it."""

from __future__ import annotations

from functools import lru_cache

from makespan_optimizer.gitlab.caching import Cache
from makespan_optimizer.gitlab.jobs import Job, JobInstance
from makespan_optimizer.graph.artifacts import talks_outside
from makespan_optimizer.graph.gates import commanded_act, does_nothing, named_act

# Jobs of one configuration share most of their commands.
_commanded_act = lru_cache(maxsize=2048)(commanded_act)
_talks_outside = lru_cache(maxsize=2048)(talks_outside)


def downloads(instance: JobInstance, earlier: tuple[str, ...]) -> frozenset[str]:
    """Full names of the jobs whose artifacts a job downloads.

    Args:
        instance: The job.
        earlier: The jobs of all earlier stages, whose artifacts it gets unless `needs` or `dependencies` say less.

    Source: GitLab's Ci::BuildDependencies.
    """
    if instance.dependencies == ():
        return frozenset()
    if instance.needs is None:
        offered = frozenset(earlier)
    else:
        offered = frozenset(need.name for need in instance.needs if need.artifacts and need.exists)
    return offered if instance.dependencies is None else offered & frozenset(instance.dependencies)


def shared_cache(left: Job, taken: Job) -> str | None:
    """The key of a cache that one job saves and another restores, keys compared as text; None without one."""
    for saved in left.caches:
        if saved.policy == "pull":
            continue
        for restored in taken.caches:
            if restored.policy != "push" and _key_passes(saved, restored):
                return saved.key.text or f"of {', '.join((*saved.key.files, *saved.key.files_commits))}"
    return None


def commands(job: Job) -> tuple[str, ...]:
    """All shell text of a job that is known, in the order it runs."""
    scripts = (*job.pre_get_sources_script, *job.before_script, *job.script, *job.after_script)
    steps = (step.script for step in job.run if step.script is not None)
    return (*(command.text for command in scripts if command.text is not None), *steps)


def stores_outside(job: Job) -> bool:
    """Whether a job talks to a registry or storage where another one may read or write."""
    return any(map(_talks_outside, commands(job)))


def acts_on_the_world(job: Job) -> str | None:
    """Why a job must be taken for a deploy, release or publish; None when nothing says so."""
    if job.environment is not None and job.environment.deploys:
        return f"it has the environment {job.environment.name!r}"
    if job.release is not None:
        return "it makes a release"
    if job.pages is not None:
        return "it publishes a site"
    if job.trigger is not None and job.trigger.project is not None:
        return f"it starts a pipeline of {job.trigger.project}"
    for text in (job.name, job.stage or ""):
        if named := named_act(text):
            return named
    for command in commands(job):
        if act := _commanded_act(command):
            return act
    return None


def only_waits(job: Job) -> bool:
    """Whether a job does nothing but stand for those it waits for."""
    whole = bool(job.script) and all(command.text is not None for command in job.script)
    return whole and all(map(does_nothing, commands(job)))


def _key_passes(saved: Cache, restored: Cache) -> bool:
    if saved.key == restored.key:
        return True
    name = saved.key.text
    return name is not None and name in restored.fallback_keys
