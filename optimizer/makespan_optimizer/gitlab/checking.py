"""What GitLab checks across jobs: stages, needs, dependencies, environments, circles.

Source: GitLab's Gitlab::Ci::YamlProcessor.
"""

from __future__ import annotations

from makespan_model.matching import did_you_mean
from makespan_optimizer.gitlab.expansion import resolved_needs
from makespan_optimizer.gitlab.jobs import JobInstance, JobNeed
from makespan_optimizer.gitlab.needs import Need
from makespan_optimizer.gitlab.pipeline import Pipeline
from makespan_optimizer.gitlab.values import Place


def check(pipeline: Pipeline) -> None:
    """Refuses what GitLab would refuse.

    Where an include was not read, names that are not known are left alone: they may lie in it.

    Raises:
        WorkflowError: A stage, a need, a dependency or an environment that is not there; needs in a circle.
    """
    certain = pipeline.is_complete and not pipeline.unknown
    checker = _Checker(pipeline, certain=certain)
    for instance in pipeline.instances:
        checker.instance(instance)
    _check_circles(pipeline)


class _Checker:
    def __init__(self, pipeline: Pipeline, *, certain: bool) -> None:
        self._pipeline = pipeline
        self._certain = certain
        self._by_name = {instance.name: instance for instance in pipeline.instances}
        self._order = {stage: index for index, stage in enumerate(pipeline.stages)}

    def instance(self, instance: JobInstance) -> None:
        job = instance.job
        if job.stage is not None and job.stage not in self._order and self._certain and job.is_complete:
            raise _at(instance, "stage").error(
                f"job {job.name!r} is in stage {job.stage!r}, which does not exist"
                f"{did_you_mean(job.stage, self._order)}; stages are {', '.join(self._pipeline.stages)}"
            )
        self._needs(instance, instance.needs or (), job.needs or ())
        for rule in job.rules or ():
            if rule.needs:
                self._needs(instance, resolved_needs(instance, rule.needs, self._pipeline.instances), rule.needs)
        for name in instance.dependencies or ():
            self._earlier(instance, name, "takes artifacts of", _at(instance, "dependencies"), optional=False)
        self._environment(instance)

    def _needs(self, instance: JobInstance, needs: tuple[JobNeed, ...], written: tuple[Need, ...]) -> None:
        seen = set()
        places = {need.job: need.place for need in written}
        for need in needs:
            place = places.get(need.name, written[0].place if written else instance.job.key)
            if need.name in seen:
                raise place.error(f"job {instance.job.name!r} needs {need.name!r} twice")
            seen.add(need.name)
            self._earlier(instance, need.name, "needs", place, optional=need.optional)

    def _earlier(self, instance: JobInstance, name: str, verb: str, place: Place, *, optional: bool) -> None:
        other = self._by_name.get(name)
        if other is None:
            if not optional and self._certain:
                raise place.error(
                    f"job {instance.job.name!r} {verb} {name!r}, which does not exist"
                    f"{did_you_mean(name, self._by_name)}"
                )
            return
        own, before = (self._order.get(job.stage or "") for job in (instance.job, other.job))
        if own is not None and before is not None and before > own:
            raise place.error(f"job {instance.job.name!r} {verb} {name!r}, which is in a later stage")

    def _environment(self, instance: JobInstance) -> None:
        environment = instance.job.environment
        if environment is None or environment.on_stop is None or not self._certain:
            return
        stop = self._pipeline.job(environment.on_stop)
        place = environment.place
        if stop is None:
            raise place.error(f"'on_stop' names {environment.on_stop!r}, which does not exist")
        if stop.environment is None or stop.environment.name != environment.name:
            raise place.error(f"'on_stop' names {environment.on_stop!r}, which has another environment")
        if stop.environment.action != "stop":
            raise place.error(f"'on_stop' names {environment.on_stop!r}, whose 'action' is not 'stop'")


def _at(instance: JobInstance, key: str) -> Place:
    return instance.job.table.keys.get(key, instance.job.key)


def _check_circles(pipeline: Pipeline) -> None:
    """Kahn's algorithm; what remains lies on or behind a circle."""
    waiting = {
        instance.name: {need.name for need in instance.needs or () if need.exists} for instance in pipeline.instances
    }
    dependents: dict[str, list[str]] = {name: [] for name in waiting}
    for name, needs in waiting.items():
        for need in needs:
            dependents[need].append(name)
    ready = [name for name, needs in waiting.items() if not needs]
    while ready:
        done = ready.pop()
        del waiting[done]
        for name in dependents[done]:
            waiting[name].discard(done)
            if not waiting[name]:
                ready.append(name)
    if waiting:
        first = next(instance for instance in pipeline.instances if instance.name in waiting)
        raise _at(first, "needs").error(f"jobs need each other in a circle: {', '.join(sorted(waiting))}")
