"""Whole workflows, run by the real act: what runs when, and what jobs see of each other."""

from __future__ import annotations

import itertools

import psutil
import pytest

from makespan_model import vocabulary as names
from makespan_model.records import Result
from support.local_project import Finished, LocalProject

pytestmark = pytest.mark.service


def test_a_job_starts_when_its_own_needs_are_done_not_when_a_whole_level_is(project: LocalProject) -> None:
    finished = project.run("""
        jobs:
          slow:
            runs-on: ubuntu-latest
            steps: [{run: sleep 2}]
          quick:
            runs-on: ubuntu-latest
            steps: [{run: "true"}]
          after-quick:
            needs: quick
            runs-on: ubuntu-latest
            steps: [{run: "true"}]
          after-both:
            needs: [slow, after-quick]
            runs-on: ubuntu-latest
            steps: [{run: "true"}]
        """)

    slow, quick, after_quick, after_both = (
        finished.job(name) for name in ("slow", "quick", "after-quick", "after-both")
    )
    assert quick.end_ns <= after_quick.legs[0].start_ns
    assert after_quick.end_ns < slow.end_ns
    assert after_both.ready_ns == slow.end_ns <= after_both.legs[0].start_ns


def test_no_more_jobs_run_at_once_than_there_are_runners(project: LocalProject) -> None:
    steps = "runs-on: ubuntu-latest\n            steps: [{run: sleep 0.3}]"
    finished = project.run(
        f"""
        jobs:
          a:
            {steps}
          b:
            {steps}
          c:
            {steps}
        """,
        runners=1,
    )

    legs = sorted((leg.start_ns, leg.end_ns) for job in finished.run.jobs for leg in job.legs)
    assert len(legs) == 3
    assert all(end <= start for (_, end), (start, _) in itertools.pairwise(legs))


HOSTILE = "quotes ' \" `id` $(id) ${{ github.actor }} }} \\ ünïcödé 🐢\ttab\n\n  second line  \n%0A::error::x"


def test_outputs_arrive_byte_for_byte_whatever_they_hold(project: LocalProject) -> None:
    project.commit({"value.txt": HOSTILE})
    finished = project.run("""
        jobs:
          first:
            runs-on: ubuntu-latest
            outputs:
              hostile: ${{ steps.make.outputs.value }}
              empty: ${{ steps.make.outputs.nothing }}
              fixed: "written here"
            steps:
              - uses: actions/checkout@v4
              - id: make
                run: |
                  { echo 'value<<END-OF-VALUE'; cat value.txt; echo; echo END-OF-VALUE; } >> "$GITHUB_OUTPUT"
          second:
            needs: first
            runs-on: ubuntu-latest
            steps:
              - env:
                  VALUE: ${{ needs.first.outputs.hostile }}
                  FIXED: ${{ needs.first.outputs.fixed }}
                  EMPTY: ${{ needs.first.outputs.empty }}
                run: |
                  python3 -c 'import os; e = os.environb; print(ascii(e[b"VALUE"]), e[b"FIXED"], [e[b"EMPTY"]])'
        """)

    assert finished.results() == {"first": "success", "second": "success"}
    assert finished.lines["second"] == [f"{HOSTILE.encode()!a} b'written here' [b'']"]


@pytest.fixture(scope="module")
def after_failure(shared_project: LocalProject) -> Finished:
    """One failing job and every kind of job behind it."""
    return shared_project.run("""
        jobs:
          bad:
            runs-on: ubuntu-latest
            steps: [{run: "echo the reason; exit 3"}, {run: echo never}]
          good:
            runs-on: ubuntu-latest
            steps: [{run: "true"}]
          plain:
            needs: bad
            runs-on: ubuntu-latest
            steps: [{run: echo never}]
          behind-plain:
            needs: plain
            runs-on: ubuntu-latest
            steps: [{run: echo never}]
          on-failure:
            needs: [bad, good]
            if: failure()
            runs-on: ubuntu-latest
            steps: [{run: "echo ${{ needs.bad.result }} ${{ needs.good.result }}"}]
          always:
            needs: [plain, bad]
            if: ${{ always() }}
            runs-on: ubuntu-latest
            steps: [{run: "echo ${{ needs.plain.result }} ${{ needs.bad.result }}"}]
          behind-always:
            needs: always
            runs-on: ubuntu-latest
            steps: [{run: echo never}]
          far-failure:
            needs: always
            if: failure()
            runs-on: ubuntu-latest
            steps: [{run: "echo ${{ needs.always.result }}"}]
          negated:
            needs: bad
            if: "!success()"
            runs-on: ubuntu-latest
            steps: [{run: echo not successful}]
          asked-but-false:
            needs: bad
            if: failure() && github.ref == 'refs/heads/other'
            runs-on: ubuntu-latest
            steps: [{run: echo never}]
          only-if:
            if: github.ref == 'refs/heads/other'
            runs-on: ubuntu-latest
            steps: [{run: echo never}]
        """)


def test_a_failed_job_fails_the_run_and_shows_the_output_of_the_step_that_failed(after_failure: Finished) -> None:
    assert after_failure.run.result is Result.FAILURE
    assert after_failure.job("bad").result is Result.FAILURE
    assert after_failure.job("bad").failed_output == ("the reason",)
    assert [step for step in after_failure.steps if step[0] == "bad"] == [
        ("bad", "Run echo the reason; exit 3", Result.FAILURE)
    ]


def test_jobs_that_ask_for_the_failure_of_a_need_run_after_it(after_failure: Finished) -> None:
    assert after_failure.text("on-failure") == "failure success"
    assert after_failure.text("negated") == "not successful"


def test_always_runs_after_failures_and_skips_and_sees_both(after_failure: Finished) -> None:
    assert after_failure.text("always") == "skipped failure"


