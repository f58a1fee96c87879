from __future__ import annotations

import hashlib
import hmac
import itertools
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from makespan_collector.app import create_app
from makespan_collector.store.contract import Store
from makespan_collector.webhooks.blueprint import webhooks_blueprint
from makespan_collector.webhooks.secrets import WebhookSecrets
from makespan_model.records import PipelineRun, Result, RunState
from support.github_history import REPOSITORY, moment, ns, workflow_job, workflow_run

SECRET = b"correct horse battery"


@pytest.fixture
def client(store: Store) -> FlaskClient:
    secrets = WebhookSecrets(github=(b"the one before this", SECRET))
    blueprint = webhooks_blueprint(store, secrets, clock_ns=lambda: ns(3600))
    return create_app(store, blueprints=[blueprint]).test_client()


def send(
    client: FlaskClient,
    event: str,
    content: Any,
    *,
    secret: bytes = SECRET,
    delivery: str = "",
    kind: str = "application/json",
) -> TestResponse:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return client.post(
        "/webhooks/github",
        data=body,
        content_type=kind,
        headers={
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": delivery,
            "X-Hub-Signature-256": "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest(),
        },
    )


def run_event(action: str = "completed", **changes: Any) -> dict[str, Any]:
    status = {"requested": "queued", "in_progress": "in_progress", "completed": "completed"}[action]
    conclusion = "success" if action == "completed" else None
    run = workflow_run(7, **{"status": status, "conclusion": conclusion, **changes})
    return {"action": action, "workflow_run": run, "repository": {"full_name": REPOSITORY}}


def job_event(action: str = "completed", **changes: Any) -> dict[str, Any]:
    late: dict[str, Any] = {"completed_at": None, "conclusion": None, "steps": []}
    forms = {
        # GitHub fills started_at with the time of queueing.
        "queued": {**late, "status": "queued", "started_at": moment(2), "runner_name": None, "runner_id": None},
        "in_progress": {**late, "status": "in_progress"},
        "completed": {},
    }
    job = workflow_job(70, 7, **{**forms[action], **changes})
    return {"action": action, "workflow_job": job, "repository": {"full_name": REPOSITORY}}


def only_run(store: Store) -> PipelineRun:
    (run,) = store.runs()
    return run


def test_queue_time_and_runner_come_from_a_jobs_events(client: FlaskClient, store: Store) -> None:
    for action in ("queued", "in_progress", "completed"):
        assert send(client, "workflow_job", job_event(action)).status_code == 202
    (job,) = only_run(store).jobs
    assert (job.name, job.job_id) == ("test (3.12, linux)", "test")
    assert job.queue_s == 5.0
    assert job.duration_s == 50.0
    assert (job.worker, job.runner_labels) == ("GitHub Actions 3", ("ubuntu-latest",))
    assert job.state is None
    assert [step.path for step in job.steps] == ["Set up job", "#0", "#1", "Complete job"]


def test_a_run_is_pending_then_executing_then_over(client: FlaskClient, store: Store) -> None:
    states = []
    for action in ("requested", "in_progress", "completed"):
        assert send(client, "workflow_run", run_event(action)).status_code == 202
        states.append(only_run(store).state)
    assert states == [RunState.PENDING, RunState.EXECUTING, None]
    run = only_run(store)
    assert (run.pipeline, run.event, run.actor, run.change, run.ref) == ("CI", "pull_request", "mona", "12", "fix")
    assert run.url == f"https://github.com/{REPOSITORY}/actions/runs/7/attempts/1"
    assert run.result is Result.SUCCESS


@pytest.mark.parametrize("order", list(itertools.permutations(("queued", "in_progress", "completed"))))
def test_the_order_of_a_jobs_events_does_not_matter(client: FlaskClient, store: Store, order: tuple[str, ...]) -> None:
    for action in order:
        assert send(client, "workflow_job", job_event(action)).status_code == 202
    (job,) = only_run(store).jobs
    assert (job.state, job.queue_s, job.duration_s) == (None, 5.0, 50.0)
    assert job.worker == "GitHub Actions 3"


def test_a_job_that_runs_does_not_wait_again_by_hearing_late_that_it_was_queued(
    client: FlaskClient, store: Store
) -> None:
    for action in ("in_progress", "queued"):
        send(client, "workflow_job", job_event(action))
    (job,) = only_run(store).jobs
    assert job.state is RunState.EXECUTING
    assert job.start_ns == ns(7)


def test_a_wrong_signature_keeps_nothing(client: FlaskClient, store: Store) -> None:
    assert send(client, "workflow_run", run_event(), secret=b"another one altogether").status_code == 401
    body = json.dumps(run_event()).encode()
    for signature in ("", "sha256=", "sha1=" + "0" * 40, "sha256=\udcff", "sha256=" + "0" * 64):
        headers = {
            "X-GitHub-Event": "workflow_run",
            "X-Hub-Signature-256": signature.encode("latin-1", "replace").decode("latin-1"),
        }
        answer = client.post("/webhooks/github", data=body, content_type="application/json", headers=headers)
        assert answer.status_code == 401
    assert store.runs() == []


def test_the_signature_is_over_the_raw_body(client: FlaskClient) -> None:
    body = json.dumps(run_event(), indent=3).encode()
    assert send(client, "workflow_run", body).status_code == 202
    signature = hmac.new(SECRET, body, hashlib.sha256).hexdigest()
    same_json = json.dumps(run_event()).encode()
    headers = {"X-GitHub-Event": "workflow_run", "X-Hub-Signature-256": f"sha256={signature}"}
    answer = client.post("/webhooks/github", data=same_json, content_type="application/json", headers=headers)
    assert answer.status_code == 401


