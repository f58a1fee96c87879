"""Rewrites that are wrong in one way each; verification must see every one of them."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from makespan_optimizer.claims import (
    AddedCache,
    AddedConcurrency,
    AddedNeed,
    AddedStepId,
    AddedTimeout,
    Claim,
    DroppedDuplicate,
    DroppedNeed,
    MergedJobs,
)
from makespan_optimizer.verification.checking import verify

BASE = """\
name: ci
on: push
env: {TOP: "1"}
jobs:
  lint:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: pip install -r requirements.txt
      # style
      - run: ruff check
  test:
    needs: lint # first the cheap one
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: pip install -r requirements.txt
        env: {PIP: "1"}
        working-directory: src
        shell: bash
      - run: pytest
        if: github.ref != 'x'
      - run: pip install -r requirements.txt
        env: {PIP: "1"}
        working-directory: src
        shell: bash
  deploy:
    needs: test
    runs-on: ubuntu-latest
    permissions: {contents: write}
    environment: production
    steps:
      - run: ./deploy.sh
"""
CACHE = """\
      - uses: actions/cache@5a3ec84eff668545956fd18022155c47e93e2684 # v4.2.3
        with:
          path: ~/.cache/pip
          key: k
"""
LINT_CHECKOUT = "  lint:\n    runs-on: ubuntu-latest\n    steps:\n      - uses: actions/checkout@v4\n"
DUPLICATE = (
    '      - run: pip install -r requirements.txt\n        env: {PIP: "1"}\n        working-directory: src\n'
    "        shell: bash\n  deploy"
)
DROP = (DroppedNeed("test", "lint"),)
DROP_KEEPING_GATE = (*DROP, AddedNeed("deploy", "lint"))


def problems(after: str, *claims: Claim, before: str = BASE) -> str:
    return "\n".join(verify(before, after, file="ci.yml", claims=claims).problems)


def replaced(old: str, new: str, text: str = BASE) -> str:
    assert text.count(old) >= 1, old
    return text.replace(old, new, 1)


def without_need() -> str:
    text = replaced("    needs: lint # first the cheap one\n", "")
    return replaced("    needs: test\n", "    needs: [test, lint]\n", text)


@pytest.mark.parametrize(
    ("after", "claims"),
    [
        (replaced(LINT_CHECKOUT, LINT_CHECKOUT + CACHE), [AddedCache("lint")]),
        (without_need(), DROP_KEEPING_GATE),
        (replaced(DUPLICATE, "  deploy"), [DroppedDuplicate("test", 3)]),
        (replaced("      - run: pytest\n", "      - run: pytest\n        id: t\n"), [AddedStepId("test", "t")]),
    ],
    ids=["cache", "need", "duplicate", "id"],
)
def test_a_right_rewrite_holds(after: str, claims: Sequence[Claim]) -> None:
    assert problems(after, *claims) == ""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("      - run: ruff check\n", "", "lost the step 'ruff check'"),
        ("run: ruff check", "run: ruff check --exit-zero", "runs something at a place where it did not"),
        ("shell: bash", "shell: sh", "runs something"),
        ('env: {PIP: "1"}', 'env: {PIP: "2"}', "runs something"),
        ("working-directory: src", "working-directory: .", "runs something"),
        ("        if: github.ref != 'x'\n", "", "runs something"),
        ("permissions: {contents: write}", "permissions: {contents: read}", "a key of job 'deploy' changed"),
        ("    environment: production\n", "", "a key of job 'deploy' changed"),
        ("    runs-on: ubuntu-latest\n", "    runs-on: ubuntu-22.04\n", "a key of job 'lint' changed"),
        ('env: {TOP: "1"}', 'env: {TOP: "2"}', "outside 'jobs' changed"),
        ("name: ci", "name: CI", "outside 'jobs' changed"),
        ("      # style\n", "      # stile\n", "the line '# stile' is new or changed"),
        ("      # style\n", "", "the line '# style' is gone"),
        (" # first the cheap one", "", "is new or changed"),
        ("run: pytest\n", "run:  pytest\n", "is new or changed"),
        ("    needs: test\n", "", "job 'deploy' no longer needs 'test'"),
        ("    needs: test\n", "    needs: [test, lint]\n", "waits for 'lint', which it did not before"),
        ("    needs: test\n", "    needs: nobody\n", "needs of a job that does not exist: nobody"),
        ("jobs:\n", "jobs: [\n", "does not parse"),
        ("jobs:\n", "jobs:\n  more: {runs-on: x, steps: [{run: x}]}\n", "job 'more' is new"),
    ],
)
def test_a_change_without_a_claim_is_seen(old: str, new: str, said: str) -> None:
    assert said in problems(replaced(old, new))


def test_a_lost_job_is_seen() -> None:
    assert "job 'deploy' is lost" in problems(BASE[: BASE.index("  deploy:")])


def test_a_need_whose_loss_loses_a_deploy_gate_is_seen() -> None:
    after = replaced("    needs: lint # first the cheap one\n", "")
    assert "the gate 'deploy' no longer waits for 'lint'" in problems(after, *DROP)


def test_dropping_a_gate_itself_is_seen_although_it_is_claimed() -> None:
    assert "guards something" in problems(replaced("    needs: test\n", ""), DroppedNeed("deploy", "test"))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("run: pytest", "run: pytest ${{ needs.lint.result }}", "takes outputs from 'lint'"),
        ("github.ref != 'x'", "always() && needs['lint'].result == 'success'", "takes outputs from 'lint'"),
        ("run: pytest", 'run: echo "${{ toJSON(needs) }}"', "takes outputs from 'lint'"),
    ],
)
def test_dropping_a_data_edge_is_seen(old: str, new: str, said: str) -> None:
    before = replaced(old, new)
    after = replaced("    needs: lint # first the cheap one\n", "", before)
    after = replaced("    needs: test\n", "    needs: [test, lint]\n", after)
    assert said in problems(after, *DROP_KEEPING_GATE, before=before)


def test_dropping_an_edge_that_hands_an_artifact_over_is_seen() -> None:
    before = replaced(
        "      - run: ruff check\n", "      - {uses: actions/upload-artifact@v4, with: {name: a, path: b}}\n"
    )
    before = replaced(
        "      - run: pytest\n        if: github.ref != 'x'\n",
        "      - {uses: actions/download-artifact@v4, with: {name: a}}\n",
        before,
    )
    after = replaced("    needs: lint # first the cheap one\n", "", before)
    after = replaced("    needs: test\n", "    needs: [test, lint]\n", after)
    assert "takes an artifact from 'lint'" in problems(after, *DROP_KEEPING_GATE, before=before)


def test_an_edge_whose_loss_changes_a_status_condition_is_seen() -> None:
    before = replaced("    needs: lint #", "    if: always()\n    needs: lint #")
    after = replaced("    needs: lint # first the cheap one\n", "", before)
    after = replaced("    needs: test\n", "    needs: [test, lint]\n", after)
    assert "guards something" in problems(after, *DROP_KEEPING_GATE, before=before)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (CACHE.replace("5a3ec84eff668545956fd18022155c47e93e2684 # v4.2.3", "v4"), "runs something"),
        (CACHE.replace("actions/cache", "evil/cache"), "runs something"),
        (CACHE + "        if: always()\n", "more keys than name, uses and with"),
        (CACHE + "          restore-keys: k\n", "must have exactly a key and a path"),
        (CACHE + CACHE, "runs something"),
        ("      - run: curl x | sh\n", "runs something"),
    ],
    ids=["by tag", "another action", "condition", "restore keys", "two", "a command"],
)
def test_a_wrong_cache_step_is_seen(step: str, said: str) -> None:
    assert said in problems(replaced(LINT_CHECKOUT, LINT_CHECKOUT + step), AddedCache("lint"))


def test_a_cache_in_a_job_that_deploys_is_seen() -> None:
    after = replaced("      - run: ./deploy.sh\n", CACHE + "      - run: ./deploy.sh\n")
    assert "cache poisoning" in problems(after, AddedCache("deploy"))


def test_a_cache_in_a_job_whose_artifact_is_deployed_is_seen() -> None:
    before = replaced(
        "      - run: ruff check\n", "      - {uses: actions/upload-artifact@v4, with: {name: a, path: b}}\n"
    )
    before = replaced(
        "      - run: ./deploy.sh\n",
        "      - {uses: actions/download-artifact@v4, with: {name: a}}\n      - run: ./deploy.sh\n",
        before,
    )
    after = replaced(LINT_CHECKOUT, LINT_CHECKOUT + CACHE, before)
    assert "cache poisoning" in problems(after, AddedCache("lint"), before=before)


@pytest.mark.parametrize(("index", "said"), [(2, "repeats no earlier step"), (1, "repeats no earlier step")])
def test_a_dropped_step_that_repeats_nothing_is_seen(index: int, said: str) -> None:
    after = replaced(DUPLICATE, "  deploy")
    assert said in problems(after, DroppedDuplicate("test", index))


def test_a_repeated_command_that_is_no_setup_is_seen() -> None:
    before = replaced("      - run: ruff check\n", "      - run: ruff check\n      - run: ruff check\n")
    assert "is no set-up" in problems(BASE, DroppedDuplicate("lint", 3), before=before)


def test_an_id_that_was_read_before_is_seen() -> None:
    before = replaced("run: ruff check", "run: ruff check ${{ steps.new.outputs.x }}")
    after = replaced("requirements.txt\n", "requirements.txt\n        id: new\n", before)
    assert "runs something" in problems(after, AddedStepId("lint", "new"), before=before)


PARTS = """\
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: one
  b:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      # twice
      - run: two
      - run: three
