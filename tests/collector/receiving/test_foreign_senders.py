"""Senders that we did not write deliver whole trees: OpenTelemetry's own SDKs over every transport they have."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from makespan_collector.store.opening import open_store
from makespan_model import vocabulary as names
from makespan_model.identity import RunIdentity
from makespan_model.records import PipelineRun
from support.ci_runners import node_with_otel
from support.serving import Served, serving

RESOURCE = {
    names.PROVIDER: "github",
    names.REPOSITORY: "octo/app",
    names.PIPELINE_NAME: "ci",
    names.PIPELINE_RUN_ID: "7",
}
STEPS = 100
"""More than the decoder takes row by row, so that a batch of the SDK goes through both ways."""

_CLOCK_NS = 2_000_000

_PYTHON = """
import json, sys
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
kind, endpoint, resource, steps = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), int(sys.argv[4])
if kind == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    exporter = OTLPSpanExporter(endpoint, insecure=True)
else:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    exporter = OTLPSpanExporter(endpoint + "/v1/traces")
provider = TracerProvider(resource=Resource(resource))
provider.add_span_processor(BatchSpanProcessor(exporter))
tracer = provider.get_tracer("test")
with tracer.start_as_current_span("RUN ci", attributes={"makespan.span.type": "run"}):
    with tracer.start_as_current_span("test", attributes={"makespan.span.type": "job", "makespan.job.id": "test"}):
        for number in range(steps):
            attributes = {"makespan.span.type": "step", "makespan.job.id": "test", "makespan.step.path": str(number)}
            with tracer.start_as_current_span(f"step {number}", attributes=attributes):
                pass
provider.shutdown()
"""

_NODE = """
const { NodeTracerProvider, BatchSpanProcessor } = require('@opentelemetry/sdk-trace-node');
const { resourceFromAttributes } = require('@opentelemetry/resources');
const { trace, context } = require('@opentelemetry/api');
const [kind, endpoint, resource, steps] = process.argv.slice(2);
const { OTLPTraceExporter } = require(`@opentelemetry/exporter-trace-otlp-${kind}`);
const url = kind === 'grpc' ? `http://${endpoint}` : `${endpoint}/v1/traces`;
const provider = new NodeTracerProvider({
  resource: resourceFromAttributes(JSON.parse(resource)),
  spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url }))],
});
provider.register();
const tracer = trace.getTracer('test');
const within = (name, attributes, body) =>
  tracer.startActiveSpan(name, { attributes }, (span) => { body(); span.end(); });
within('RUN ci', { 'makespan.span.type': 'run' }, () =>
  within('test', { 'makespan.span.type': 'job', 'makespan.job.id': 'test' }, () => {
    for (let number = 0; number < Number(steps); number++) {
      const path = { 'makespan.step.path': String(number) };
      within(`step ${number}`, { 'makespan.span.type': 'step', 'makespan.job.id': 'test', ...path }, () => {});
    }
  }));
provider.shutdown();
"""


def _stored(store: Path) -> PipelineRun:
    with open_store(store, read_only=True) as opened:
        (run,) = opened.runs()
    return run


def _check_tree(run: PipelineRun) -> None:
    assert run.identity == RunIdentity("github", "octo/app", "7")
    (job,) = run.jobs
    # Node's clock tells milliseconds: steps of one instant are in no order.
    assert {(step.path, step.name) for step in job.steps} == {(str(n), f"step {n}") for n in range(STEPS)}
    # Its start times are cut to milliseconds, so a span may also end that much after the one around it.
    assert run.start_ns <= job.start_ns <= min(step.start_ns for step in job.steps)
    assert max(step.end_ns for step in job.steps) - _CLOCK_NS <= job.end_ns <= run.end_ns + _CLOCK_NS


def _endpoint(served: Served, kind: str) -> str:
    assert served.grpc is not None
    return served.grpc if kind == "grpc" else served.url


@pytest.mark.parametrize("kind", ["proto", "grpc"])
def test_pythons_sdk_delivers_its_tree(tmp_path: Path, kind: str) -> None:
    with serving(tmp_path / "store", "--grpc-port", "0") as served:
        arguments = [kind, _endpoint(served, kind), json.dumps(RESOURCE), str(STEPS)]
        subprocess.run([sys.executable, "-c", _PYTHON, *arguments], check=True, timeout=120)

    _check_tree(_stored(tmp_path / "store"))


@pytest.mark.service
@pytest.mark.parametrize("kind", ["proto", "http", "grpc"])
def test_nodes_sdk_delivers_its_tree(tmp_path: Path, kind: str) -> None:
    folder = node_with_otel()
    script = tmp_path / "send.js"
    script.write_text(_NODE)
    with serving(tmp_path / "store", "--grpc-port", "0") as served:
        arguments = [kind, _endpoint(served, kind), json.dumps(RESOURCE), str(STEPS)]
        environment = {"NODE_PATH": str(folder / "node_modules"), "PATH": "/usr/local/bin:/usr/bin:/bin"}
        subprocess.run(["node", str(script), *arguments], check=True, timeout=120, env=environment)

    _check_tree(_stored(tmp_path / "store"))
