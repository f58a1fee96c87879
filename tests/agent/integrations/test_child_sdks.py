"""Programs inside a step that are instrumented with OpenTelemetry's own SDK."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from support.agent_process import Agent
from support.ci_runners import node_with_otel
from support.otlp_receiver import Receiver

# The environment as a carrier: OpenTelemetry specification, "Environment Variables as Context Propagation Carriers".
_PYTHON = """
import os
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
tracer = provider.get_tracer("program")
context = TraceContextTextMapPropagator().extract({"traceparent": os.environ["TRACEPARENT"]})
with tracer.start_as_current_span("compile", context=context), tracer.start_as_current_span("parse"):
    pass
provider.shutdown()
"""

_NODE = """
const { propagation, ROOT_CONTEXT, trace } = require('@opentelemetry/api');
const { NodeTracerProvider, SimpleSpanProcessor } = require('@opentelemetry/sdk-trace-node');
const { OTLPTraceExporter } = require('@opentelemetry/exporter-trace-otlp-proto');

const provider = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(new OTLPTraceExporter())] });
provider.register();
const around = propagation.extract(ROOT_CONTEXT, { traceparent: process.env.TRACEPARENT });
const tracer = trace.getTracer('program');
const compile = tracer.startSpan('compile', {}, around);
tracer.startSpan('parse', {}, trace.setSpan(around, compile)).end();
compile.end();
provider.shutdown();
"""


def _assert_below_the_step(receiver: Receiver) -> None:
    spans: dict[str, Span] = {span.name: span for span in receiver.spans()}
    assert set(spans) == {"build", "compile", "parse"}
    assert len({span.trace_id for span in spans.values()}) == 1
    assert spans["compile"].parent_span_id == spans["build"].span_id
    assert spans["parse"].parent_span_id == spans["compile"].span_id
    assert spans["build"].start_time_unix_nano <= spans["compile"].start_time_unix_nano
    assert spans["compile"].end_time_unix_nano <= spans["build"].end_time_unix_nano


def test_a_python_program_with_its_own_sdk_hangs_under_the_step(agent: Agent, receiver: Receiver) -> None:
    agent.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}

    finished = agent.run("run", "--step", "build", "--", sys.executable, "-c", _PYTHON)
    agent.run("flush")

    assert finished.returncode == 0, finished.stderr.decode()
    _assert_below_the_step(receiver)


@pytest.mark.service
def test_a_node_program_with_its_own_sdk_hangs_under_the_step(agent: Agent, receiver: Receiver, tmp_path: Path) -> None:
    modules = node_with_otel() / "node_modules"
    agent.environment = {"OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url, "NODE_PATH": str(modules)}
    node = shutil.which("node")
    assert node is not None

    finished = agent.run("run", "--step", "build", "--", node, "-e", _NODE)
    agent.run("flush")

    assert finished.returncode == 0, finished.stderr.decode()
    _assert_below_the_step(receiver)
