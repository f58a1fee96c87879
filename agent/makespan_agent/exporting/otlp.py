"""Step records as OpenTelemetry spans and metrics."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import version
from urllib.parse import unquote

from opentelemetry.sdk.metrics.export import (
    Gauge,
    Metric,
    MetricsData,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from makespan_agent.exporting.step_record import StepRecord
from makespan_model import vocabulary as names
from makespan_model.executable_usage import render_executables
from makespan_model.records import Result, Sample

SERVICE_NAME = "makespan-agent"
_REPOSITORY_HOSTS = ("github", "gitlab", "bitbucket")
"""CI providers that host the repository as well: `vcs.provider.name` has these values, and none for the others."""

# Metric name, unit (UCUM), description, and the value of a sample; None where it was not measured.
_GAUGES: tuple[tuple[str, str, str, Callable[[Sample], float | None]], ...] = (
    (names.METRIC_CPU_CORES, "{cpu}", "CPU cores the step used", lambda sample: sample.cpu_cores),
    (names.METRIC_MEMORY_BYTES, "By", "Resident memory of the step's processes", lambda sample: sample.memory_bytes),
    (names.METRIC_PROCESSES, "{process}", "Processes of the step", lambda sample: sample.processes),
    (names.METRIC_IO_READ, "By/s", "Bytes read from storage", lambda sample: sample.io_read_bytes_per_s),
    (names.METRIC_IO_WRITE, "By/s", "Bytes written to storage", lambda sample: sample.io_write_bytes_per_s),
    (names.METRIC_HOST_CPU, "{cpu}", "CPU cores busy on the machine", lambda sample: sample.host_cpu_cores),
    (
        names.METRIC_HOST_MEMORY_AVAILABLE,
        "By",
        "Memory the machine could still give out",
        lambda sample: sample.host_memory_available_bytes,
    ),
    (names.METRIC_HOST_LOAD, "{task}", "Load average over one minute", lambda sample: sample.host_load),
    (
        names.METRIC_HOST_DISK_USED,
        "By",
        "Used space of the file system of the step's directory",
        lambda sample: sample.host_disk_used_bytes,
    ),
    (
        names.METRIC_HOST_DISK_READ,
        "By/s",
        "Bytes read from the machine's disks",
        lambda sample: sample.host_disk_read_bytes_per_s,
    ),
    (
        names.METRIC_HOST_DISK_WRITE,
        "By/s",
        "Bytes written to the machine's disks",
        lambda sample: sample.host_disk_write_bytes_per_s,
    ),
)
_USAGE = names.USAGE_AMOUNTS | names.USAGE_COUNTS | names.USAGE_SOURCES


def span_of(record: StepRecord) -> ReadableSpan:
    """The step's span, with the ids the record derived."""
    failed = record.step.result is not Result.SUCCESS
    return ReadableSpan(
        name=record.step.name,
        context=_span_context(record.trace_id, record.span_id),
        parent=_span_context(record.trace_id, record.parent_span_id),
        resource=_resource(record),
        attributes=_span_attributes(record),
        kind=SpanKind.INTERNAL,
        status=Status(StatusCode.ERROR, record.error_type) if failed else Status(StatusCode.UNSET),
        start_time=record.step.start_ns,
        end_time=record.step.end_ns,
        instrumentation_scope=_scope(),
    )


def metrics_of(records: Sequence[StepRecord]) -> MetricsData | None:
    """The samples of all records as gauges with the times they were taken at; None when there are none."""
    by_job: dict[Resource, list[StepRecord]] = defaultdict(list)
    for record in records:
        if record.samples:
            by_job[_resource(record)].append(record)
    if not by_job:
        return None
    scope = _scope()
    return MetricsData(
        [
            ResourceMetrics(resource, [ScopeMetrics(scope, _gauges(job_records), schema_url="")], schema_url="")
            for resource, job_records in by_job.items()
        ]
    )


