"""corentinmusard/otel-cicd-action and the action it grew from, inception-health/otel-export-trace-action.

Both read a run from GitHub's API once it has ended. The resource names the run (`service.instance.id` is
repository/workflow/run/attempt), run, job and step say the rest as `github.*`.

Source: src/runner.ts, src/trace/*.ts of the former (2026), src/tracing/*.ts of the latter (2023).
"""

from __future__ import annotations

from typing import Any, Final

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from makespan_collector.otlp.attributes import Attributes
from makespan_collector.otlp.emitters.emitter import Emitter, Told, counted, instant_of, listed, result_of, said
from makespan_collector.store.rows import SpanKind
from makespan_model import vocabulary as names

_SCOPES = ("otel-cicd-action", "otel-export-trace")


def _recognises(resource: Attributes, scope: str, own: Attributes) -> bool:  # noqa: ARG001
    return scope in _SCOPES


def _read(span: Span, attributes: Attributes) -> Told:
    shared = _identity(attributes)
    if said(attributes, "github.job.step.name"):
        result = result_of(span, attributes, "github.job.step.conclusion")
        return Told(SpanKind.STEP, {**shared, "step_path": span.name, "result": result})
    if said(attributes, "github.job.id"):
        name = said(attributes, "github.job.name") or span.name
        return Told(
            SpanKind.JOB,
            {
                **shared,
                "pipeline": said(attributes, "github.job.workflow_name"),
                "job_name": name,
                "job_id": name.partition(" (")[0],
                "worker": said(attributes, "github.job.runner_name"),
                "runner_labels": listed(attributes, "github.job.labels"),
                "job_run_id": said(attributes, "github.job.id"),
                "queued_ns": instant_of(attributes, "github.job.created_at"),
                "url": said(attributes, "github.job.html_url", names.TASK_RUN_URL),
                "result": result_of(span, attributes, "github.job.conclusion", names.TASK_RUN_RESULT),
            },
        )
    if said(attributes, "github.run_id"):
        return Told(
            SpanKind.RUN,
            {
                **shared,
                "pipeline": said(attributes, "github.workflow", names.PIPELINE_NAME) or span.name,
                "ref": said(attributes, "github.head_branch", "github.head_ref"),
                "commit": said(attributes, "github.head_sha"),
                "event": said(attributes, "github.event"),
                "change": said(attributes, "github.pull_requests.0.number"),
                "url": said(attributes, "github.html_url", names.PIPELINE_RUN_URL),
                "result": result_of(span, attributes, "github.conclusion", names.PIPELINE_RESULT),
            },
        )
    return Told(SpanKind.DETAIL)


def _identity(attributes: Attributes) -> dict[str, Any]:
    instance = (said(attributes, "service.instance.id") or "").rsplit("/", 3)
    named = dict(zip(("repository", "workflow", "run_id", "attempt"), instance, strict=False))
    return {
        "provider": "github",
        "repository": said(attributes, "service.namespace") or named.get("repository"),
        "run_id": said(attributes, "github.run_id") or named.get("run_id"),
        "attempt": counted(attributes, "github.run_attempt") or counted(named, "attempt") or 1,
    }


EMITTER: Final = Emitter("otel-cicd-action", _recognises, _read)
