"""Generated configurations: whatever is written, the answer is a pipeline or an error with its place."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from makespan_model.errors import WorkflowError
from makespan_optimizer.gitlab.events import Event
from makespan_optimizer.gitlab.graph import build_graph
from makespan_optimizer.gitlab.job_reading import DEFAULT_KEYS
from makespan_optimizer.gitlab.pipeline import appears, situation
from makespan_optimizer.gitlab.reading import read_pipeline
from makespan_optimizer.gitlab.values import plain
from support.gitlab_project import CI_FILE, read, repository

CONFIGURATIONS = Path(__file__).parent / "configurations"
_KEYS = (
    *DEFAULT_KEYS, "script", "stage", "needs", "dependencies", "rules", "only", "except", "when", "allow_failure",
    "variables", "parallel", "environment", "release", "trigger", "extends", "inherit", "run", "pages", "secrets",
    "coverage", "resource_group", "start_in", "publish", "inputs",
)  # fmt: skip
_INNER = (
    "name", "key", "files", "prefix", "paths", "reports", "policy", "matrix", "job", "optional", "artifacts", "if",
    "changes", "exists", "when", "max", "exit_codes", "action", "on_stop", "tag_name", "include", "local", "project",
    "strategy", "forward", "default", "variables", "value", "options", "aud", "refs", "script", "needs", "rules",
)  # fmt: skip
_TEXTS = st.sampled_from(
    ["", "x", "j", ".a", "build", "$A", "$A == 'x'", "/re/", "1", "true", "never", "manual", "a.yml", "$[[ inputs.x ]]"]
)
_SCALARS = _TEXTS | st.integers(-1, 300) | st.booleans() | st.none() | st.floats(0, 2)


def _grown(inner: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_INNER), inner, max_size=3)


_VALUES: st.SearchStrategy[object] = st.recursive(_SCALARS, _grown, max_leaves=6)
_JOBS = st.dictionaries(st.sampled_from(_KEYS), _VALUES, max_size=5)
_TOP = ("j", "k", ".a", "default", "stages", "variables", "workflow", "include", "image", "cache", "before_script")


def _answered(text: str) -> None:
    """Reads a text, and what is made of it; any other error than ours fails the test."""
    try:
        pipeline = read_pipeline(text, file=CI_FILE, repository=repository({"a.yml": "k: {script: [y]}\n"}))
    except WorkflowError:
        return
    build_graph(pipeline)
    for job in pipeline.jobs:
        assert appears(pipeline, job, situation(Event("push", ref="main"))).ways


@given(st.dictionaries(st.sampled_from(_TOP), _JOBS | _VALUES, min_size=1, max_size=4))
def test_any_configuration_is_read_or_refused(config: dict[str, object]) -> None:
    _answered(json.dumps(config))


@given(_JOBS)
def test_any_job_with_a_script_is_read_or_refused(keys: dict[str, object]) -> None:
    _answered(json.dumps({"j": {**keys, "script": ["x"]}, "build": {"script": ["y"]}}))


def _spots(value: object, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    inner = enumerate(value) if isinstance(value, list) else value.items() if isinstance(value, dict) else ()
    return [path, *(spot for key, below in inner for spot in _spots(below, (*path, key)))]


def _changed(value: object, path: tuple[str | int, ...], new: object) -> object:
    if not path:
        return new
    if isinstance(value, list):
        return [_changed(each, path[1:], new) if index == path[0] else each for index, each in enumerate(value)]
    assert isinstance(value, dict)
    return {key: _changed(each, path[1:], new) if key == path[0] else each for key, each in value.items()}


@pytest.mark.parametrize("name", ["defaults.yml", "keys.yml", "matrix.yml", "extends.yml", "rules.yml"])
@given(data=st.data())
def test_a_sound_configuration_with_any_value_put_in_is_read_or_refused(name: str, data: st.DataObject) -> None:
    config = yaml.safe_load((CONFIGURATIONS / name).read_text())
    spot = data.draw(st.sampled_from(_spots(config)))
    _answered(json.dumps(_changed(config, spot, data.draw(_VALUES))))


@given(st.text("ab:-[]{}&*!|>'\"#<\n\t ,?", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    _answered(text)


_NAMES = (".a", ".b", ".c", "d", "e")
_BASES = st.lists(st.sampled_from(_NAMES), max_size=2)


@given(st.fixed_dictionaries(dict.fromkeys(_NAMES, _BASES)), st.data())
def test_extends_equals_rubys_loop_written_down(bases: dict[str, list[str]], data: st.DataObject) -> None:
    """GitLab's Extendable, step by step on plain data; bases only point backwards, so that there is no circle."""
    config: dict[str, dict[str, object]] = {}
    for index, name in enumerate(_NAMES):
        variables = data.draw(st.dictionaries(st.sampled_from("XYZ"), st.sampled_from(["1a", "2a"]), max_size=2))
        own: dict[str, object] = {"script": [name], "variables": variables}
        earlier = [base for base in bases[name] if base in _NAMES[:index]]
        config[name] = {**own, "extends": earlier} if earlier else own
    expected = {name: _extended(name, config) for name in _NAMES}
    pipeline = read(json.dumps(config))
    assert {name: plain(value) for name, value in pipeline.config.entries.items()} == expected


def _extended(name: str, config: dict[str, dict[str, object]]) -> dict[str, object]:
    merged: dict[str, object] = {}
    bases = config[name].get("extends", [])
    assert isinstance(bases, list)
    for part in (*(_extended(base, config) for base in bases), config[name]):
        for key, value in part.items():
            below = merged.get(key)
            both = isinstance(below, dict) and isinstance(value, dict)
            merged[key] = {**below, **value} if both else value  # type: ignore[dict-item]
    return merged