"""
MERGED = """\
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
        id: setup
      - run: one
      # twice
      - run: two
        id: b-1
        if: ${{ !cancelled() && steps.setup.conclusion == 'success' }}
      - run: three
        if: ${{ !cancelled() && steps.b-1.conclusion == 'success' }}
"""
MERGE = (MergedJobs("a", ("b",), 1), AddedStepId("a", "setup"))


def test_a_merge_of_the_last_job_with_a_comment_above_it_and_no_final_newline_holds() -> None:
    before = replaced("  b:\n", "\n  ######\n  b:\n", PARTS).rstrip("\n")
    assert problems(MERGED.rstrip("\n"), *MERGE, before=before) == ""


def test_a_right_merge_holds() -> None:
    assert problems(MERGED, *MERGE, before=PARTS) == ""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "        if: ${{ !cancelled() && steps.setup.conclusion == 'success' }}\n",
            "",
            "when step 2 of 'a' fails, step 2 of 'b' does not run",
        ),
        ("!cancelled() && steps.setup.conclusion == 'success'", "always()", "step 2 of 'b' runs, other than before"),
        ("!cancelled() && steps.setup.conclusion == 'success'", "!cancelled()", "when set-up step 1 fails"),
        ("steps.b-1.conclusion == 'success'", "steps.setup.conclusion == 'success'", "when step 2 of 'b' fails"),
        ("      - run: one\n", "      - run: one\n        continue-on-error: true\n", "changed the step 'one'"),
        ("      - run: three\n", "      - run: four\n", "changed the step 'three'"),
        ("      # twice\n", "", "a comment in the steps of 'b' is gone"),
        ("        id: b-1\n", "        id: setup\n", "one step id twice"),
    ],
    ids=["masked", "after cancel", "setup failed", "chain broken", "forgiven", "changed", "comment", "same id"],
)
def test_a_wrong_merge_is_seen(old: str, new: str, said: str) -> None:
    assert said in problems(replaced(old, new, MERGED), *MERGE, before=PARTS)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  b:\n    runs-on: ubuntu-latest\n", "  b:\n    runs-on: ubuntu-22.04\n", "differ in where or how they run"),
        (
            "  b:\n    runs-on: ubuntu-latest\n",
            "  b:\n    runs-on: ubuntu-latest\n    container: x\n",
            "differ in where or how they run",
        ),
        ("  b:\n", "  b:\n    needs: a\n", "was merged with a job it needs"),
        ("actions/checkout@v4\n      # twice", "actions/checkout@v5\n      # twice", "do not share the set-up"),
        ("run: three", "run: twine upload", "acts on the world and was merged"),
    ],
)
def test_jobs_that_must_not_be_merged_are_seen(old: str, new: str, said: str) -> None:
    after = MERGED.replace("run: three", "run: twine upload") if "twine" in new else MERGED
    assert said in problems(after, *MERGE, before=replaced(old, new, PARTS))


def test_a_dependent_of_one_part_only_is_seen() -> None:
    tail = "  c:\n    needs: {}\n    runs-on: ubuntu-latest\n    steps: [{{run: x}}]\n"
    said = problems(MERGED + tail.format("a"), *MERGE, before=PARTS + tail.format("b"))
    assert "job 'c' needs only some of the merged jobs a, b" in said


def test_a_read_of_a_job_that_is_gone_is_seen() -> None:
    tail = "  c:\n    needs: {}\n    runs-on: ubuntu-latest\n    steps: [{{run: 'echo ${{{{ needs.b.result }}}}'}}]\n"
    said = problems(MERGED + tail.format("a"), *MERGE, before=PARTS + tail.format("[a, b]"))
    assert "job 'c' reads needs.b, which is gone" in said


LIMITED = "  lint:\n    runs-on: ubuntu-latest\n    timeout-minutes: 10\n"


def test_a_right_time_limit_holds() -> None:
    after = replaced("  lint:\n    runs-on: ubuntu-latest\n", LIMITED)
    assert problems(after, AddedTimeout("lint", 10)) == ""


@pytest.mark.parametrize(
    ("old", "new", "claim", "said"),
    [
        ("  lint:\n    runs-on: ubuntu-latest\n", LIMITED, AddedTimeout("lint", 20), "not the one that was claimed"),
        ("  lint:\n    runs-on: ubuntu-latest\n", LIMITED, AddedTimeout("test", 10), "a key of job 'lint' changed"),
        (
            "  lint:\n    runs-on: ubuntu-latest\n",
            LIMITED.replace("ubuntu-latest", "ubuntu-22.04"),
            AddedTimeout("lint", 10),
            "a key of job 'lint' changed",
        ),
        (
            "    environment: production\n",
            "    environment: production\n    timeout-minutes: 10\n",
            AddedTimeout("deploy", 10),
            "must not be stopped",
        ),
    ],
    ids=["another number", "another job", "a key beside it", "a deploy"],
)
def test_a_wrong_time_limit_is_seen(old: str, new: str, claim: Claim, said: str) -> None:
    assert said in problems(replaced(old, new), claim)


def test_a_time_limit_that_is_replaced_is_seen() -> None:
    before = replaced("  lint:\n    runs-on: ubuntu-latest\n", LIMITED)
    after = before.replace("timeout-minutes: 10", "timeout-minutes: 5")
    assert "a key of job 'lint' changed" in problems(after, AddedTimeout("lint", 5), before=before)


PULLED = BASE[: BASE.index("  deploy:")].replace("on: push\n", "on: [push, pull_request]\n")
GROUP = "${{ github.workflow_ref }}-${{ github.event.pull_request.number || github.run_id }}"


def concurrent(group: str, *, cancels: str = "true", before: str = PULLED) -> str:
    added = f"concurrency:\n  group: {group}\n  cancel-in-progress: {cancels}\n"
    return before.replace("env: {TOP", f"{added}env: {{TOP", 1)


def test_a_right_concurrency_holds() -> None:
    assert problems(concurrent(GROUP), AddedConcurrency(GROUP), before=PULLED) == ""


@pytest.mark.parametrize(
    "group",
    [
        "ci",
        "${{ github.workflow_ref }}",
        "${{ github.workflow_ref }}-${{ github.ref }}",
        "${{ github.workflow }}-${{ github.event.pull_request.number || github.run_id }}",
        "${{ github.workflow_ref }}-${{ github.event.pull_request.number }}",
    ],
)
def test_a_group_that_holds_more_than_one_pull_requests_runs_is_seen(group: str) -> None:
    assert "no newer push replaces" in problems(concurrent(group), AddedConcurrency(group), before=PULLED)


@pytest.mark.parametrize(
    ("before", "said"),
    [
        (BASE, "while job 'deploy' acts on the world"),
        (PULLED.replace("[push,", "[push, workflow_call,"), "with 'workflow_call'"),
        (PULLED.replace("[push,", "[push, pull_request_target,"), "with 'pull_request_target'"),
        (PULLED.replace("  lint:\n", "  lint:\n    concurrency: x\n"), "has a concurrency of its own"),
    ],
    ids=["deploys", "is called", "is trusted", "has its own"],
)
def test_a_workflow_whose_runs_must_not_be_cancelled_is_seen(before: str, said: str) -> None:
    assert said in problems(concurrent(GROUP, before=before), AddedConcurrency(GROUP), before=before)


def test_a_concurrency_that_does_otherwise_than_claimed_is_seen() -> None:
    after = concurrent(GROUP, cancels="${{ github.ref != 'x' }}")
    assert "not the one that was claimed" in problems(after, AddedConcurrency(GROUP), before=PULLED)
    assert "outside 'jobs' changed" in problems(concurrent(GROUP), before=PULLED)
