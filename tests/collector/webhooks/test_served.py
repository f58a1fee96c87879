"""Webhooks of a real `makespan serve`."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from makespan_collector.store.opening import open_store
from makespan_model.records import RunState
from support.github_history import REPOSITORY, workflow_job, workflow_run
from support.gitlab_history import job_event
from support.serving import serving

SECRET = "a secret of the test"


def post(url: str, path: str, content: Any, headers: dict[str, str]) -> int:
    body = json.dumps(content).encode()
    signature = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    known = {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={signature}", **headers}
    try:
        with urllib.request.urlopen(urllib.request.Request(url + path, body, known), timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return int(error.code)


def test_what_was_acknowledged_survives_kill_9_and_both_providers_are_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAKESPAN_GITHUB_WEBHOOK_SECRET", SECRET)
    (tmp_path / "token").write_text("the token of gitlab\n")
    monkeypatch.setenv("MAKESPAN_GITLAB_WEBHOOK_TOKEN_FILE", str(tmp_path / "token"))
    run = workflow_run(7, status="in_progress", conclusion=None)
    with serving(tmp_path / "store") as served:
        event = {"workflow_run": run, "repository": {"full_name": REPOSITORY}}
        assert post(served.url, "/webhooks/github", event, {"X-GitHub-Event": "workflow_run"}) == 202
        assert post(served.url, "/webhooks/gitlab", job_event(), {"X-Gitlab-Token": "the token of gitlab"}) == 202
        assert post(served.url, "/webhooks/gitlab", job_event(), {"X-Gitlab-Token": "another"}) == 401
        served.process.kill()
        served.process.wait(30)
    with open_store(tmp_path / "store", read_only=True) as store:
        runs = {found.identity.provider: found for found in store.runs()}
    assert runs["github"].state is RunState.EXECUTING
    assert runs["gitlab"].jobs[0].queue_s == 4.5


def test_the_same_delivery_many_times_at_once_is_there_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAKESPAN_GITHUB_WEBHOOK_SECRET", SECRET)
    event = {"workflow_job": workflow_job(70, 7), "repository": {"full_name": REPOSITORY}}
    headers = {"X-GitHub-Event": "workflow_job", "X-GitHub-Delivery": "d-1"}
    statuses: list[int] = []
    with serving(tmp_path / "store") as served:
        senders = [
            threading.Thread(target=lambda: statuses.append(post(served.url, "/webhooks/github", event, headers)))
            for _ in range(12)
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join(60)
    assert statuses == [202] * 12
    with open_store(tmp_path / "store") as store:
        (run,) = store.runs()
    assert len(run.jobs) == 1
    assert len(run.jobs[0].steps) == 4


def test_without_secrets_a_served_webhook_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MAKESPAN_GITHUB_WEBHOOK_SECRET", "MAKESPAN_GITLAB_WEBHOOK_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with serving(tmp_path / "store") as served:
        for path in ("/webhooks/github", "/webhooks/gitlab"):
            assert post(served.url, path, {}, {}) == 403
