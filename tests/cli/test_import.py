from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from makespan_collector.store.opening import open_store
from support.github_history import REPOSITORY, GitHubRepository, workflow_run
from support.gitlab_history import PROJECT, GitLabProject, pipeline
from support.provider_api import Trouble, provider_api
from support.serving import serving


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "makespan_cli.main", "import", *arguments]


def run(*arguments: str, cwd: Path, given: bytes = b"", **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name not in ("GITHUB_TOKEN", "GITLAB_TOKEN")}
    done = subprocess.run(
        command(*arguments), cwd=cwd, input=given, capture_output=True, env=environment | variables, timeout=120
    )
    return subprocess.CompletedProcess(done.args, done.returncode, done.stdout.decode(), done.stderr.decode())


def stored(store: Path) -> list[Any]:
    with open_store(store, read_only=True) as opened:
        return opened.runs()


def test_history_of_both_providers_comes_into_the_store(tmp_path: Path) -> None:
    with provider_api() as api:
        GitHubRepository(api).add(workflow_run(7))
        GitLabProject(api).add(pipeline(3))
        for origin, project in (("github", REPOSITORY), ("gitlab", PROJECT)):
            done = run(origin, project, "--api-url", api.url, "--since", "2026-11-01", "--json", cwd=tmp_path)
            assert (done.returncode, done.stderr) == (0, "")
            assert json.loads(done.stdout)["runs"] == 1
        again = run("github", REPOSITORY, "--api-url", api.url, "--since", "2026-11-01", cwd=tmp_path)
        assert again.stdout == "nothing is new (1 requests)\n"
    assert {found.identity.provider for found in stored(tmp_path / ".makespan/store")} == {"github", "gitlab"}


def test_an_import_killed_in_the_middle_goes_on_where_it_stopped(tmp_path: Path) -> None:
    with provider_api() as api:
        repository = GitHubRepository(api)
        for number in range(1, 1001):
            repository.add(workflow_run(number, number))
        arguments = ("github", REPOSITORY, "--api-url", api.url, "--since", "2026-11-01", "--store", "store")
        process = subprocess.Popen(command(*arguments), cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        # A batch is some 400 runs.
        while len(api.asked) < 600 and time.monotonic() < deadline:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        assert len(api.asked) >= 600
        before = {found.identity.run_id for found in stored(tmp_path / "store")}
        assert 0 < len(before) < 1000
        api.asked.clear()
        done = run(*arguments, "--json", cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        after = stored(tmp_path / "store")
        assert sorted(int(found.identity.run_id) for found in after) == list(range(1, 1001))
        assert all(len(found.jobs) == 1 and len(found.jobs[0].steps) == 4 for found in after)
        assert json.loads(done.stdout)["known"] >= len(before) - 1
        assert len(api.asked) <= 1000 - len(before) + 10 + 1, "what was kept is not asked for again"


def test_a_token_is_sent_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("ghp_from_the_file\n")
    with provider_api() as api:
        GitHubRepository(api).add(workflow_run(7))
        arguments = ("github", REPOSITORY, "--api-url", api.url, "--since", "2026-11-01")
        api.token = "ghp_from_the_environment"
        assert run(*arguments, cwd=tmp_path, GITHUB_TOKEN=api.token).returncode == 0
        api.token = "ghp_from_the_file"
        assert run(*arguments, "--token-file", "token", cwd=tmp_path, GITHUB_TOKEN="other").returncode == 0
        api.token = "something else"
        refused = run(*arguments, "--token-file", "token", cwd=tmp_path)
    assert refused.returncode == 4
    assert "401" in refused.stderr
    assert "ghp_from_the_file" not in refused.stderr + refused.stdout
    for content in (b"two words", b"gh\xc3\xa4p", b"\xff"):
        (tmp_path / "token").write_bytes(content)
        assert run(*arguments, "--token-file", "token", cwd=tmp_path).returncode == 3


def test_a_rate_limit_ends_it_with_exit_code_4_and_one_line(tmp_path: Path) -> None:
    with provider_api() as api:
        GitHubRepository(api).add(workflow_run(7))
        headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(time.time()) + 900)}
        api.troubles.append(Trouble(403, headers=headers))
        done = run("github", REPOSITORY, "--api-url", api.url, cwd=tmp_path)
    assert done.returncode == 4
    assert done.stderr.startswith("makespan: the rate limit is used up until ")
    assert done.stderr.count("\n") == 1


def test_wrong_arguments_are_told(tmp_path: Path) -> None:
    for arguments in (
        ("github", "octo"),
        ("github", "octo/app/more"),
        ("github", REPOSITORY, "--since", "yesterday"),
        ("github", REPOSITORY, "--limit", "0"),
        ("github", REPOSITORY, "--api-url", "file:///etc/passwd"),
        ("github", REPOSITORY, "--api-url", "https://user:pass@example.com"),
        ("gitlab", "alone"),
        ("csv", "-", "--map", "a=nothing"),
        ("csv", "-", "--set", "result=exploded"),
        ("bitbucket", "a/b"),
    ):
        done = run(*arguments, cwd=tmp_path)
        assert done.returncode == 2, arguments
        assert "Traceback" not in done.stderr


def test_a_store_that_another_process_writes_is_told(tmp_path: Path) -> None:
    with serving(tmp_path / "store"):
        done = run("csv", "-", "--store", "store", cwd=tmp_path, given=b"run_id,started_at,duration_s\n")
    assert done.returncode == 4
    assert "Traceback" not in done.stderr


def test_lines_come_from_standard_input_and_bad_ones_are_told(tmp_path: Path) -> None:
    lines = b"run_id,job,started_at,duration_s\n1,test,2026-01-31T12:00:00Z,5\n2,test,soon,5\n3,test\n"
    done = run("csv", "-", "--set", "repository=octo/app", cwd=tmp_path, given=lines)
    assert done.returncode == 0
    assert done.stdout == "imported 0 runs, 1 jobs, 0 steps; left out 2\n"
    assert "standard input:3: started_at must be a time" in done.stderr
    assert "standard input:4: it has 2 cells, the header 4" in done.stderr
    strict = run("csv", "-", "--strict", cwd=tmp_path, given=lines)
    assert strict.returncode == 3
    assert strict.stderr.startswith("makespan: standard input:3: ")
    nothing = run("jsonl", "-", cwd=tmp_path, given=b"{\n")
    assert nothing.returncode == 3
