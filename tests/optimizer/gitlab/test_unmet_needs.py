from __future__ import annotations

import pytest

from makespan_optimizer.gitlab.decisions import Situation
from makespan_optimizer.gitlab.events import Event
from makespan_optimizer.gitlab.pipeline import situation
from makespan_optimizer.gitlab.unmet_needs import unmet_needs
from support.gitlab_project import read

PUSH = situation(Event("push", ref="main"))
TAG = situation(Event("tag", ref="v1"))


def unmet(build: str, test: str, around: Situation = PUSH) -> list[tuple[str, str, bool]]:
    pipeline = read(f"build: {{stage: build, script: x{build}}}\ntest: {{script: x{test}}}\n")
    return [(each.job, each.need, each.certain) for each in unmet_needs(pipeline, around)]


@pytest.mark.parametrize(
    ("build", "test", "expected"),
    [
        ("", ", needs: [build]", []),
        (", rules: [{if: $CI_COMMIT_TAG}]", ", needs: [build]", [("test", "build", True)]),
        (", rules: [{if: $CI_COMMIT_TAG}]", ", needs: [{job: build, optional: true}]", []),
        (", rules: [{if: $CI_COMMIT_TAG}]", ", needs: [build], rules: [{if: $CI_COMMIT_TAG}]", []),
        (", rules: [{if: $WHO}]", ", needs: [build]", [("test", "build", False)]),
        (", only: [tags]", ", needs: [build]", [("test", "build", True)]),
        ("", ", needs: [{job: gone, optional: true}]", []),
        (
            ", rules: [{if: $CI_COMMIT_TAG}]",
            ", rules: [{if: $CI_COMMIT_BRANCH, needs: [build]}]",
            [("test", "build", True)],
        ),
        (", rules: [{if: $CI_COMMIT_TAG}]", ", needs: [build], rules: [{when: always, needs: []}]", []),
        (
            ", rules: [{if: $CI_COMMIT_TAG}], parallel: 2",
            ", needs: [build]",
            [("test", "build 1/2", True), ("test", "build 2/2", True)],
        ),
    ],
)
def test_a_need_on_a_job_that_is_not_there_is_found(
    build: str, test: str, expected: list[tuple[str, str, bool]]
) -> None:
    assert unmet(build, test) == expected


def test_the_same_file_may_be_sound_for_one_event_and_not_for_another() -> None:
    build, test = ", rules: [{if: $CI_COMMIT_TAG}]", ", needs: [build]"
    assert unmet(build, test, TAG) == []
    assert unmet(build, test, PUSH) == [("test", "build", True)]


def test_jobs_under_the_same_rules_are_there_together_whatever_is_unknown() -> None:
    text = ".r: {rules: [{if: $WHO}]}\na: {extends: .r, script: x}\nb: {extends: .r, script: x, needs: [a]}\n"
    assert unmet_needs(read(text), PUSH) == ()
    apart = text.replace("needs: [a]", "needs: [a], variables: {OTHER: x}")
    assert [each.certain for each in unmet_needs(read(apart), PUSH)] == [False]
