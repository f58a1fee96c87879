"""benke33/gitlab-otel-exporter, a job at the end of a GitLab pipeline that sends what GitLab's API says of it.

The run's span has names of the semantic conventions and, beside them, every field of GitLab's answer under its own
name (`status`, `web_url`, `source`; nested ones with dots), all as text. A job's span says of the pipeline nothing
but what GitLab nests in it.

Source: main.go (2026).
"""

from __future__ import annotations

import re
from typing import Any, Final

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from makespan_collector.otlp.attributes import Attributes
from makespan_collector.otlp.emitters.emitter import Emitter, Told, path_of, result_of, said
from makespan_collector.store.rows import SpanKind
from makespan_model import vocabulary as names

_LEG = re.compile(r"(: \[.*\]| [0-9]+/[0-9]+)$")
_NOTHING = "None"


def _recognises(resource: Attributes, scope: str, own: Attributes) -> bool:  # noqa: ARG001
    return scope == "gitlab-ci-collector"


def _read(span: Span, attributes: Attributes) -> Told:
    attributes = {key: value for key, value in attributes.items() if value not in (_NOTHING, "")}
    if said(attributes, names.TASK_RUN_ID):
        name = said(attributes, names.TASK_NAME) or span.name
        return Told(
            SpanKind.JOB,
            {
                "job_name": name,
                "job_id": _LEG.sub("", name),
                "worker": said(attributes, "runner.description"),
                "job_run_id": said(attributes, names.TASK_RUN_ID),
                "queued_ns": _queued_ns(span, attributes),
                "url": said(attributes, names.TASK_RUN_URL),
                "result": result_of(span, attributes, "status"),
            },
        )
    if said(attributes, names.PIPELINE_RUN_ID):
        return Told(SpanKind.RUN, _run(span, attributes))
    return Told(SpanKind.DETAIL)


def _run(span: Span, attributes: Attributes) -> dict[str, Any]:
    repository = path_of(said(attributes, names.REPOSITORY_URL)) or said(attributes, "service.name")
    return {
        "provider": "gitlab",
        "repository": repository,
        "run_id": said(attributes, names.PIPELINE_RUN_ID),
        "attempt": 1,
        "pipeline": said(attributes, names.PIPELINE_NAME) or repository,
        "ref": said(attributes, "vcs.repository.ref.name", "ref"),
        "commit": said(attributes, "vcs.repository.ref.revision", "sha"),
        "event": said(attributes, "source"),
        "actor": said(attributes, "user.username"),
        "url": said(attributes, "web_url"),
        "result": result_of(span, attributes, "status"),
    }


def _queued_ns(span: Span, attributes: Attributes) -> int | None:
    seconds = said(attributes, "queued_duration") or ""
    if not seconds.isdecimal() or len(seconds) > 9:
        return None
    return max(0, span.start_time_unix_nano - int(seconds) * 1_000_000_000)


EMITTER: Final = Emitter("gitlab-otel-exporter", _recognises, _read)
