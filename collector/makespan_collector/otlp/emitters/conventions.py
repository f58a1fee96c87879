"""Any emitter that follows the semantic conventions for CI/CD spans (1.27 and later, release candidate in 1.43).

Recognised by the span's own attributes, not by the resource's: those a shell hands down to whatever a step starts.
A task in a run is a job, a task within a task a step. Where nothing names the provider it is `otel`.

Source: semantic conventions, "CICD spans" and the registries of `cicd.*` and `vcs.*`; `cicd.pipeline.run.status` and
`cicd.pipeline.run.task.status` are what the results were called before 1.30.
"""

from __future__ import annotations

from typing import Any, Final

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from makespan_collector.otlp.attributes import Attributes
from makespan_collector.otlp.emitters.emitter import Emitter, Told, github_run, listed, path_of, result_of, said
from makespan_collector.store.rows import SpanKind
from makespan_model import vocabulary as names

OWN_KEYS: Final = frozenset({names.PIPELINE_RUN_ID, names.PIPELINE_RESULT, names.TASK_RUN_ID, names.TASK_NAME})
"""A span that has one of these of its own is a run or a task."""


def _recognises(resource: Attributes, scope: str, own: Attributes) -> bool:  # noqa: ARG001
    return not OWN_KEYS.isdisjoint(own)


def _read(span: Span, attributes: Attributes) -> Told:
    shared = _identity(attributes)
    name = said(attributes, names.TASK_NAME)
    if name is None and not said(attributes, names.TASK_RUN_ID):
        return Told(
            SpanKind.RUN,
            {
                **shared,
                "pipeline": said(attributes, names.PIPELINE_NAME) or span.name,
                "url": said(attributes, names.PIPELINE_RUN_URL),
                "result": result_of(span, attributes, names.PIPELINE_RESULT, "cicd.pipeline.run.status"),
            },
        )
    name = name or span.name
    return Told(
        SpanKind.JOB,
        {
            **shared,
            "pipeline": said(attributes, names.PIPELINE_NAME),
            "job_name": name,
            "job_id": name.partition(" (")[0],
            "worker": said(attributes, names.WORKER_NAME, names.WORKER_ID),
            "runner_labels": listed(attributes, "cicd.worker.labels"),
            "job_run_id": said(attributes, names.TASK_RUN_ID),
            "url": said(attributes, names.TASK_RUN_URL),
            "result": result_of(
                span,
                attributes,
                names.TASK_RUN_RESULT,
                "cicd.pipeline.task.run.status",
                "cicd.pipeline.run.task.status",
            ),
        },
    )


def _identity(attributes: Attributes) -> dict[str, Any]:
    owner, repository = (
        said(attributes, names.OWNER_NAME, "vcs.repository.owner"),
        said(attributes, names.REPOSITORY_NAME),
    )
    if owner and repository and "/" not in repository:
        repository = f"{owner}/{repository}"
    run_page = github_run(said(attributes, names.PIPELINE_RUN_URL)) or github_run(said(attributes, names.TASK_RUN_URL))
    provider = said(attributes, names.PROVIDER_NAME, "vcs.vendor.name", "cicd.system.component")
    run_id = said(attributes, names.PIPELINE_RUN_ID) or run_page.get("run_id")
    return {
        "provider": None if run_id is None else provider or ("github" if run_page else "otel"),
        "repository": run_page.get("repository") or path_of(said(attributes, names.REPOSITORY_URL)) or repository,
        "run_id": run_id,
        "attempt": None if run_id is None else run_page.get("attempt", 1),
        "ref": said(attributes, names.REF_HEAD_NAME),
        "commit": said(attributes, names.REF_HEAD_REVISION),
        "change": said(attributes, names.CHANGE_ID),
    }


EMITTER: Final = Emitter("semantic-conventions", _recognises, _read)
