from __future__ import annotations

from pathlib import Path

import pytest

from makespan_agent.identity.job_identity import JobIdentity
from makespan_agent.identity.step_identity import StepIdentity, identify_step
from makespan_model.identity import job_span_id, step_span_id


def _job(step_key: str = "__run", provider: str = "github") -> JobIdentity:
    return JobIdentity(
        provider=provider,
        repository="o/r",
        run_id="1",
        pipeline="ci",
        job_id="test",
        label="test (a)",
        step_key=step_key,
    )


def _identify(
    job: JobIdentity,
    environment: dict[str, str] | None = None,
    *,
    is_shell: bool = True,
    name: str | None = None,
    notices: list[str] | None = None,
) -> StepIdentity:
    return identify_step(
        job,
        environment or {},
        is_shell=is_shell,
        given_name=name,
        executable="tool",
        start_ns=5,
        notices=[] if notices is None else notices,
    )


@pytest.fixture
def steps_file(tmp_path: Path) -> dict[str, str]:
    path = tmp_path / "steps.json"
    path.write_text(
        '{"test": {"__run": {"name": "Unit", "index": 2}}, "lint": {"__run": {"name": "Lint", "index": 0}}}'
    )
    return {"MAKESPAN_STEPS_FILE": str(path)}


def test_a_workflow_step_is_known_by_its_key() -> None:
    job = _job()
    step = _identify(job)

    assert (step.path, step.name, step.index) == ("__run", "__run", None)
    assert step.span_id == step_span_id(job.trace_id, "test (a)", "__run")
    assert step.parent_span_id == job_span_id(job.trace_id, "test (a)")


def test_the_steps_file_gives_a_workflow_step_its_index_and_name(steps_file: dict[str, str]) -> None:
    step = _identify(_job(), steps_file)

    assert (step.path, step.name, step.index) == ("#2", "Unit", 2)


def test_a_name_from_the_command_line_wins_and_keeps_the_path(steps_file: dict[str, str]) -> None:
    step = _identify(_job(), steps_file, name="Mine")

    assert (step.path, step.name) == ("#2", "Mine")


def test_a_step_the_file_does_not_know_keeps_its_key(steps_file: dict[str, str]) -> None:
    assert _identify(_job("other"), steps_file).path == "other"


def test_commands_of_one_step_have_paths_of_their_own_below_it(steps_file: dict[str, str]) -> None:
    step = _identify(_job(), steps_file, is_shell=False)

    assert (step.path, step.name, step.index) == ("#2/tool@5", "tool", None)


def test_a_shell_outside_a_workflow_step_is_a_command_like_any_other() -> None:
    assert _identify(_job("")).path == "/tool@5"


def test_a_command_below_a_traced_step_hangs_under_it() -> None:
    job = _job()
    environment = {"TRACEPARENT": f"00-{job.trace_id}-00f067aa0ba902b7-01", "MAKESPAN_STEP_PATH": "#2"}

    for is_shell in (False, True):
        step = _identify(job, environment, is_shell=is_shell)
        assert (step.path, step.parent_span_id) == ("#2/tool@5", "00f067aa0ba902b7")


@pytest.mark.parametrize(
    "traceparent",
    ["00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "", "nonsense", "00-{trace}-00F0-01", "00-{trace}"],
)
def test_a_foreign_or_broken_traceparent_is_no_parent(traceparent: str) -> None:
    job = _job()
    step = _identify(job, {"TRACEPARENT": traceparent.replace("{trace}", job.trace_id), "MAKESPAN_STEP_PATH": "x"})

    assert step.path == "__run"
    assert step.parent_span_id == job_span_id(job.trace_id, job.label)


@pytest.mark.parametrize("content", [None, b"{", b"\xff\xfe"])
def test_a_steps_file_that_cannot_be_read_is_named_and_left_out(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "steps.json"
    if content is not None:
        path.write_bytes(content)
    notices: list[str] = []

    step = _identify(_job(), {"MAKESPAN_STEPS_FILE": str(path)}, notices=notices)

    assert step.path == "__run"
    assert len(notices) == 1
    assert str(path) in notices[0]


@pytest.mark.parametrize(
    "content", ["[]", '{"test": 1}', '{"test": {"__run": []}}', '{"test": {"__run": {"index": "x"}}}']
)
def test_a_steps_file_of_another_shape_leaves_the_key(tmp_path: Path, content: str) -> None:
    path = tmp_path / "steps.json"
    path.write_text(content)

    assert _identify(_job(), {"MAKESPAN_STEPS_FILE": str(path)}).path == "__run"


@pytest.mark.parametrize(("text", "kind"), [('"uses"', "uses"), ('"run"', "run"), ('"bake"', None), ("7", None)])
def test_the_steps_file_says_whether_a_step_ran_an_action(tmp_path: Path, text: str, kind: str | None) -> None:
    path = tmp_path / "steps.json"
    path.write_text(f'{{"test": {{"__run": {{"name": "Unit", "index": 2, "kind": {text}}}}}}}')

    step = _identify(_job(), {"MAKESPAN_STEPS_FILE": str(path)})

    assert (step.kind, step.facts().get("kind")) == (kind, kind)


def test_a_script_run_by_hand_elsewhere_than_on_github_never_takes_the_steps_own_place() -> None:
    step = _identify(_job("build", "woodpecker"))

    assert (step.path, step.name) == ("build/tool@5", "tool")


def test_a_variable_names_the_outermost_step_and_no_step_inside_it() -> None:
    job = _job()
    inside = {"TRACEPARENT": f"00-{job.trace_id}-00f067aa0ba902b7-01", "MAKESPAN_STEP_PATH": "#2"}

    assert _identify(job, {"MAKESPAN_STEP": "Build"}).name == "Build"
    assert _identify(job, {"MAKESPAN_STEP": "Build"}, name="Mine").name == "Mine"
    assert _identify(job, {"MAKESPAN_STEP": "Build"} | inside).name == "tool"
