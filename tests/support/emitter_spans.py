"""Traces in the shapes in which other CI/CD emitters send them, written after what their source sends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from support.span_rows import EPOCH, SECOND, key_value

OK, ERROR, UNSET = 1, 2, 0


@dataclass(frozen=True)
class Sent:
    """A span; times in seconds after the epoch of `span_rows`, ids by name."""

    name: str
    start_s: int
    end_s: int
    own: Mapping[str, Any] = field(default_factory=dict)
    span: str = ""
    parent: str | None = None
    code: int = OK


def span_id(name: str) -> bytes:
    """An id for a name."""
    return sha256(name.encode()).digest()[:8]


def request(
    sent: Sequence[Sent], resource: Mapping[str, Any], *, scope: str = "", trace_id: bytes = b"\7" * 16
) -> ExportTraceServiceRequest:
    """One request with one resource; a scope for each span, as the Collector's receivers make them."""
    message = ExportTraceServiceRequest()
    resource_spans = message.resource_spans.add()
    resource_spans.resource.attributes.extend(key_value(key, value) for key, value in resource.items())
    for one in sent:
        scope_spans = resource_spans.scope_spans.add()
        scope_spans.scope.name = scope
        span = scope_spans.spans.add(
            trace_id=trace_id,
            span_id=span_id(one.span or one.name),
            parent_span_id=span_id(one.parent) if one.parent else b"",
            name=one.name,
            start_time_unix_nano=EPOCH + one.start_s * SECOND,
            end_time_unix_nano=EPOCH + one.end_s * SECOND,
            attributes=[key_value(key, value) for key, value in one.own.items()],
        )
        span.status.code = one.code
    return message


def github_receiver(attempt: int = 2) -> list[ExportTraceServiceRequest]:
    """A job's event, then its run's: OpenTelemetry Collector contrib, githubreceiver of 2025."""
    run, trace_id = 21487811823, sha256(f"21487811823{attempt}t".encode()).digest()[:16]
    vcs = {
        "service.name": "app",
        "vcs.repository.name": "app",
        "vcs.vendor.name": "github",
        "vcs.ref.head": "main",
        "vcs.ref.head.type": "branch",
        "vcs.ref.head.revision": "5450c187bd4f7de93acb26454237fef6c3b185f3",
    }
    job = {
        **vcs,
        "cicd.pipeline.worker.id": 12,
        "cicd.pipeline.worker.name": "GitHub Actions 12",
        "cicd.pipeline.worker.labels": ["ubuntu-24.04"],
        "cicd.pipeline.name": "test (3.12)",
        "cicd.pipeline.task.run.sender.login": "octocat",
        "cicd.pipeline.task.run.url.full": f"https://github.com/octo/app/actions/runs/{run}/job/61902010203",
        "cicd.pipeline.task.run.id": 61902010203,
        "cicd.pipeline.run.task.status": "failure",
    }
    status = "cicd.pipeline.run.task.status"
    steps = [
        ("Set up job", 30, 31, "success", OK),
        ("Run actions/checkout@v4", 31, 33, "success", OK),
        ("Run pytest", 33, 90, "failure", ERROR),
        # Of a skipped step the receiver says failure, with an unset status.
        ("Upload coverage", 90, 90, "failure", UNSET),
    ]
    spans = [
        Sent("test (3.12)", 10, 95, span="job", parent="root", code=ERROR),
        Sent("queue-test (3.12)", 10, 30, {"cicd.pipeline.run.queue.duration": 20e9}, parent="job", code=UNSET),
        *(
            Sent(name, start, end, {"cicd.pipeline.task.name": name, status: said}, parent="job", code=code)
            for name, start, end, said, code in steps
        ),
    ]
    ended = {
        **vcs,
        "cicd.pipeline.name": "CI",
        "cicd.pipeline.run.sender.login": "octocat",
        "cicd.pipeline.run.url.full": f"https://github.com/octo/app/actions/runs/{run}",
        "cicd.pipeline.run.id": run,
        "cicd.pipeline.run.status": "failure",
    }
    return [
        request(spans, job, trace_id=trace_id),
        request([Sent("CI", 5, 100, span="root", code=ERROR)], ended, trace_id=trace_id),
    ]