def _gauges(records: Sequence[StepRecord]) -> list[Metric]:
    metrics = []
    for name, unit, description, value_of in _GAUGES:
        points = []
        for record in records:
            attributes = {names.TRACE_ID: record.trace_id, names.SPAN_ID: record.span_id}
            for sample in record.samples:
                value = value_of(sample)
                if value is not None:
                    points.append(NumberDataPoint(attributes, record.step.start_ns, sample.time_ns, value))
        if points:
            metrics.append(Metric(name, description, unit, Gauge(points)))
    return metrics


def _span_attributes(record: StepRecord) -> dict[str, str | int | float | tuple[str, ...]]:
    step, usage = record.step, record.step.usage
    found: dict[str, str | int | float | None] = {
        names.SPAN_TYPE: "step",
        names.TASK_NAME: step.name,
        names.TASK_RUN_ID: f"{record.job_label}/{step.path}",
        names.TASK_RUN_RESULT: step.result.value,
        names.TASK_RUN_URL: record.facts.get("job_url") or record.facts.get("run_url"),
        names.STEP_PATH: step.path,
        names.STEP_INDEX: step.index,
        names.STEP_KIND: step.kind.value,
        names.PROCESS_EXIT_CODE: step.exit_code,
        names.ERROR_TYPE: record.error_type,
        **{name: getattr(usage, field) for field, name in _USAGE.items()},
        names.PROCESSES: render_executables(usage.executables) if usage.executables else None,
        names.AGENT_OVERHEAD_S: record.overhead_wall_s,
        names.AGENT_OVERHEAD_CPU_S: record.overhead_cpu_s,
    }
    known = {name: value for name, value in found.items() if value is not None}
    return known | record.evidence.step_attributes()


def _resource(record: StepRecord) -> Resource:
    identity, facts = record.identity, record.facts
    # On Jenkins the job's name stands where others have the repository's.
    owner, _, repository = ("" if identity.provider == "jenkins" else identity.repository).rpartition("/")
    found: dict[str, str | int | tuple[str, ...] | None] = {
        **_given_resource(record.resource),
        names.PROVIDER: identity.provider,
        names.REPOSITORY: identity.repository,
        names.RUN_ATTEMPT: identity.attempt,
        names.PIPELINE_NAME: record.pipeline,
        names.PIPELINE_RUN_ID: identity.run_id,
        names.PIPELINE_RUN_URL: facts.get("run_url"),
        names.PROVIDER_NAME: identity.provider if identity.provider in _REPOSITORY_HOSTS else None,
        names.OWNER_NAME: owner or None,
        names.REPOSITORY_NAME: repository or None,
        names.REPOSITORY_URL: facts.get("repository_url"),
        names.REF_HEAD_NAME: facts.get("ref"),
        names.REF_HEAD_REVISION: facts.get("commit"),
        names.JOB_ID: record.job_id,
        names.JOB_NAME: record.job_label,
        names.JOB_RUN_ID: facts.get("job_run"),
        names.JOB_RUNNER_LABELS: record.runner_labels or None,
        names.RUN_EVENT: facts.get("event"),
        names.RUN_ACTOR: facts.get("actor"),
        names.CHANGE_ID: facts.get("change"),
        names.WORKER_NAME: facts.get("worker"),
    }
    return Resource({name: value for name, value in found.items() if value is not None})


def _given_resource(variables: Mapping[str, str]) -> dict[str, str]:
    """OTEL_RESOURCE_ATTRIBUTES and OTEL_SERVICE_NAME (specification, "Resource SDK"); what we know ourselves wins.

    One pair without a name or an equals sign makes all of the list void, as the specification asks.
    """
    pairs = [item.partition("=") for item in variables.get("OTEL_RESOURCE_ATTRIBUTES", "").split(",") if item.strip()]
    found = {"service.name": SERVICE_NAME}
    if all(name.strip() and equals for name, equals, _ in pairs):
        found |= {name.strip(): unquote(value.strip()) for name, _, value in pairs}
    if variables.get("OTEL_SERVICE_NAME"):
        found["service.name"] = variables["OTEL_SERVICE_NAME"]
    return found


def _span_context(trace_id: str, span_id: str) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _scope() -> InstrumentationScope:
    return InstrumentationScope(SERVICE_NAME, version("makespan"))
