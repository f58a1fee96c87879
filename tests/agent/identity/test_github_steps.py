from __future__ import annotations

import pytest

from makespan_agent.identity.github_steps import step_keys


# Rules of IdBuilder and createActionStepId in GitHub's workflow parser (npm @actions/workflow-parser).
@pytest.mark.parametrize(
    ("steps", "keys"),
    [
        ([(None, None), (None, None), (None, None)], ["__run", "__run_2", "__run_3"]),
        ([("build", None), (None, None)], ["build", "__run"]),
        (
            [(None, "actions/checkout@v4"), (None, "actions/checkout@v4")],
            ["__actions_checkout", "__actions_checkout_2"],
        ),
        (
            [(None, "github/codeql-action/init@v3"), (None, "github/codeql-action/analyze@v3")],
            ["__github_codeql-action", "__github_codeql-action_2"],
        ),
        ([(None, "./.github/actions/x"), (None, "./tool")], ["__self", "__self_2"]),
        ([(None, "docker://alpine:3.20")], ["__alpine_3_20"]),
        ([(None, "broken"), (None, None)], ["__run", "__run_2"]),
        ([(None, f"o/{'n' * 200}@v1")] * 2, [f"__o_{'n' * 96}", f"__o_{'n' * 94}_2"]),
    ],
)
def test_steps_without_an_id_get_the_keys_github_gives_them(
    steps: list[tuple[str | None, str | None]], keys: list[str]
) -> None:
    assert step_keys(steps) == keys


def test_no_two_steps_of_a_job_share_a_key() -> None:
    # `__run_2` written as an id is refused by GitHub; the numbering still goes around whatever is taken.
    keys = step_keys([("__run_2", None), (None, None), (None, None)])

    assert keys == ["__run_2", "__run", "__run_3"]