def cicd_action() -> list[ExportTraceServiceRequest]:
    """A run as corentinmusard/otel-cicd-action 3 sends it; spans end, and are sent, children first."""
    resource = {
        "service.name": "otel-cicd-action",
        "service.instance.id": "octo/app/94297729/21487811823/1",
        "service.namespace": "octo/app",
        "service.version": "5450c187bd4f7de93acb26454237fef6c3b185f3",
    }

    def step(name: str, number: int, start: int, end: int) -> Sent:
        own = {
            "github.job.step.status": "completed",
            "github.job.step.conclusion": "success",
            "github.job.step.name": name,
            "github.job.step.number": number,
        }
        return Sent(name, start, end, own, span=f"step {number}", parent="job")

    job = {
        "cicd.pipeline.task.name": "build",
        "cicd.pipeline.task.run.id": 61902010203,
        "cicd.pipeline.task.run.result": "success",
        "github.job.id": 61902010203,
        "github.job.name": "build",
        "github.job.run_id": 21487811823,
        "github.job.run_attempt": 1,
        "github.job.labels": "self-hosted, linux",
        "github.job.created_at": "2023-11-14T22:13:25Z",
        "github.job.runner_name": "runner-1",
        "github.job.conclusion": "success",
        "github.job.workflow_name": "CI",
        "github.job.html_url": "https://github.com/octo/app/actions/runs/21487811823/job/61902010203",
    }
    run = {
        "cicd.pipeline.name": "CI",
        "cicd.pipeline.run.id": 21487811823,
        "cicd.pipeline.result": "success",
        "github.run_id": 21487811823,
        "github.run_attempt": 1,
        "github.event": "pull_request",
        "github.workflow": "CI",
        "github.conclusion": "success",
        "github.head_branch": "feature",
        "github.head_sha": "5450c187bd4f7de93acb26454237fef6c3b185f3",
        "github.html_url": "https://github.com/octo/app/actions/runs/21487811823",
        "github.pull_requests.0.number": 17,
    }
    spans = [
        Sent("Queued", 0, 20, parent="root", code=UNSET),
        step("Set up job", 1, 20, 21),
        step("Run npm test", 2, 21, 40),
        step("Run npm test", 3, 40, 45),
        Sent("build", 20, 46, job, span="job", parent="root"),
        Sent("CI", 0, 50, run, span="root"),
    ]
    return [request([span], resource, scope="otel-cicd-action") for span in spans]


def jenkins() -> list[ExportTraceServiceRequest]:
    """A multibranch Pipeline build of Jenkins' OpenTelemetry plugin 3, children first."""
    resource = {"service.name": "jenkins", "service.namespace": "jenkins", "jenkins.url": "https://ci.example/"}

    def step(kind: str, name: str, result: str = "SUCCESS") -> dict[str, Any]:
        return {
            "jenkins.pipeline.step.type": kind,
            "jenkins.pipeline.step.name": name,
            "jenkins.pipeline.step.id": "7",
            "jenkins.pipeline.step.result": result,
            "jenkins.pipeline.step.plugin.name": "workflow-basic-steps",
        }

    sh = {**step("sh", "Shell Script"), "jenkins.computer.name": "agent-1", "ci.pipeline.run.user": "SYSTEM"}
    build = {
        "type": "job",
        "ci.pipeline.id": "octo/app/feature%2Fx",
        "ci.pipeline.name": "octo » app » feature/x",
        "ci.pipeline.type": "workflow",
        "ci.pipeline.multibranch.type": "branch",
        "ci.pipeline.run.number": 42,
        "ci.pipeline.run.url": "https://ci.example/job/octo/job/app/job/feature%252Fx/42/",
        "ci.pipeline.run.cause": ["UserIdCause:anna"],
        "ci.pipeline.run.completed": True,
        "ci.pipeline.run.durationMillis": 60000,
        "ci.pipeline.run.result": "UNSTABLE",
    }
    spans = [
        Sent("Phase: Start", 0, 1, parent="root"),
        Sent("Agent Allocation", 1, 9, {"jenkins.pipeline.step.type": "node"}, span="allocate", parent="agent"),
        Sent("checkout", 9, 12, {**sh, "git.branch": "feature/x"}, parent="agent"),
        Sent("sh", 12, 20, sh, span="sh 1", parent="agent"),
        Sent("sh", 20, 30, sh, span="sh 2", parent="agent"),
        Sent("Agent", 1, 31, step("node", "Allocate node : Start"), span="agent", parent="stage build"),
        Sent("Stage: Build", 1, 31, step("stage", "Build"), span="stage build", parent="phase"),
        Sent("sh", 32, 50, {**sh, "jenkins.pipeline.step.result": "UNSTABLE"}, span="sh 3", parent="stage unit"),
        Sent("Stage: Unit", 32, 50, step("stage", "Unit", "UNSTABLE"), span="stage unit", parent="branch"),
        Sent("Parallel branch: Unit", 32, 50, step("parallel", "Unit"), span="branch", parent="stage tests"),
        Sent("Stage: Tests", 31, 51, step("stage", "Tests"), span="stage tests", parent="phase"),
        Sent("Phase: Run", 1, 51, span="phase", parent="root"),
        Sent("BUILD octo/app/feature%2Fx", 0, 60, build, span="root", code=ERROR),
    ]
    return [request([span], resource, scope="io.jenkins.opentelemetry") for span in spans]


