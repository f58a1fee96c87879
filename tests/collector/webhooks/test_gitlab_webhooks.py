from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
from collections.abc import Mapping
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from makespan_collector.app import create_app
from makespan_collector.store.contract import Store
from makespan_collector.webhooks.blueprint import webhooks_blueprint
from makespan_collector.webhooks.secrets import WebhookSecrets
from makespan_model.records import PipelineRun, Result, RunState
from support.github_history import SECOND, ns
from support.gitlab_history import PROJECT, WEB_URL, job_event, pipeline_event

TOKEN = b"open sesame, please"
KEY = bytes(range(32))
NOW_NS = ns(3600)


@pytest.fixture
def client(store: Store) -> FlaskClient:
    secrets = WebhookSecrets(gitlab=(TOKEN,), gitlab_signing=(b"an older key", KEY))
    return create_app(store, blueprints=[webhooks_blueprint(store, secrets, clock_ns=lambda: NOW_NS)]).test_client()


def send(client: FlaskClient, content: Any, headers: Mapping[str, str] | None = None) -> TestResponse:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    given = {"X-Gitlab-Token": TOKEN.decode()} if headers is None else headers
    return client.post("/webhooks/gitlab", data=body, content_type="application/json", headers=dict(given))


def signed(body: bytes, *, key: bytes = KEY, stamp: str | None = None) -> dict[str, str]:
    stamp = stamp or str(NOW_NS // SECOND)
    digest = hmac.new(key, f"m-1.{stamp}.".encode() + body, hashlib.sha256).digest()
    signature = "v1,bm90IHRoaXMgb25l v1," + base64.b64encode(digest).decode()
    return {"webhook-id": "m-1", "webhook-timestamp": stamp, "webhook-signature": signature}


def only_run(store: Store) -> PipelineRun:
    (run,) = store.runs()
    return run


@pytest.mark.parametrize("order", list(itertools.permutations(("pending", "running", "success"))))
def test_a_job_has_its_queue_time_and_runner_in_whatever_order_its_events_come(
    client: FlaskClient, store: Store, order: tuple[str, ...]
) -> None:
    for status in order:
        assert send(client, job_event(status)).status_code == 202
    (job,) = only_run(store).jobs
    assert (job.name, job.job_id) == ("test: [3.12, linux]", "test")
    assert (job.queue_s, job.duration_s, job.state) == (4.5, 60.0, None)
    assert (job.worker, job.runner_labels) == ("runner-8", ("docker",))
    assert job.url == f"{WEB_URL}/-/jobs/30"


def test_a_pipelines_events_make_its_run(client: FlaskClient, store: Store) -> None:
    states = []
    for status in ("pending", "running", "success"):
        assert send(client, pipeline_event(status)).status_code == 202
        states.append(only_run(store).state)
    assert states == [RunState.PENDING, RunState.EXECUTING, None]
    run = only_run(store)
    assert (run.identity.repository, run.identity.run_id, run.pipeline) == (PROJECT, "3", "build and test")
    assert (run.event, run.actor, run.change, run.ref) == ("merge_request_event", "mona", "41", "fix")
    assert run.makespan_s == 120.0
    assert run.url == f"{WEB_URL}/-/pipelines/3"


def test_every_try_of_a_job_is_a_job_of_its_own(client: FlaskClient, store: Store) -> None:
    again = {"retries_count": 1, "build_id": 31, "build_started_at": "2026-11-20 12:05:00 UTC"}
    send(client, job_event("failed", build_failure_reason="script_failure"))
    send(client, job_event("success", build_finished_at="2026-11-20 12:06:00 UTC", **again))
    assert [(job.name, job.job_id, job.result) for job in only_run(store).jobs] == [
        ("test: [3.12, linux]", "test", Result.FAILURE),
        ("test: [3.12, linux] (retry 1)", "test", Result.SUCCESS),
    ]


@pytest.mark.parametrize(
    ("reason", "result"),
    [
        ("script_failure", Result.FAILURE),
        ("job_execution_timeout", Result.TIMEOUT),
        ("runner_system_failure", Result.ERROR),
    ],
)
def test_the_reason_of_a_failure_says_whose_it_was(
    client: FlaskClient, store: Store, reason: str, result: Result
) -> None:
    send(client, job_event("failed", build_failure_reason=reason))
    assert only_run(store).jobs[0].result is result


def test_a_job_that_waits_for_a_person_is_no_job_yet(client: FlaskClient, store: Store) -> None:
    answer = send(client, job_event("manual"))
    assert (answer.status_code, answer.get_json()["kept"]) == (202, 0)
    assert store.runs() == []


def test_a_signed_event_needs_no_token(client: FlaskClient, store: Store) -> None:
    body = json.dumps(job_event()).encode()
    assert send(client, body, signed(body)).status_code == 202
    assert only_run(store).jobs


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-Gitlab-Token": ""},
        {"X-Gitlab-Token": "open sesame, pleas"},
        {"X-Gitlab-Token": "open sesame, please "[:-1] + "e"},
        signed(b"another body"),
        signed(json.dumps(job_event()).encode(), key=b"another key"),
        signed(json.dumps(job_event()).encode(), stamp=str(NOW_NS // SECOND - 301)),
        signed(json.dumps(job_event()).encode(), stamp=str(NOW_NS // SECOND + 301)),
        signed(json.dumps(job_event()).encode(), stamp="9" * 15),
        {**signed(json.dumps(job_event()).encode()), "webhook-id": "m-2"},
        {**signed(json.dumps(job_event()).encode()), "webhook-timestamp": "now"},
    ],
)
def test_who_knows_neither_token_nor_key_keeps_nothing(
    client: FlaskClient, store: Store, headers: Mapping[str, str]
) -> None:
    assert send(client, job_event(), headers).status_code == 401
    assert store.runs() == []


def test_without_a_token_the_endpoint_is_off(store: Store) -> None:
    github_only = WebhookSecrets(github=(b"for github alone",))
    client = create_app(store, blueprints=[webhooks_blueprint(store, github_only)]).test_client()
    for headers in ({}, {"X-Gitlab-Token": ""}, {"X-Gitlab-Token": "for github alone"}):
        answer = send(client, job_event(), headers)
        assert answer.status_code == 403
        assert "MAKESPAN_GITLAB_WEBHOOK_TOKEN" in answer.get_json()["error"]


def test_a_delivery_that_is_tried_again_is_kept_once(client: FlaskClient, store: Store) -> None:
    headers = {"X-Gitlab-Token": TOKEN.decode(), "Idempotency-Key": "k-1"}
    assert [send(client, job_event(), headers).get_json()["kept"] for _ in range(2)] == [1, 0]
    assert len(only_run(store).jobs) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"{",
        b"\xff\xfe",
        [],
        job_event("exploded"),
        job_event(build_id=None),
        job_event(build_id=-1),
        job_event(pipeline_id="3"),
        job_event(build_queued_duration="long"),
        job_event(build_started_at="yesterday"),
        job_event(build_finished_at="2026-11-20 11:00:00 UTC"),
        job_event(retries_count=10**6),
        job_event(project=None),
        job_event(project={"path_with_namespace": "alone"}),
        pipeline_event(object_attributes=None),
        pipeline_event(object_attributes=[1]),
    ],
)
def test_what_cannot_be_understood_is_refused_and_keeps_nothing(
    client: FlaskClient, store: Store, content: Any
) -> None:
    answer = send(client, content)
    assert answer.status_code == 422
    assert answer.get_json()["error"].startswith("the event")
    assert store.runs() == []


def test_a_negative_queue_time_is_no_queue_time(client: FlaskClient, store: Store) -> None:
    assert send(client, job_event(build_queued_duration=-3.0)).status_code == 202
    assert only_run(store).jobs[0].queue_s is None
