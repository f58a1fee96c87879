"""The OpenTelemetry Collector's githubreceiver (contrib), which makes traces of GitHub's webhooks.

A `workflow_run` event becomes one span; what it says is on the resource. A `workflow_job` event becomes the job's
span, from the moment the job was created, a span `queue-…` over the wait for a runner, and a span a step. On the
resource of a job `cicd.pipeline.name` is the *job's* name, and nothing says which workflow it belongs to: that comes
with the run's own event. Versions before 0.120 say `vcs.vendor.name` and `vcs.ref.head`, later ones
`vcs.provider.name` and `vcs.ref.head.name`.

Source: receiver/githubreceiver, model.go and trace_event_handling.go, versions of 2025 and 2026.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, Final

from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from makespan_collector.otlp.attributes import Attributes
from makespan_collector.otlp.emitters.emitter import Emitter, Told, counted, github_run, listed, result_of, said
from makespan_collector.store.rows import SpanKind
from makespan_model import vocabulary as names
from makespan_model.records import Result

_VENDOR = "vcs.vendor.name"
_QUEUE_DURATION = "cicd.pipeline.run.queue.duration"
_RUN_RESULTS = ("cicd.pipeline.run.status", names.PIPELINE_RESULT)
_TASK_RESULTS = ("cicd.pipeline.run.task.status", "cicd.pipeline.task.run.status", names.TASK_RUN_RESULT)
_ATTEMPTS: Final = 64
"""Attempts tried when the trace id is taken apart; GitHub allows 50 re-runs of a run."""


def _recognises(resource: Attributes, scope: str, own: Attributes) -> bool:  # noqa: ARG001
    if said(resource, _VENDOR, names.PROVIDER_NAME) != "github" or names.PROVIDER in resource:
        return False
    return bool(github_run(said(resource, names.PIPELINE_RUN_URL, names.TASK_RUN_URL)))


def _read(span: Span, attributes: Attributes) -> Told:
    url = said(attributes, names.PIPELINE_RUN_URL, names.TASK_RUN_URL)
    shared: dict[str, Any] = {
        "provider": "github",
        "ref": said(attributes, names.REF_HEAD_NAME, "vcs.ref.head"),
        "commit": said(attributes, names.REF_HEAD_REVISION),
        **github_run(url),
    }
    shared["attempt"] = _attempt(span.trace_id, str(shared.get("run_id")), attributes)
    if not span.parent_span_id:
        return Told(
            SpanKind.RUN,
            {
                **shared,
                "pipeline": said(attributes, names.PIPELINE_NAME) or span.name,
                "actor": said(attributes, "cicd.pipeline.run.sender.login"),
                "url": url,
                "result": result_of(span, attributes, *_RUN_RESULTS),
            },
        )
    if _QUEUE_DURATION in attributes:
        return Told(SpanKind.DETAIL, {"queued_ns": span.start_time_unix_nano})
    job_name = said(attributes, names.PIPELINE_NAME)
    shared |= {
        "job_name": job_name,
        "job_id": None if job_name is None else job_name.partition(" (")[0],
        "worker": said(attributes, "cicd.pipeline.worker.name"),
        "runner_labels": listed(attributes, "cicd.pipeline.worker.labels"),
        "job_run_id": said(attributes, names.TASK_RUN_ID),
    }
    if said(attributes, names.TASK_NAME):
        return Told(SpanKind.STEP, {**shared, "step_path": span.name, "result": _step_result(span, attributes)})
    result = result_of(span, attributes, *_TASK_RESULTS, "cicd.pipeline.run.status")
    return Told(SpanKind.JOB, {**shared, "url": url, "result": result})


def _step_result(span: Span, attributes: Attributes) -> Result:
    result = result_of(span, attributes, *_TASK_RESULTS)
    # It calls skipped steps failures, but leaves their status unset.
    unset = span.status.code == Status.STATUS_CODE_UNSET
    return Result.SKIP if unset and result is Result.FAILURE else result


def _attempt(trace_id: bytes, run_id: str, attributes: Attributes) -> int:
    """No attribute tells it, but the trace id is a hash of run and attempt."""
    for attempt in range(1, _ATTEMPTS):
        if sha256(f"{run_id}{attempt}t".encode()).digest()[:16] == trace_id:
            return attempt
    return counted(attributes, "github.workflow.run.attempt") or 1


EMITTER: Final = Emitter("githubreceiver", _recognises, _read)