def gitlab_exporter() -> list[ExportTraceServiceRequest]:
    """A pipeline as benke33/gitlab-otel-exporter sends it; every field of the API beside the named ones, as text."""
    resource = {"service.name": "group/app", "service.version": "abc123"}
    job = {
        "cicd.pipeline.task.name": "test 1/3",
        "cicd.pipeline.task.run.id": "9001",
        "cicd.pipeline.task.run.url.full": "https://gitlab.example/group/app/-/jobs/9001",
        "cicd.pipeline.task.type": "build",
        "stage": "test",
        "status": "failed",
        "queued_duration": "4",
        "runner.description": "shared-1",
        "finished_at": "2023-11-14T22:14:00Z",
        "failure_reason": "None",
    }
    run = {
        "cicd.pipeline.name": "",
        "cicd.pipeline.run.id": "555",
        "vcs.repository.url.full": "https://gitlab.example/group/app",
        "vcs.repository.ref.name": "main",
        "vcs.repository.ref.revision": "abc123",
        "status": "failed",
        "source": "push",
        "user.username": "anna",
        "web_url": "https://gitlab.example/group/app/-/pipelines/555",
    }
    spans = [
        Sent("Stage: test 1/3 - job_id: 9001", 10, 40, job, span="job", parent="root", code=ERROR),
        Sent("group/app #555", 0, 41, run, span="root", code=ERROR),
    ]
    return [request(spans, resource, scope="gitlab-ci-collector")]


def conventions() -> list[ExportTraceServiceRequest]:
    """A run of some emitter that follows the semantic conventions, a task within a task among it."""
    task = {"cicd.pipeline.task.run.result": "success", "cicd.pipeline.task.type": "build"}
    run = {
        "cicd.pipeline.name": "release",
        "cicd.pipeline.run.id": "r-1",
        "cicd.pipeline.result": "timeout",
        "cicd.pipeline.run.url.full": "https://ci.example/runs/r-1",
        "vcs.repository.url.full": "https://git.example/team/app.git",
        "vcs.provider.name": "gitea",
        "vcs.change.id": "12",
    }
    spans = [
        Sent(
            "compile",
            2,
            8,
            {**task, "cicd.pipeline.task.name": "compile", "cicd.pipeline.task.run.id": "t2"},
            parent="job",
        ),
        Sent("cc main.c", 3, 4, {"process.executable.name": "cc"}, parent="compile"),
        Sent(
            "build",
            1,
            9,
            {**task, "cicd.pipeline.task.name": "build", "cicd.pipeline.task.run.id": "t1"},
            span="job",
            parent="root",
        ),
        Sent("RUN release", 0, 10, run, span="root"),
    ]
    return [request([span], {"service.name": "ci"}, scope="ci") for span in spans]
