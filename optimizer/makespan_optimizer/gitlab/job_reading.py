"""Reads one job: defaults first, then every key."""

from __future__ import annotations

from dataclasses import dataclass

from makespan_optimizer.gitlab.artifacts import read_artifacts
from makespan_optimizer.gitlab.caching import read_caches
from makespan_optimizer.gitlab.deployments import (
    read_environment,
    read_id_tokens,
    read_pages,
    read_plain,
    read_release,
)
from makespan_optimizer.gitlab.extends import base_names
from makespan_optimizer.gitlab.fields import Command, Fields, Unknown
from makespan_optimizer.gitlab.images import read_image, read_services
from makespan_optimizer.gitlab.jobs import AllowFailure, Job, Retry, RunStep
from makespan_optimizer.gitlab.needs import read_needs
from makespan_optimizer.gitlab.parallel import read_parallel
from makespan_optimizer.gitlab.rules import JOB_WHEN, Policy, read_policy, read_rules
from makespan_optimizer.gitlab.triggers import read_trigger
from makespan_optimizer.gitlab.values import Items, Place, Table, Text, Value, plain
from makespan_optimizer.gitlab.variables import read_variables

DEFAULT_STAGE = "test"
# What `default:` may hold, and a job inherits.
DEFAULT_KEYS = (
    "before_script", "after_script", "hooks", "cache", "image", "services", "interruptible", "timeout", "retry",
    "tags", "artifacts", "id_tokens", "identity",
)  # fmt: skip
# A job that triggers a pipeline inherits nothing else.
_TRIGGER_DEFAULTS = ("interruptible",)
_JOB_KEYS = (
    *DEFAULT_KEYS, "allow_failure", "coverage", "dast_configuration", "dependencies", "environment", "except",
    "extends", "inherit", "inputs", "manual_confirmation", "needs", "only", "pages", "parallel", "publish",
    "release", "resource_group", "rules", "run", "script", "secrets", "stage", "start_in", "trigger", "variables",
    "when",
)  # fmt: skip
_MAX_NAME = 255
_MAX_RETRIES = 2


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a job is read within.

    Attributes:
        defaults: The keys under `default:`.
        complete: Whether every include was read.
        missing_bases: Names under `extends` that were not found, by job.
        workflow_has_rules: Jobs then have no `only` of their own accord.
    """

    defaults: Table
    complete: bool
    missing_bases: dict[str, tuple[str, ...]]
    workflow_has_rules: bool


def read_job(name: str, key: Place, table: Table, around: Surroundings) -> Job:
    """A visible job.

    Raises:
        WorkflowError: Neither script, run nor trigger, or a key that is not what it must be.
    """
    if len(name) > _MAX_NAME:
        raise key.error(f"the name of a job has at most {_MAX_NAME} characters")
    missing = around.missing_bases.get(name, ())
    _check_kind(name, key, table, certain=around.complete and not missing)
    merged, inherited = _with_defaults(table, around.defaults)
    unknown: list[Unknown] = []
    fields = Fields(merged, f"job {name!r}", unknown)
    fields.expect(_JOB_KEYS)
    job = _job(name, key, fields, table, around, inherited)
    _check_together(fields, job)
    return job


def _job(name: str, key: Place, fields: Fields, own: Table, around: Surroundings, inherited: frozenset[str]) -> Job:
    when = fields.one_of("when", tuple(word for word in JOB_WHEN if word != "never")) or "on_success"
    rules = read_rules(fields, JOB_WHEN)
    missing = around.missing_bases.get(name, ())
    return Job(
        name=name,
        stage=fields.text("stage") or (None if missing else DEFAULT_STAGE),
        script=fields.commands("script") or (),
        before_script=fields.commands("before_script") or (),
        after_script=fields.commands("after_script") or (),
        pre_get_sources_script=_pre_get_sources(fields),
        run=tuple(_run_step(fields, item) for item in fields.list_of("run")),
        trigger=read_trigger(fields),
        when=when,
        start_in=fields.text("start_in"),
        manual_confirmation=fields.text("manual_confirmation"),
        allow_failure=_allow_failure(fields, when),
        rules=rules,
        only=_only(fields, rules is not None or around.workflow_has_rules, key),
        excluded=read_policy(fields, "except"),
        needs=read_needs(fields),
        dependencies=fields.texts("dependencies"),
        variables=read_variables(fields),
        inherits_variables=_inherited_variables(fields),
        caches=read_caches(fields),
        artifacts=read_artifacts(fields),
        image=read_image(fields),
        services=read_services(fields),
        tags=fields.texts("tags") or (),
        resource_group=fields.text("resource_group"),
        environment=read_environment(fields),
        release=read_release(fields),
        pages=read_pages(fields, name),
        interruptible=fields.boolean("interruptible"),
        coverage=fields.text("coverage"),
        retry=_retry(fields),
        timeout=fields.text("timeout"),
        parallel=read_parallel(fields),
        secrets=read_plain(fields, "secrets"),
        identity=read_plain(fields, "identity"),
        id_tokens=read_id_tokens(fields),
        inputs=read_plain(fields, "inputs"),
        extends=_extends(own),
        inherited=inherited,
        missing_bases=missing,
        unknown=tuple(fields.unknown),
        key=key,
        place=_whole(key, own),
        table=fields.table,
    )


def _pre_get_sources(fields: Fields) -> tuple[Command, ...]:
    hooks = fields.nested("hooks")
    if hooks is None:
        return ()
    hooks.expect(("pre_get_sources_script",))
    return hooks.commands("pre_get_sources_script") or ()


def _extends(table: Table) -> tuple[str, ...]:
    extends = table.get("extends")
    return () if extends is None else tuple(base.text for base in base_names(extends))


def _whole(key: Place, table: Table) -> Place:
    """From the key to the end of what it holds; the key alone where that lies elsewhere (an alias)."""
    place = table.place
    inside = place.document is key.document and place.start >= key.start
    return Place(place.document, key.start, place.end) if inside else key


def _check_kind(name: str, key: Place, table: Table, *, certain: bool) -> None:
    kinds = [kind for kind in ("script", "run", "trigger") if kind in table]
    if len(kinds) > 1:
        raise key.error(f"job {name!r} has both {kinds[0]!r} and {kinds[1]!r}")
    # `needs:pipeline` alone makes a job that mirrors the upstream pipeline.
    if not kinds and "needs" not in table and certain:
        raise key.error(f"job {name!r} has neither 'script', 'run' nor 'trigger'")


def _with_defaults(table: Table, defaults: Table) -> tuple[Table, frozenset[str]]:
    """The job's table with the keys it inherits, and their names."""
    inherit = table.get("inherit")
    chosen = inherit.get("default") if isinstance(inherit, Table) else None
    allowed: tuple[str, ...] = DEFAULT_KEYS if "trigger" not in table else _TRIGGER_DEFAULTS
    if isinstance(chosen, Text) and chosen.boolean is False:
        allowed = ()
    elif isinstance(chosen, Items):
        names = {item.text for item in chosen.items if isinstance(item, Text)}
        allowed = tuple(key for key in allowed if key in names)
    entries, keys = dict(table.entries), dict(table.keys)
    inherited = set()
    for key in allowed:
        own, common = entries.get(key), defaults.get(key)
        if common is not None and (own is None or (isinstance(own, Text) and own.is_null)):
            entries[key], keys[key] = common, defaults.keys[key]
            inherited.add(key)
    return Table(entries, keys, table.place), frozenset(inherited)


