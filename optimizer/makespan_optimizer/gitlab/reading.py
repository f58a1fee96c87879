"""Reads a `.gitlab-ci.yml` with what it includes, in the order in which GitLab does it.

Includes are merged, then `extends`, then references are resolved; then every key is read. What lies in files that
are not at hand is named as unread, and what depends on it is unknown.

Source: GitLab's Gitlab::Ci::Config and Gitlab::Ci::YamlProcessor.
"""

from __future__ import annotations

from collections.abc import Mapping

from makespan_optimizer.gitlab.checking import check
from makespan_optimizer.gitlab.decisions import Situation
from makespan_optimizer.gitlab.evaluation import Known
from makespan_optimizer.gitlab.expansion import expanded
from makespan_optimizer.gitlab.extends import extended
from makespan_optimizer.gitlab.fields import Fields, Unknown
from makespan_optimizer.gitlab.inclusion import Assembly, assemble, assemble_child
from makespan_optimizer.gitlab.job_reading import DEFAULT_KEYS, Surroundings, read_job
from makespan_optimizer.gitlab.jobs import Job
from makespan_optimizer.gitlab.pipeline import Pipeline, WorkflowRules
from makespan_optimizer.gitlab.references import dereferenced
from makespan_optimizer.gitlab.rules import WORKFLOW_WHEN, read_rules
from makespan_optimizer.gitlab.values import Place, Table, Text, expanded_size
from makespan_optimizer.gitlab.variables import read_variables
from makespan_optimizer.repository import NO_REPOSITORY, Repository

DEFAULT_STAGES = ("build", "test", "deploy")
# Run before and after all others, whatever `stages` says.
FIRST_STAGE, LAST_STAGE = ".pre", ".post"
# Keys that are no jobs. Those of the second line are old places for what `default` holds.
_OWN_KEYS = ("default", "include", "stages", "variables", "workflow", "spec")
_OLD_DEFAULTS = ("before_script", "after_script", "cache", "image", "services")
# Far more than any real configuration: what `extends` and references multiply is read once for every job.
_MAX_EXPANDED = 1_000_000


def read_pipeline(
    text: str,
    *,
    file: str,
    repository: Repository = NO_REPOSITORY,
    variables: Mapping[str, str | None] | None = None,
    part: bool = False,
) -> Pipeline:
    """Read one configuration.

    Args:
        text: The file decoded from UTF-8, with its BOM and line endings.
        file: The path as the user gave it, for messages.
        repository: Where local includes are read from.
        variables: Known variables, for the paths and the rules of includes.
        part: Whether others include this file: names that it does not define may then lie in them.

    Raises:
        WorkflowError: Not YAML, or nothing GitLab would accept; says what and where.
    """
    unknown: list[Unknown] = []
    situation = Situation(Known(variables or {}), given=variables or {})
    assembly = assemble(text, file=file, repository=repository, situation=situation, unknown=unknown)
    return _pipeline(assembly, unknown, file=file, text=text, part=part)


def read_child(
    job: Job, *, repository: Repository = NO_REPOSITORY, variables: Mapping[str, str | None] | None = None
) -> Pipeline | None:
    """The child pipeline that a job starts, as far as its configuration lies in the repository.

    Returns:
        None when the job starts none, or nothing of it can be read (another job makes it, it lies elsewhere).

    Raises:
        WorkflowError: As `read_pipeline`.
    """
    if job.trigger is None:
        return None
    unknown: list[Unknown] = []
    situation = Situation(Known(variables or {}), given=variables or {})
    assembly = assemble_child(job.trigger, repository=repository, situation=situation, unknown=unknown)
    if not assembly.sources:
        return None
    file, source = next(iter(assembly.sources.items()))
    return _pipeline(assembly, unknown, file=file, text=source.document.text, part=False)


def _pipeline(assembly: Assembly, unknown: list[Unknown], *, file: str, text: str, part: bool) -> Pipeline:
    complete = assembly.complete and not part
    config, missing = extended(assembly.config, complete=complete)
    config = dereferenced(config, complete=complete)
    size = expanded_size(config)
    if size > _MAX_EXPANDED:
        raise config.place.error(f"{size} values once everything is merged, more than {_MAX_EXPANDED}")
    root = Fields(config, "the configuration", unknown)
    workflow = _workflow(root)
    around = Surroundings(_defaults(root), complete, missing, workflow.rules is not None)
    jobs = _jobs(config, around, certain=complete and not missing)
    pipeline = Pipeline(
        file=file,
        text=text,
        stages=_stages(root),
        workflow=workflow,
        variables=read_variables(root),
        jobs=jobs,
        hidden=tuple((name, config.keys[name]) for name in config.entries if name.startswith(".")),
        instances=expanded(jobs),
        inclusions=assembly.inclusions,
        inputs=assembly.inputs,
        part=part,
        documents={path: source.document for path, source in assembly.sources.items()},
        unknown=tuple(unknown),
        config=config,
    )
    check(pipeline)
    return pipeline


def _jobs(config: Table, around: Surroundings, *, certain: bool) -> tuple[Job, ...]:
    jobs = []
    for name, value in config.entries.items():
        if name.startswith(".") or name in _OWN_KEYS or name in _OLD_DEFAULTS:
            continue
        key = config.keys[name]
        if not isinstance(value, Table):
            raise key.error(f"{name!r} is neither a known key nor a job: a job is a mapping with a 'script'")
        jobs.append(read_job(name, key, value, around))
    if not jobs and certain:
        raise config.place.error("the configuration has no job that is not hidden")
    return tuple(jobs)


def _defaults(root: Fields) -> Table:
    """`default`, with what older files write at the top level."""
    found = root.nested("default")
    table = Table({}, {}, root.table.place) if found is None else found.table
    if found is not None:
        found.expect(DEFAULT_KEYS)
    entries, keys = dict(table.entries), dict(table.keys)
    for key in _OLD_DEFAULTS:
        value = root.table.get(key)
        if value is None or (isinstance(value, Text) and value.is_null):
            continue
        if key in entries:
            raise root.place(key).error(f"{key!r} is written at the top level and under 'default'")
        entries[key], keys[key] = value, root.table.keys[key]
    return Table(entries, keys, table.place)


def _stages(root: Fields) -> tuple[str, ...]:
    written = root.texts("stages")
    names = DEFAULT_STAGES if written is None else written
    return (FIRST_STAGE, *(name for name in dict.fromkeys(names) if name not in (FIRST_STAGE, LAST_STAGE)), LAST_STAGE)


def _workflow(root: Fields) -> WorkflowRules:
    fields = root.nested("workflow")
    if fields is None:
        return WorkflowRules(None, None, None, None, None)
    fields.expect(("rules", "name", "auto_cancel"))
    cancel = fields.nested("auto_cancel")
    place: Place = fields.table.place
    return WorkflowRules(
        rules=read_rules(fields, WORKFLOW_WHEN),
        name=fields.text("name"),
        on_new_commit=None
        if cancel is None
        else cancel.one_of("on_new_commit", ("conservative", "interruptible", "none")),
        on_job_failure=None if cancel is None else cancel.one_of("on_job_failure", ("all", "none")),
        place=place,
    )