def test_an_older_secret_is_good_until_it_is_taken_away(client: FlaskClient, store: Store) -> None:
    assert send(client, "workflow_run", run_event(), secret=b"the one before this").status_code == 202
    app = create_app(store, blueprints=[webhooks_blueprint(store, WebhookSecrets(github=(SECRET,)))])
    assert send(app.test_client(), "workflow_run", run_event(), secret=b"the one before this").status_code == 401


def test_without_a_secret_the_endpoint_is_off_and_the_log_says_so_once(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    client = create_app(store, blueprints=[webhooks_blueprint(store, WebhookSecrets())]).test_client()
    for _ in range(3):
        answer = send(client, "workflow_run", run_event())
        assert answer.status_code == 403
        assert "MAKESPAN_GITHUB_WEBHOOK_SECRET" in answer.get_json()["error"]
    told = [record for record in caplog.records if "MAKESPAN_GITHUB_WEBHOOK_SECRET" in record.getMessage()]
    assert len(told) == 1
    assert store.runs() == []


def test_a_delivery_that_comes_again_changes_nothing(client: FlaskClient, store: Store) -> None:
    first = send(client, "workflow_job", job_event(), delivery="d-1")
    before = only_run(store)
    again = send(client, "workflow_job", job_event(), delivery="d-1")
    redelivered = send(client, "workflow_job", job_event(), delivery="d-2")
    assert [answer.get_json()["kept"] for answer in (first, again, redelivered)] == [5, 0, 5]
    assert only_run(store) == before


def test_a_delivery_that_could_not_be_kept_may_come_again(store: Store) -> None:
    client = create_app(store, blueprints=[webhooks_blueprint(store, WebhookSecrets(github=(SECRET,)))]).test_client()
    store.close()
    answer = send(client, "workflow_run", run_event(), delivery="d-1")
    assert answer.status_code == 503
    assert int(answer.headers["Retry-After"]) > 0
    assert send(client, "workflow_run", run_event(), delivery="d-1").status_code == 503


def test_attempts_are_runs_of_their_own(client: FlaskClient, store: Store) -> None:
    send(client, "workflow_run", run_event(conclusion="failure"))
    send(client, "workflow_run", run_event(run_attempt=2, run_started_at=moment(900), updated_at=moment(960)))
    assert [(run.identity.run_id, run.identity.attempt) for run in store.runs()] == [("7", 1), ("7", 2)]


def test_events_about_something_else_are_taken_and_ignored(client: FlaskClient, store: Store) -> None:
    for event in ("ping", "push", "check_run", ""):
        answer = send(client, event, {"zen": "Keep it logically awesome.", "repository": {"full_name": REPOSITORY}})
        assert (answer.status_code, answer.get_json()["kept"]) == (202, 0)
    assert store.runs() == []


def test_a_form_is_read_as_well(client: FlaskClient, store: Store) -> None:
    body = urlencode({"payload": json.dumps(run_event())}).encode()
    assert send(client, "workflow_run", body, kind="application/x-www-form-urlencoded").status_code == 202
    assert only_run(store).identity.run_id == "7"


HOSTILE: list[tuple[str, Any]] = [
    ("no JSON", b"{"),
    ("no object", b"[]"),
    ("nothing", b""),
    ("deep", b"[" * 100_000),
    ("no run", {"repository": {"full_name": REPOSITORY}}),
    ("run is a text", {"workflow_run": "x", "repository": {"full_name": REPOSITORY}}),
    ("no repository", {"workflow_run": workflow_run(7)}),
    ("huge id", run_event() | {"workflow_run": workflow_run(2**80)}),
    ("id is a float", run_event() | {"workflow_run": workflow_run(7) | {"id": 1e300}}),
    ("year 9999", run_event() | {"workflow_run": workflow_run(7, run_started_at="9999-12-31T00:00:00Z")}),
    ("no time", run_event() | {"workflow_run": workflow_run(7, run_started_at=None, created_at=None)}),
    ("time is a number", run_event() | {"workflow_run": workflow_run(7, created_at=1, run_started_at=2)}),
    ("unknown conclusion", run_event() | {"workflow_run": workflow_run(7, conclusion="exploded")}),
    ("attempts", run_event() | {"workflow_run": workflow_run(7, run_attempt=10**9)}),
]


@pytest.mark.parametrize("content", [content for _, content in HOSTILE], ids=[name for name, _ in HOSTILE])
def test_what_cannot_be_understood_is_refused_with_its_place_and_keeps_nothing(
    client: FlaskClient, store: Store, content: Any
) -> None:
    answer = send(client, "workflow_run", content)
    assert answer.status_code == 422
    assert answer.get_json()["error"].startswith("the event")
    assert store.runs() == []


def test_a_job_that_ends_long_before_it_starts_is_refused(client: FlaskClient, store: Store) -> None:
    answer = send(client, "workflow_job", job_event(completed_at=moment(-900)))
    assert answer.status_code == 422
    assert "before it starts" in answer.get_json()["error"]
    assert store.runs() == []


def test_hostile_names_are_made_harmless(client: FlaskClient, store: Store) -> None:
    event = run_event(name="CI\x1b[31m\x00\ud800", html_url="javascript:alert(1)")
    assert send(client, "workflow_run", event).status_code == 202
    run = only_run(store)
    assert "\x1b" not in run.pipeline
    assert "\x00" not in run.pipeline
    assert run.url is None