def _only(fields: Fields, has_rules: bool, key: Place) -> Policy | None:
    """What is written, or branches and tags: the default where neither the job nor the workflow has rules."""
    found = read_policy(fields, "only")
    if found is None:
        return None if has_rules else Policy(("branches", "tags"), None, None, None, key)
    if found.refs is None:
        return Policy(("branches", "tags"), found.variables, found.changes, found.kubernetes, found.place)
    return found


def _allow_failure(fields: Fields, when: str) -> AllowFailure:
    value = fields.value("allow_failure")
    if value is None:
        return AllowFailure(when == "manual", (), when == "manual")
    if isinstance(value, Table):
        parts = fields.of(value, f"'allow_failure' of {fields.what}")
        parts.expect(("exit_codes",))
        return AllowFailure(True, parts.integers("exit_codes"))
    return AllowFailure(fields.boolean("allow_failure") is True)


def _retry(fields: Fields) -> Retry | None:
    value = fields.value("retry")
    if value is None:
        return None
    if not isinstance(value, Table):
        return Retry(fields.integer("retry", 0, _MAX_RETRIES) or 0, (), ())
    parts = fields.of(value, f"'retry' of {fields.what}")
    parts.expect(("max", "when", "exit_codes"))
    most = parts.integer("max", 0, _MAX_RETRIES)
    # Without `max`, GitLab retries as often as it allows.
    return Retry(_MAX_RETRIES if most is None else most, parts.texts("when") or (), parts.integers("exit_codes"))


def _inherited_variables(fields: Fields) -> tuple[str, ...] | None:
    inherit = fields.nested("inherit")
    if inherit is None:
        return None
    inherit.expect(("default", "variables"))
    value = inherit.value("variables")
    said = value.boolean if isinstance(value, Text) else None
    if value is None or said is True:
        return None
    return () if said is False else inherit.texts("variables")


def _run_step(fields: Fields, item: Value) -> RunStep:
    if not isinstance(item, Table):
        raise item.place.error(f"a step of 'run' of {fields.what} must be a mapping")
    parts = fields.of(item, f"a step of {fields.what}")
    parts.expect(("name", "script", "step", "func", "env", "inputs"))
    uses = item.get("step") or item.get("func")
    env, inputs = item.get("env"), item.get("inputs")
    return RunStep(
        name=parts.text("name"),
        script=parts.text("script"),
        uses=None if uses is None else plain(uses),
        env=None if env is None else plain(env),
        inputs=None if inputs is None else plain(inputs),
        place=item.place,
    )


def _check_together(fields: Fields, job: Job) -> None:
    """Keys that exclude or need one another."""
    if job.rules is not None:
        for key in ("only", "except", "start_in"):
            if fields.value(key) is not None:
                raise fields.place(key).error(f"{fields.what} has both 'rules' and {key!r}")
    elif job.when == "delayed" and job.start_in is None:
        raise fields.place("when").error(f"{fields.what} is delayed and has no 'start_in'")
    if "script" in fields and not job.script and "script" not in {unknown.key for unknown in job.unknown}:
        raise fields.place("script").error(f"{fields.what} has an empty 'script'")
    local = {need.job for need in job.needs or () if need.is_local}
    if job.dependencies and job.needs and not fields.unknown:
        outside = [name for name in job.dependencies if name not in local]
        if outside:
            raise fields.place("dependencies").error(
                f"{fields.what} takes artifacts of {outside[0]!r}, which is not among its needs"
            )
