from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from makespan_collector.otlp.span_columns import decode_span_columns
from makespan_collector.otlp.traces import decode_traces
from makespan_collector.receiving.signals import TRACES
from makespan_collector.store.contract import Store
from makespan_collector.store.opening import open_store
from makespan_collector.store.rows import SpanKind
from makespan_model.identity import RunIdentity
from makespan_model.records import JobRun, PipelineRun, Result, StepKind
from support import emitter_spans
from support.emitter_spans import Sent, request
from support.span_rows import EPOCH, SECOND, step_request

Requests = Callable[[], list[ExportTraceServiceRequest]]
ALL = [
    emitter_spans.github_receiver,
    emitter_spans.cicd_action,
    emitter_spans.jenkins,
    emitter_spans.gitlab_exporter,
    emitter_spans.conventions,
]


def _keep(store: Store, requests: Iterable[ExportTraceServiceRequest]) -> None:
    for one in requests:
        contents = TRACES.decode(one.SerializeToString())
        assert (contents.rejected, contents.reason) == (0, "")
        contents.keep(store)


def _run(path: Path, requests: Iterable[ExportTraceServiceRequest]) -> PipelineRun:
    path.mkdir(exist_ok=True, parents=True)
    with open_store(path / "store") as store:
        _keep(store, requests)
        (run,) = store.runs()
    return run


def _seconds(job: JobRun) -> tuple[int, int]:
    return (job.start_ns - EPOCH) // SECOND, (job.end_ns - EPOCH) // SECOND


def test_githubreceiver_gives_a_run_with_queue_time_and_attempt(tmp_path: Path) -> None:
    run = _run(tmp_path, emitter_spans.github_receiver())

    assert run.identity == RunIdentity("github", "octo/app", "21487811823", 2)
    assert (run.pipeline, run.result, run.ref, run.actor) == ("CI", Result.FAILURE, "main", "octocat")
    (job,) = run.jobs
    assert (job.name, job.job_id, job.worker, job.runner_labels) == (
        "test (3.12)",
        "test",
        "GitHub Actions 12",
        ("ubuntu-24.04",),
    )
    assert (_seconds(job), job.queue_s, job.result) == ((30, 95), 20.0, Result.FAILURE)
    assert [(step.path, step.kind, step.result) for step in job.steps] == [
        ("Set up job", StepKind.RUN, Result.SUCCESS),
        ("Run actions/checkout@v4", StepKind.USES, Result.SUCCESS),
        ("Run pytest", StepKind.RUN, Result.FAILURE),
        ("Upload coverage", StepKind.RUN, Result.SKIP),
    ]


def test_a_job_of_githubreceiver_waits_as_detail_until_its_workflow_is_known(tmp_path: Path) -> None:
    job, _ = emitter_spans.github_receiver()
    with open_store(tmp_path / "store") as store:
        _keep(store, [job])

        assert store.runs() == []
        assert {row.kind for row in store.details([row.trace_id for row in decode_traces(job).rows])} == {
            SpanKind.DETAIL
        }


def test_otel_cicd_action_gives_a_run(tmp_path: Path) -> None:
    run = _run(tmp_path, emitter_spans.cicd_action())

    assert run.identity == RunIdentity("github", "octo/app", "21487811823", 1)
    assert (run.pipeline, run.event, run.change, run.result) == ("CI", "pull_request", "17", Result.SUCCESS)
    (job,) = run.jobs
    assert (job.name, job.worker, job.runner_labels) == ("build", "runner-1", ("self-hosted", "linux"))
    assert (_seconds(job), job.queue_s) == ((20, 46), 15.0)
    assert [step.path for step in job.steps] == ["Set up job", "Run npm test", "Run npm test (2)"]


def test_jenkins_gives_a_run_whose_jobs_are_its_stages(tmp_path: Path) -> None:
    run = _run(tmp_path, emitter_spans.jenkins())

    assert run.identity == RunIdentity("jenkins", "octo/app/feature%2Fx", "42", 1)
    assert (run.pipeline, run.ref, run.event, run.result) == ("octo/app", "feature/x", "UserIdCause", Result.FAILURE)
    # `Tests` only groups the stages of its branches.
    assert [(job.name, job.result, job.queue_s) for job in run.jobs] == [
        ("Build", Result.SUCCESS, 8.0),
        ("Unit", Result.FAILURE, None),
    ]
    assert [[step.path for step in job.steps] for job in run.jobs] == [["checkout", "sh", "sh (2)"], ["sh"]]
    assert _seconds(run.jobs[0]) == (9, 31)


def test_steps_of_a_freestyle_build_of_jenkins_are_in_one_job(tmp_path: Path) -> None:
    build = {"ci.pipeline.id": "nightly", "ci.pipeline.run.number": 3, "ci.pipeline.run.result": "SUCCESS"}
    shell = {"jenkins.pipeline.step.name": "shell", "jenkins.pipeline.step.plugin.name": "jenkins-core"}
    spans = [
        Sent("shell", 1, 5, shell, parent="phase"),
        Sent("Phase: Run", 1, 6, span="phase", parent="root"),
        Sent("BUILD nightly", 0, 7, build, span="root"),
    ]

    run = _run(tmp_path, [request(spans, {"service.name": "jenkins"}, scope="io.jenkins.opentelemetry")])

    assert (run.pipeline, [(job.name, [step.path for step in job.steps]) for job in run.jobs]) == (
        "nightly",
        [("build", ["shell"])],
    )


