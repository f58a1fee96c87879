from __future__ import annotations

import pytest

from makespan_optimizer.gitlab.events import Event
from makespan_optimizer.gitlab.globs import path_pattern
from makespan_optimizer.gitlab.pipeline import appears, runs, situation, starts
from support.gitlab_project import job, read

PUSH = Event("push", ref="main", default_branch="main", changed_paths=("src/a.py", "README.md"))
MERGE = Event("merge_request", ref="topic", default_branch="main", target_branch="main", changed_paths=("docs/x.md",))
TAG = Event("tag", ref="v1.0", default_branch="main")
SCHEDULE = Event("schedule", ref="main", default_branch="main")
EVENTS = (PUSH, MERGE, TAG, SCHEDULE)


def answers(keys: str, events: tuple[Event, ...] = EVENTS) -> list[bool | None]:
    pipeline = read(f"j: {{script: x, {keys}}}\n")
    return [appears(pipeline, job(pipeline, "j"), situation(event)).runs for event in events]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("rules: [{if: $CI_COMMIT_BRANCH}]", [True, False, False, True]),
        ("rules: [{if: $CI_COMMIT_TAG}]", [False, False, True, False]),
        ("rules: [{if: '$CI_PIPELINE_SOURCE == \"merge_request_event\"'}]", [False, True, False, False]),
        ("rules: [{if: $CI_MERGE_REQUEST_IID}]", [False, True, False, False]),
        ("rules: [{if: '$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH'}]", [True, False, False, True]),
        ("rules: [{if: '$CI_MERGE_REQUEST_TARGET_BRANCH_NAME == \"main\"'}]", [False, True, False, False]),
        ("rules: [{if: '$CI_COMMIT_TAG =~ /^v\\d/'}]", [False, False, True, False]),
        ("rules: [{if: $SECRET}]", [None, None, None, None]),
        ("rules: [{if: $SECRET, when: never}, {when: always}]", [None, None, None, None]),
        ("rules: [{if: $SECRET}, {when: always}]", [True, True, True, True]),
        ("rules: [{if: $CI, when: never}, {when: always}]", [False, False, False, False]),
        ("rules: [{changes: [src/**/*]}]", [True, False, True, True]),
        ("rules: [{changes: ['*.md']}]", [True, False, True, True]),
        ("rules: [{changes: {paths: [src/**/*], compare_to: main}}]", [None, None, None, None]),
        ("rules: [{changes: ['$WHERE/*']}]", [None, None, True, True]),
        ("rules: [{exists: [Makefile]}]", [None, None, None, None]),
        ("only: [main]", [True, False, False, True]),
        ("only: [branches]", [True, False, False, True]),
        ("only: [tags]", [False, False, True, False]),
        ("only: [merge_requests]", [False, True, False, False]),
        ("only: [schedules]", [False, False, False, True]),
        ("only: [/^v\\d/]", [False, False, True, False]),
        ("except: [main]", [False, False, True, False]),
        ("only: {refs: [main], changes: [src/*]}", [True, False, False, True]),
        ("only: {variables: [$CI_COMMIT_TAG]}", [False, False, True, False]),
        ("only: [branches@group/other]", [None, None, None, None]),
        ("only: {kubernetes: active}", [None, False, None, None]),
        ("when: on_success", [True, False, True, True]),
    ],
)
def test_a_job_is_there_for_push_merge_request_tag_and_schedule(keys: str, expected: list[bool | None]) -> None:
    assert answers(keys) == expected


def test_the_first_rule_that_matches_says_how_the_job_starts() -> None:
    pipeline = read(
        "j:\n  script: x\n  rules:\n    - if: $CI_COMMIT_TAG\n      when: manual\n      allow_failure: true\n"
        "    - if: $CI_COMMIT_BRANCH\n      when: delayed\n      start_in: 5 minutes\n"
    )
    (tagged,) = appears(pipeline, job(pipeline, "j"), situation(TAG)).ways
    (pushed,) = appears(pipeline, job(pipeline, "j"), situation(PUSH)).ways
    assert (tagged.when, tagged.allow_failure) == ("manual", True)
    assert (pushed.when, pushed.allow_failure) == ("delayed", None)


def test_variables_of_the_job_win_over_the_pipelines_and_given_ones_over_both() -> None:
    pipeline = read("variables: {M: a}\nj: {script: x, variables: {M: b}, rules: [{if: '$M == \"b\"'}]}\n")
    found = job(pipeline, "j")
    assert appears(pipeline, found, situation(PUSH)).runs is True
    assert appears(pipeline, found, situation(PUSH, variables={"M": "c"})).runs is False


def test_a_job_that_inherits_no_variables_does_not_see_the_pipelines() -> None:
    pipeline = read(
        "variables: {M: a, N: a}\n"
        "none: {script: x, inherit: {variables: false}, rules: [{if: $M}]}\n"
        "some: {script: x, inherit: {variables: [M]}, rules: [{if: $M}]}\n"
    )
    around = situation(PUSH, closed=True)
    assert [appears(pipeline, each, around).runs for each in pipeline.jobs] == [False, True]


def test_workflow_rules_decide_whether_there_is_a_pipeline_and_set_variables() -> None:
    pipeline = read(
        "workflow:\n  rules:\n    - if: $CI_COMMIT_TAG\n      when: never\n"
        "    - if: $CI_COMMIT_BRANCH\n      variables: {DEPLOY: 'yes'}\n"
        "j: {script: x, rules: [{if: '$DEPLOY == \"yes\"'}]}\n"
    )
    assert [starts(pipeline, situation(event)).runs for event in EVENTS] == [True, False, False, True]
    assert runs(pipeline, job(pipeline, "j"), situation(PUSH, closed=True)) is True
    assert runs(pipeline, job(pipeline, "j"), situation(TAG)) is False


def test_with_workflow_rules_jobs_are_no_longer_limited_to_branches_and_tags() -> None:
    pipeline = read("workflow: {rules: [{when: always}]}\nj: {script: x}\n")
    assert runs(pipeline, job(pipeline, "j"), situation(MERGE)) is True


def test_files_of_the_repository_decide_exists() -> None:
    pipeline = read("j: {script: x, rules: [{exists: ['src/**/*.go', Dockerfile]}]}\n")
    found = job(pipeline, "j")
    assert appears(pipeline, found, situation(PUSH, files=("src/a/b.go",))).runs is True
    assert appears(pipeline, found, situation(PUSH, files=("src/a.py",))).runs is False


def test_a_job_whose_base_was_not_read_may_be_there_or_not() -> None:
    pipeline = read("include: {remote: 'https://x/y.yml'}\nj: {extends: .theirs, script: x}\n")
    assert appears(pipeline, job(pipeline, "j"), situation(PUSH)).runs is None


@pytest.mark.parametrize(
    ("glob", "path", "matches"),
    [
        ("**/*.py", "a.py", True),
        ("**/*.py", "a/b/c.py", True),
        ("*.py", "a/b.py", False),
        ("src/**/*", "src/a/.hidden", True),
        ("src/**", "src/a/b", False),
        ("{a,b}/*.{md,txt}", "b/x.txt", True),
        ("[ab].c", "b.c", True),
        ("[!ab].c", "c.c", True),
        ("a?c", "a/c", False),
        ("a\\*", "a*", True),
        ("[b-a]", "a", False),
    ],
)
def test_paths_match_as_rubys_fnmatch_says(glob: str, path: str, matches: bool) -> None:
    assert (path_pattern(glob).fullmatch(path) is not None) is matches