def test_a_skip_reaches_the_whole_chain_even_past_a_job_that_ran_always(after_failure: Finished) -> None:
    skipped = [name for name, result in after_failure.results().items() if result == "skip"]
    assert skipped == ["plain", "behind-plain", "behind-always", "asked-but-false", "only-if"]


def test_failure_looks_at_every_job_behind_not_at_the_direct_needs_alone(after_failure: Finished) -> None:
    assert after_failure.text("far-failure") == "success"


def test_no_job_is_told_of_a_failed_output_but_the_one_that_failed(after_failure: Finished) -> None:
    assert [job.job_id for job in after_failure.run.jobs if job.failed_output] == ["bad"]


def test_a_failure_that_the_job_tolerates_does_not_fail_the_run_or_what_needs_it(project: LocalProject) -> None:
    finished = project.run("""
        jobs:
          experiment:
            continue-on-error: true
            runs-on: ubuntu-latest
            steps: [{run: exit 1}]
          next:
            needs: experiment
            runs-on: ubuntu-latest
            steps: [{run: "echo ${{ needs.experiment.result }}"}]
        """)

    assert finished.job("experiment").result is Result.FAILURE
    assert finished.text("next") == "success"
    assert finished.run.result is Result.SUCCESS


@pytest.mark.parametrize(("broken", "result"), [("experimental", Result.SUCCESS), ("stable", Result.FAILURE)])
def test_whether_a_failing_leg_is_tolerated_may_depend_on_its_matrix(
    project: LocalProject, broken: str, result: Result
) -> None:
    finished = project.run(f"""
        jobs:
          test:
            continue-on-error: ${{{{ matrix.kind == 'experimental' }}}}
            strategy: {{matrix: {{kind: [stable, experimental]}}, fail-fast: false}}
            runs-on: ubuntu-latest
            steps: [{{run: "test ${{{{ matrix.kind }}}} != {broken}"}}]
        """)

    assert {leg.label: leg.result is Result.SUCCESS for leg in finished.job("test").legs} == {
        "test (stable)": broken != "stable",
        "test (experimental)": broken != "experimental",
    }
    assert finished.run.result is result


def test_a_step_whose_failure_is_tolerated_leaves_no_failed_output(project: LocalProject) -> None:
    finished = project.run("""
        jobs:
          test:
            runs-on: ubuntu-latest
            steps:
              - run: echo printed before
              - {run: "false", continue-on-error: true}
              - {run: echo skipped, if: "false"}
              - {id: seen, run: "echo went on"}
        """)

    assert finished.run.result is Result.SUCCESS
    assert finished.job("test").failed_output == ()
    assert finished.lines["test"] == ["printed before", "went on"]


def test_needs_are_found_whatever_their_case(project: LocalProject) -> None:
    finished = project.run("""
        jobs:
          Build:
            runs-on: ubuntu-latest
            outputs: {v: "1"}
            steps: [{run: "true"}]
          test:
            needs: build
            runs-on: ubuntu-latest
            steps: [{run: "echo ${{ needs.build.outputs.v }} ${{ needs.build.result }}"}]
        """)

    assert finished.text("test") == "1 success"


def test_what_cannot_run_here_is_named_and_left_out(project: LocalProject) -> None:
    finished = project.run("""
        jobs:
          lint:
            runs-on: ubuntu-latest
            services: {db: {image: postgres}}
            steps:
              - {uses: "octo/linter@v3", id: lint}
              - {run: "echo [${{ steps.lint.outputs.x }}] ${{ steps.lint.conclusion }}"}
          called:
            uses: ./.github/workflows/other.yml
          desktop:
            runs-on: windows-latest
            steps: [{run: dir}]
          beside:
            runs-on: ubuntu-latest
            steps: [{run: sleep 1, background: true}]
          after:
            needs: [called, desktop]
            runs-on: ubuntu-latest
            steps: [{run: "echo ${{ needs.called.result }}"}]
        """)

    assert finished.text("lint") == "[] success"
    assert finished.text("after") == "success"
    assert finished.steps[0][1] != "Run octo/linter@v3"
    assert [step[names.TASK_NAME] for step in finished.recorded() if step[names.JOB_ID] == "lint"] == [
        "Run echo [${{ steps.lint.outputs.x }}] ${{ steps.lint.conclusion }}"
    ]
    notes = "\n".join(finished.run.notes)
    assert "job lint: services is left out" in notes
    assert "job lint: octo/linter@v3 cannot run here and is left out" in notes
    assert "job called calls the reusable workflow ./.github/workflows/other.yml, which cannot run here" in notes
    assert "job desktop runs on windows-latest" in notes
    assert "job beside has steps that run beside each other" in notes


def test_the_users_file_and_repository_are_not_touched(project: LocalProject) -> None:
    steps = "steps: [{uses: actions/checkout@v4}, {run: touch made}]"
    text = f"on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    {steps}\n"
    project.commit({".github/workflows/ci.yml": text})
    project.run(text)

    assert (project.root / ".github/workflows/ci.yml").read_text() == text
    assert project.git("status", "--porcelain", "--ignored") == ""


def test_what_a_step_leaves_running_ends_with_its_job(project: LocalProject) -> None:
    finished = project.run("""
        jobs:
          a:
            runs-on: ubuntu-latest
            steps:
              - run: |
                  nohup sleep 77 > /dev/null 2>&1 &
                  echo $! | tee pid
              - run: kill -0 "$(cat pid)" && echo still there
        """)

    pid, told = finished.lines["a"]
    assert told == "still there"
    # Whose parent is gone may stay a zombie where no init reaps it.
    assert not psutil.pid_exists(int(pid)) or psutil.Process(int(pid)).status() == psutil.STATUS_ZOMBIE
