from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from makespan_model.errors import WorkflowError
from makespan_optimizer.workflow.step_order import beside, ended_before
from support.github_parser import GithubParser
from support.measured_workflows import workflow


def _text(steps: str) -> str:
    return f"on: push\njobs:\n  a:\n    runs-on: x\n    steps: {steps}\n"


_BACKGROUND = "[{run: a, id: a, background: true}, {run: b, id: b, background: true}, {run: c}, %s, {run: e}]"


@pytest.mark.parametrize(
    ("control", "ended"),
    [
        ("{wait: a}", {0, 2, 3}),
        ("{wait: [a, b]}", {0, 1, 2, 3}),
        ("{wait-all: }", {0, 1, 2, 3}),
        ("{wait-all: true}", {0, 1, 2, 3}),
        ("{cancel: a}", {2, 3}),
        ("{run: d}", {2, 3}),
    ],
)
def test_a_background_step_has_ended_only_after_something_waited_for_it(control: str, ended: set[int]) -> None:
    steps = workflow(_text(_BACKGROUND % control)).jobs[0].steps
    found = ended_before(steps)
    assert (found[2,], found[4,]) == (frozenset(), frozenset((number,) for number in ended))


def test_steps_of_a_group_run_beside_each_other_and_end_before_the_next_step() -> None:
    steps = workflow(_text("[{run: a}, {parallel: [{run: b}, {run: c}]}, {run: d}]")).jobs[0].steps
    assert ended_before(steps)[2,] == {(0,), (1,), (1, 0), (1, 1)}
    assert ended_before(steps)[1, 1] == {(0,)}
    assert beside(steps) == {((1, 0), (1, 1))}


def test_background_steps_run_beside_all_until_the_wait() -> None:
    steps = workflow(_text("[{run: a, id: a, background: true}, {run: b}, {wait: a}, {run: c}]")).jobs[0].steps
    assert beside(steps) == {((0,), (1,))}


def test_what_a_step_waits_for_is_part_of_what_it_does() -> None:
    steps = workflow(_text(_BACKGROUND % "{wait: a}, {wait: b}, {wait: a}")).jobs[0].steps
    assert steps[3].content_key == steps[5].content_key != steps[4].content_key


_NO_STEP = "which is no earlier step of job 'a'"


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ("[{run: a, id: one}, {wait: onn}]", f"5:32: 'wait' names 'onn', {_NO_STEP} (did you mean 'one'?)"),
        ("[{wait: b}, {run: a, id: b, background: true}]", f"5:13: 'wait' names 'b', {_NO_STEP}"),
        ("[{cancel: c, id: c}]", "5:13: 'cancel' names the step itself"),
        ("[{run: a}, {wait-all: false}]", "5:23: 'wait-all' must be true or left empty"),
        ("[{wait-all: , if: always()}]", "5:26: a 'wait-all' step takes no 'if'"),
        ("[{parallel: [{run: a}], name: x}]", "5:36: a 'parallel' step takes no 'name'"),
        ("[{parallel: [{parallel: [{run: a}]}]}]", "5:25: 'parallel' is not allowed inside a 'parallel' step"),
        ("[{parallel: [{run: a, background: false}]}]", "5:25: 'background' is not allowed inside a 'parallel' step"),
    ],
)
def test_what_github_refuses_of_parallel_steps_is_refused_with_its_place(steps: str, message: str) -> None:
    with pytest.raises(WorkflowError) as caught:
        workflow(_text(steps))
    assert str(caught.value) == f"ci.yml:{message}"


_simple = st.fixed_dictionaries(
    {"run": st.just("x")},
    optional={"id": st.sampled_from("abc"), "background": st.booleans(), "if": st.just("always()")},
)
_controls = st.one_of(
    st.fixed_dictionaries({"wait": st.one_of(st.sampled_from("abc"), st.lists(st.sampled_from("ab"), max_size=2))}),
    st.fixed_dictionaries(
        {"wait-all": st.sampled_from([None, True, False])}, optional={"name": st.just("n"), "if": st.just("true")}
    ),
    st.fixed_dictionaries(
        {"cancel": st.sampled_from("abc")}, optional={"id": st.sampled_from("abc"), "continue-on-error": st.just(True)}
    ),
)
_groups = st.fixed_dictionaries({"parallel": st.lists(st.one_of(_simple, _controls), min_size=1, max_size=3)})


@pytest.mark.service
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.one_of(_simple, _simple, _controls, _groups), min_size=1, max_size=5))
@example(steps=[{"run": "x", "id": "a", "background": True}, {"wait": "a"}, {"wait-all": None}])
def test_parallel_steps_are_accepted_and_refused_as_github_does(
    github_parser: GithubParser, steps: list[dict[str, object]]
) -> None:
    ids = [one.get("id") for outer in steps for one in (outer, *outer.get("parallel", ())) if "id" in one]  # type: ignore[misc]
    if len(ids) > len(set(ids)):
        return  # Ids that are not unique are the linter's matter.
    text = _text(json.dumps(steps))
    try:
        workflow(text)
        accepted = True
    except WorkflowError:
        accepted = False
    assert accepted == (github_parser.workflow_errors(text) == []), text
