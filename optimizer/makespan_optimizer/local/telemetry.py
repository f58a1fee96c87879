"""The spans of a local run that no agent inside a job can know: the run, its jobs, and the steps act does itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.metadata import version

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from makespan_model import vocabulary as names
from makespan_model.errors import UnavailableError
from makespan_model.identity import job_span_id, run_span_id, step_span_id
from makespan_model.records import Result, StepKind
from makespan_optimizer.local.act import ActLeg, ActStep
from makespan_optimizer.local.execution import LocalJob, LocalRun
from makespan_optimizer.local.job_file import StepLabel
from makespan_optimizer.local.stand_ins import runs_here

_SERVICE_NAME = "makespan-exec"
_Attributes = Mapping[str, str | int | tuple[str, ...]]


def send_run(run: LocalRun, endpoint: str) -> None:
    """Send the run's own spans; the agent's records are sent by its `flush`.

    Raises:
        UnavailableError: The receiver did not take them.
    """
    exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
    try:
        if exporter.export(list(spans_of(run))) is not SpanExportResult.SUCCESS:
            raise UnavailableError(f"the collector at {endpoint} did not take the spans of the run")
    finally:
        exporter.shutdown()  # type: ignore[no-untyped-call]


def spans_of(run: LocalRun) -> Iterator[ReadableSpan]:
    """Run span, one job span a leg, and one step span for each step that ran outside the agent."""
    trace = _Trace(run)
    yield trace.run_span()
    for job in run.jobs:
        read = run.workflow.job(job.job_id)
        assert read is not None
        for leg in job.legs:
            yield trace.job_span(job, leg, read.needs)
            for step in leg.steps:
                label = job.labels.get(step.key)
                # Stand-ins and `run:` steps went through the agent, which measured them better.
                if label is not None and label.kind is StepKind.USES and label.index < len(read.steps):
                    uses = read.steps[label.index].uses
                    if uses is not None and runs_here(uses):
                        yield trace.step_span(job, leg, step, label)


class _Trace:
    def __init__(self, run: LocalRun) -> None:
        identity = run.options.identity
        self._run = run
        self._trace_id = identity.trace_id
        self._scope = InstrumentationScope(_SERVICE_NAME, version("makespan"))
        self._resource = Resource(
            {
                "service.name": _SERVICE_NAME,
                names.PROVIDER: identity.provider,
                names.REPOSITORY: identity.repository,
                names.RUN_ATTEMPT: identity.attempt,
                names.PIPELINE_NAME: run.options.pipeline,
                names.PIPELINE_RUN_ID: identity.run_id,
            }
        )

    def run_span(self) -> ReadableSpan:
        run = self._run
        attributes = {names.SPAN_TYPE: "run", names.PIPELINE_RESULT: run.result.value}
        span_id = run_span_id(self._trace_id)
        name = f"RUN {run.options.pipeline}"
        return self._span(name, span_id, None, (run.start_ns, run.end_ns), run.result, attributes, SpanKind.SERVER)

    def job_span(self, job: LocalJob, leg: ActLeg, needs: tuple[str, ...]) -> ReadableSpan:
        attributes: _Attributes = {
            names.SPAN_TYPE: "job",
            names.TASK_NAME: leg.label,
            names.TASK_RUN_ID: leg.label,
            names.TASK_RUN_RESULT: leg.result.value,
            names.JOB_ID: job.job_id,
            names.JOB_NAME: leg.label,
            names.JOB_NEEDS: needs,
            names.JOB_QUEUED_NS: job.ready_ns,
        }
        span_id = job_span_id(self._trace_id, leg.label)
        parent = run_span_id(self._trace_id)
        return self._span(leg.label, span_id, parent, (leg.start_ns, leg.end_ns), leg.result, attributes)

    def step_span(self, job: LocalJob, leg: ActLeg, step: ActStep, label: StepLabel) -> ReadableSpan:
        path = f"#{label.index}"
        attributes: _Attributes = {
            names.SPAN_TYPE: "step",
            names.TASK_NAME: label.name,
            names.TASK_RUN_ID: f"{leg.label}/{path}",
            names.TASK_RUN_RESULT: step.result.value,
            names.JOB_ID: job.job_id,
            names.JOB_NAME: leg.label,
            names.STEP_PATH: path,
            names.STEP_INDEX: label.index,
            names.STEP_KIND: StepKind.USES.value,
        }
        span_id = step_span_id(self._trace_id, leg.label, path)
        parent = job_span_id(self._trace_id, leg.label)
        return self._span(label.name, span_id, parent, (step.start_ns, step.end_ns), step.result, attributes)

    def _span(
        self,
        name: str,
        span_id: str,
        parent_id: str | None,
        times_ns: tuple[int, int],
        result: Result,
        attributes: _Attributes,
        kind: SpanKind = SpanKind.INTERNAL,
    ) -> ReadableSpan:
        failed = result not in (Result.SUCCESS, Result.SKIP)
        error = {names.ERROR_TYPE: result.value} if failed else {}
        return ReadableSpan(
            name=name,
            context=self._context(span_id),
            parent=None if parent_id is None else self._context(parent_id),
            resource=self._resource,
            attributes={**attributes, **error},
            kind=kind,
            status=Status(StatusCode.ERROR, result.value) if failed else Status(StatusCode.UNSET),
            start_time=times_ns[0],
            end_time=times_ns[1],
            instrumentation_scope=self._scope,
        )

    def _context(self, span_id: str) -> SpanContext:
        flags = TraceFlags(TraceFlags.SAMPLED)
        return SpanContext(int(self._trace_id, 16), int(span_id, 16), is_remote=False, trace_flags=flags)
