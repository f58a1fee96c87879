"""Jenkins' OpenTelemetry plugin.

Only the build's own span (`BUILD …`) says which build it is, and it comes last: everything below is put into place
when it is there. A stage is a job, as the agent sees it from within; a stage around other stages only groups. What
runs in no stage (a freestyle build) is the job `build`. A span `Agent Allocation` is the wait for an executor.

Source: jenkinsci/opentelemetry-plugin, docs/job-traces.md, MonitoringRunListener, MonitoringPipelineListener,
MonitoringBuildStepListener (2026).
"""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import unquote

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from makespan_collector.otlp.attributes import Attributes
from makespan_collector.otlp.emitters.emitter import Emitter, Told, listed, result_of, said
from makespan_collector.store.rows import SpanKind

_SCOPE = "io.jenkins.opentelemetry"
_STEP = "jenkins.pipeline.step"
_GROUPING = ("node", "parallel", "withNewSpan")
"""Types of steps that only hold others; a step's type is the name of its function."""
_AGENT, _ALLOCATION, _BRANCH = "Agent", "Agent Allocation", "Parallel branch: "


def _recognises(resource: Attributes, scope: str, own: Attributes) -> bool:  # noqa: ARG001
    return scope == _SCOPE


def _read(span: Span, attributes: Attributes) -> Told:
    if said(attributes, "ci.pipeline.run.number"):
        return Told(SpanKind.RUN, _run(span, attributes))
    kind, name = said(attributes, f"{_STEP}.type"), said(attributes, f"{_STEP}.name")
    if span.name == _ALLOCATION:
        return Told(SpanKind.DETAIL, {"queued_ns": span.start_time_unix_nano})
    if kind in _GROUPING or span.name == _AGENT or span.name.startswith(_BRANCH) or not (kind or name):
        return Told(SpanKind.DETAIL)
    shared = {
        "worker": said(attributes, "jenkins.computer.name"),
        "result": result_of(span, attributes, f"{_STEP}.result"),
    }
    if kind == "stage":
        return Told(SpanKind.JOB, {**shared, "job_name": name or span.name, "job_id": name or span.name})
    return Told(SpanKind.STEP, {**shared, "step_path": span.name})


def _run(span: Span, attributes: Attributes) -> dict[str, Any]:
    job = said(attributes, "ci.pipeline.id")
    project, branch = job, None
    if job and said(attributes, "ci.pipeline.multibranch.type"):
        # A multibranch project has one job for each branch; they are runs of the same pipeline.
        head, _, tail = job.rpartition("/")
        project, branch = head or job, unquote(tail)
    cause = listed(attributes, "ci.pipeline.run.cause")
    return {
        "provider": "jenkins",
        "repository": job,
        "run_id": said(attributes, "ci.pipeline.run.number"),
        "attempt": 1,
        "pipeline": project,
        "ref": branch,
        "event": cause[0].partition(":")[0] if cause else None,
        "actor": said(attributes, "ci.pipeline.run.user"),
        "url": said(attributes, "ci.pipeline.run.url"),
        "result": result_of(span, attributes, "ci.pipeline.run.result"),
    }


EMITTER: Final = Emitter("jenkins-opentelemetry", _recognises, _read, SpanKind.JOB, default_job="build")