def test_gitlab_exporter_gives_a_run(tmp_path: Path) -> None:
    run = _run(tmp_path, emitter_spans.gitlab_exporter())

    assert run.identity == RunIdentity("gitlab", "group/app", "555", 1)
    assert (run.pipeline, run.event, run.actor, run.commit) == ("group/app", "push", "anna", "abc123")
    assert [(job.name, job.job_id, job.queue_s, job.result) for job in run.jobs] == [
        ("test 1/3", "test", 4.0, Result.FAILURE)
    ]


def test_tasks_within_tasks_of_the_semantic_conventions_are_steps_and_what_is_below_is_detail(tmp_path: Path) -> None:
    requests = emitter_spans.conventions()
    run = _run(tmp_path, requests)

    assert run.identity == RunIdentity("gitea", "team/app", "r-1", 1)
    assert (run.pipeline, run.result, run.change) == ("release", Result.TIMEOUT, "12")
    assert [(job.name, [step.path for step in job.steps]) for job in run.jobs] == [("build", ["compile"])]
    with open_store(tmp_path / "store", read_only=True) as store:
        kinds = {row.name: row.kind for row in store.details([(b"\7" * 16).hex()])}
    assert kinds["cc main.c"] is SpanKind.DETAIL


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("requests", ALL)
def test_the_order_and_number_of_requests_makes_no_difference(requests: Requests, seed: int, tmp_path: Path) -> None:
    sent = requests()
    order = random.Random(seed).sample(sent, len(sent))

    assert _run(tmp_path / "some", [*order, order[0]]) == _run(tmp_path / "all", [_one(sent)])


@pytest.mark.parametrize("requests", ALL)
def test_the_column_decoder_places_spans_of_emitters_alike(requests: Requests) -> None:
    whole = _one(requests())
    rows, columns = decode_traces(whole), decode_span_columns(whole.SerializeToString())

    assert columns.foreign_traces == rows.foreign_traces != frozenset()
    found = {(row["span_id"], row["kind"], row["job_name"], row["start_ns"]) for row in columns.batch.to_pylist()}
    assert found == {(row.span_id, str(row.kind), row.job_name, row.start_ns) for row in rows.rows}


def test_a_run_told_by_agent_and_emitter_is_one_run(tmp_path: Path) -> None:
    agent = step_request("21487811823", "pytest", attributes={"makespan.run.attempt": 1})

    run = _run(tmp_path, [*emitter_spans.cicd_action(), agent])

    assert [job.name for job in run.jobs] == ["test (3.12)", "build"]


def test_attributes_handed_down_on_the_resource_do_not_make_tasks_of_ordinary_spans() -> None:
    resource = {"cicd.pipeline.run.id": "1", "cicd.pipeline.task.name": "build", "vcs.repository.name": "app"}

    decoded = decode_traces(request([Sent("GET /", 0, 1)], resource))

    assert ([row.kind for row in decoded.rows], decoded.foreign_traces) == ([SpanKind.DETAIL], frozenset())


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("cicd.pipeline.run.url.full", "https://github.com/a/b/actions/runs/1/attempts/0"),
        ("cicd.pipeline.run.url.full", "https://github.com/a/b/actions/runs/1/attempts/99999999999999999999"),
        ("cicd.pipeline.run.url.full", "https://[bad"),
        ("vcs.repository.url.full", "https://[bad"),
        ("cicd.pipeline.run.id", ""),
        ("cicd.pipeline.name", ["a"]),
        ("cicd.pipeline.result", 7),
    ],
)
def test_nonsense_in_an_emitters_attributes_leaves_the_store_readable(tmp_path: Path, key: str, value: object) -> None:
    own = {"cicd.pipeline.run.id": "1", "cicd.pipeline.result": "success", "vcs.repository.name": "app", key: value}
    with open_store(tmp_path / "store") as store:
        _keep(store, [request([Sent("RUN", 0, 1, own)], {})])

        assert len(store.runs()) <= 1


def test_a_circle_of_parents_ends() -> None:
    task = {"cicd.pipeline.task.name": "build"}
    spans = [Sent("a", 0, 1, task, parent="b"), Sent("b", 0, 1, task, parent="a"), Sent("c", 0, 1, task, parent="c")]

    assert {row.kind for row in decode_traces(request(spans, {})).rows} == {SpanKind.DETAIL}


def _one(requests: list[ExportTraceServiceRequest]) -> ExportTraceServiceRequest:
    whole = ExportTraceServiceRequest()
    for one in requests:
        whole.MergeFrom(one)
    return whole


@pytest.mark.parametrize("requests", ALL)
def test_a_crash_before_spans_were_put_into_place_is_healed_by_sending_again(
    requests: Requests, tmp_path: Path
) -> None:
    sent = requests()
    path = tmp_path / "some"
    path.mkdir()
    with open_store(path / "store") as store:
        _keep(store, sent[:-1])
        # What a kill after the first of the two appends leaves.
        contents = TRACES.decode(sent[-1].SerializeToString())
        store.append(spans=contents.spans)

    assert _run(path, [sent[-1]]) == _run(tmp_path / "all", [_one(sent)])


@pytest.mark.parametrize("requests", ALL)
def test_requests_of_one_trace_that_come_at_once_give_one_whole_run(requests: Requests, tmp_path: Path) -> None:
    sent = requests()
    with open_store(tmp_path / "store") as store, ThreadPoolExecutor(len(sent)) as senders:
        list(senders.map(lambda one: _keep(store, [one]), sent))
        found = store.runs()

    assert found == [_run(tmp_path / "all", [_one(sent)])]
