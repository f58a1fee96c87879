"""What an API may do instead of answering, and what becomes of an import then."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from makespan_collector.store.contract import Store
from makespan_model.errors import UnavailableError, UsageError
from support.github_history import GitHubRepository, moment, workflow_job, workflow_run
from support.gitlab_history import GitLabProject, pipeline
from support.importing import Pauses, import_github, import_gitlab
from support.provider_api import Trouble


def test_a_primary_rate_limit_ends_the_import_and_says_when_to_go_on(
    github: GitHubRepository, store: Store, tmp_path: Path
) -> None:
    for number in range(1, 11):
        github.add(workflow_run(number, number))
    reset = int(time.time()) + 1800
    limit = {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "0", "x-ratelimit-reset": str(reset)}
    github.api.troubles.append(
        Trouble(403, headers=limit, body=b'{"message": "API rate limit exceeded"}', path="/5/att")
    )
    with pytest.raises(UnavailableError, match=r"rate limit is used up until \d{4}-.* UTC.*--wait"):
        import_github(github.api.url, store, tmp_path)
    assert [run.identity.run_id for run in store.runs()] == ["6", "7", "8", "9", "10"], "what it had got was kept"
    github.api.asked.clear()
    progress = import_github(github.api.url, store, tmp_path)
    assert (progress.runs, progress.known, len(store.runs())) == (5, 5, 10)
    assert len(github.api.asked) == 6, "the list, and what was missing"


def test_with_wait_a_primary_rate_limit_is_waited_for(github: GitHubRepository, store: Store, tmp_path: Path) -> None:
    github.add(workflow_run(7))
    headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(int(time.time()) + 1800)}
    github.api.troubles.append(Trouble(403, headers=headers))
    pauses = Pauses()
    assert import_github(github.api.url, store, tmp_path, waits=True, pauses=pauses).runs == 1
    assert len(pauses.slept_s) == 1
    assert 1700 < pauses.slept_s[0] < 1801
    assert "rate limit: waiting until" in pauses.said[0]


@pytest.mark.parametrize("status", [403, 429])
def test_a_secondary_rate_limit_is_waited_for_as_long_as_it_asks(
    github: GitHubRepository, store: Store, tmp_path: Path, status: int
) -> None:
    github.add(workflow_run(7))
    body = b'{"message": "You have exceeded a secondary rate limit"}'
    github.api.troubles.append(Trouble(status, headers={"Retry-After": "17"}, body=body, times=2))
    pauses = Pauses()
    assert import_github(github.api.url, store, tmp_path, pauses=pauses).runs == 1
    assert pauses.slept_s == [17.0, 17.0]


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry-After": "soon"},
        {"Retry-After": "-5"},
        {"Retry-After": "9" * 40},
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "never"},
        {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "9" * 30},
    ],
)
def test_a_limit_that_makes_no_sense_ends_or_pauses_and_never_breaks(
    github: GitHubRepository, store: Store, tmp_path: Path, headers: dict[str, str]
) -> None:
    github.add(workflow_run(7))
    github.api.troubles.append(Trouble(429, headers=headers))
    pauses = Pauses()
    assert import_github(github.api.url, store, tmp_path, waits=True, pauses=pauses).runs == 1
    assert 1.0 <= pauses.slept_s[0] <= 86_400


def test_a_limit_that_never_ends_ends_the_import(github: GitHubRepository, store: Store, tmp_path: Path) -> None:
    github.api.troubles.append(Trouble(429, headers={"Retry-After": "1"}, times=1000))
    pauses = Pauses()
    with pytest.raises(UnavailableError, match="rate limit"):
        import_github(github.api.url, store, tmp_path, pauses=pauses)
    assert len(pauses.slept_s) < 10


@pytest.mark.parametrize("trouble", [Trouble(502, times=3), Trouble(cut=True, times=2), Trouble(503, body=b"<html>")])
def test_what_passes_is_tried_again_with_growing_pauses(
    github: GitHubRepository, store: Store, tmp_path: Path, trouble: Trouble
) -> None:
    github.add(workflow_run(7))
    times = trouble.times
    github.api.troubles.append(trouble)
    pauses = Pauses()
    assert import_github(github.api.url, store, tmp_path, pauses=pauses).runs == 1
    assert len(pauses.slept_s) == times
    assert pauses.slept_s == sorted(pauses.slept_s)


def test_what_does_not_pass_ends_the_import_with_its_reason(
    github: GitHubRepository, store: Store, tmp_path: Path
) -> None:
    github.api.troubles.append(Trouble(500, times=100))
    with pytest.raises(UnavailableError, match=r"answered 500, 5 times in a row"):
        import_github(github.api.url, store, tmp_path)


def test_a_server_that_does_not_answer_in_time_is_asked_again(
    github: GitHubRepository, store: Store, tmp_path: Path
) -> None:
    github.add(workflow_run(7))
    github.api.troubles.append(Trouble(late_s=1.5))
    pauses = Pauses()
    assert import_github(github.api.url, store, tmp_path, pauses=pauses, timeout_s=0.3).runs == 1
    assert "ReadTimeout" in pauses.said[0]


def test_nobody_there_ends_the_import(store: Store, tmp_path: Path) -> None:
    for importing in (import_github, import_gitlab):
        with pytest.raises(UnavailableError, match="5 times in a row"):
            importing("http://127.0.0.1:9", store, tmp_path)


def test_a_page_for_people_is_no_api(github: GitHubRepository, store: Store, tmp_path: Path) -> None:
    github.api.troubles.append(Trouble(200, body=b"<html>Sign in</html>", kind="text/html; charset=utf-8"))
    with pytest.raises(UnavailableError, match=r"text/html.*not JSON.*--api-url"):
        import_github(github.api.url, store, tmp_path)


def test_a_token_goes_with_every_request_and_a_wrong_one_is_told_without_showing_it(
    github: GitHubRepository, gitlab: GitLabProject, store: Store, tmp_path: Path
) -> None:
    github.api.token = "s3cret"
    github.add(workflow_run(7))
    gitlab.add(pipeline(3))
    assert import_github(github.api.url, store, tmp_path, token="s3cret").runs == 1
    assert import_gitlab(gitlab.api.url, store, tmp_path, token="s3cret").runs == 1
    for importing in (import_github, import_gitlab):
        with pytest.raises(UnavailableError, match="401") as refused:
            importing(github.api.url, store, tmp_path / "other", token="wr0ng")
        assert "wr0ng" not in str(refused.value)


def test_what_is_not_there_or_not_allowed_is_told_at_once(
    github: GitHubRepository, gitlab: GitLabProject, store: Store, tmp_path: Path
) -> None:
    pauses = Pauses()
    for importing in (import_github, import_gitlab):
        github.api.troubles.append(Trouble(404, body=b'{"message": "Not Found"}'))
        with pytest.raises(UsageError, match="no such"):
            importing(github.api.url, store, tmp_path, pauses=pauses)
        github.api.troubles.append(Trouble(403, body=b'{"message": "Resource not accessible"}'))
        with pytest.raises(UnavailableError, match="not allowed"):
            importing(github.api.url, store, tmp_path, pauses=pauses)
    assert pauses.slept_s == []


def test_links_that_lead_in_a_circle_end_the_import(github: GitHubRepository, store: Store, tmp_path: Path) -> None:
    for number in range(1, 102):
        github.add(workflow_run(number, number), [])
    listed = github.api.lists[f"{github.base}/runs"][1]
    # Every page says that page 2 is the next one.
    github.api.lists[f"{github.base}/runs"] = ("workflow_runs", lambda _: [*listed({}), *listed({})] * 3)
    answer = github.api.answer

    def circle(asked: Any) -> Any:
        status, body, headers = answer(asked)
        if "Link" in headers:
            headers["Link"] = f'<{github.api.url}{asked.path}?per_page=100&page=2>; rel="next"'
        return status, body, headers

    github.api.answer = circle  # type: ignore[method-assign]
    with pytest.raises(UnavailableError, match="was there before"):
        import_github(github.api.url, store, tmp_path)


HOSTILE_JOBS: list[dict[str, Any]] = [
    {"id": "x"},
    {"name": None},
    {"name": 7},
    {"started_at": "soon"},
    {"started_at": "9999-12-31T23:59:59Z"},
    {"completed_at": moment(-9000)},
    {"labels": "ubuntu"},
    {"labels": [1]},
    {"steps": {"a": 1}},
    {"steps": [7]},
    {"steps": [{"name": "a", "number": -1, "status": "completed"}]},
    {"conclusion": "exploded"},
]


@pytest.mark.parametrize("changes", HOSTILE_JOBS, ids=[str(changes)[:40] for changes in HOSTILE_JOBS])
def test_a_run_that_cannot_be_understood_is_left_out_and_told_and_the_others_come(
    github: GitHubRepository, store: Store, tmp_path: Path, changes: dict[str, Any]
) -> None:
    github.add(workflow_run(1, 1))
    github.add(workflow_run(2, 2), [{**workflow_job(20, 2), **changes}])
    github.add(workflow_run(3, 3))
    progress = import_github(github.api.url, store, tmp_path)
    assert (progress.runs, progress.unreadable) == (2, 1)
    assert progress.problems[0].startswith("run 2")
    assert [run.identity.run_id for run in store.runs()] == ["1", "3"]
    # It is tried again, and comes once it can be understood.
    github.add(workflow_run(2, 2))
    assert import_github(github.api.url, store, tmp_path).runs == 1


def test_lists_of_something_else_are_told(github: GitHubRepository, store: Store, tmp_path: Path) -> None:
    path = f"{github.base}/runs"
    wrong: list[Any] = [[], {"workflow_runs": {}}, {"workflow_runs": ["x"]}, "runs", {"workflow_runs": [{"id": None}]}]
    for content in wrong:
        github.api.lists.pop(path, None)
        github.api.objects[path] = content
        assert import_github(github.api.url, store, tmp_path).unreadable == 1
    assert store.runs() == []


def test_huge_values_are_cut_or_refused(github: GitHubRepository, store: Store, tmp_path: Path) -> None:
    github.add(workflow_run(1, name="n" * 1_000_000, head_branch="b" * 1_000_000))
    github.add(workflow_run(2, 2), [workflow_job(20, 2, labels=["l"] * 100_000)])
    assert import_github(github.api.url, store, tmp_path).unreadable == 1
    (run,) = store.runs()
    assert len(run.pipeline) == 4_096


def test_gitlabs_rate_limit_is_waited_for_as_long_as_it_asks(
    gitlab: GitLabProject, store: Store, tmp_path: Path
) -> None:
    gitlab.add(pipeline(3))
    gitlab.api.troubles.append(Trouble(429, headers={"Retry-After": "9"}, body=b"Retry later\n", kind="text/plain"))
    gitlab.api.troubles.append(Trouble(429, headers={"RateLimit-Reset": str(int(time.time()) + 30)}, body=b"{}"))
    gitlab.api.troubles.append(Trouble(429, headers={"Retry-After": "x"}, body=b"{}"))
    pauses = Pauses()
    assert import_gitlab(gitlab.api.url, store, tmp_path, pauses=pauses).runs == 1
    assert pauses.slept_s[0] == 9.0
    assert 25 < pauses.slept_s[1] <= 30
    assert pauses.slept_s[2] == 60.0


@pytest.mark.parametrize("trouble", [Trouble(502, times=2), Trouble(cut=True), Trouble(500, body=b"<html>")])
def test_gitlab_is_asked_again_when_it_stumbles(
    gitlab: GitLabProject, store: Store, tmp_path: Path, trouble: Trouble
) -> None:
    gitlab.add(pipeline(3))
    gitlab.api.troubles.append(trouble)
    assert import_gitlab(gitlab.api.url, store, tmp_path).runs == 1
