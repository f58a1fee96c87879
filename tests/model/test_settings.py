"""Settings: the later source wins, and what is wrong is told with the place it came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from makespan_model.errors import InputError, UsageError
from makespan_model.settings import Settings, load_settings


def _file(folder: Path, text: str) -> Path:
    (folder / ".makespan.toml").write_text(text)
    return folder


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    assert load_settings(tmp_path, environment={}) == Settings()


def test_flags_win_over_the_environment_over_the_file_over_defaults(tmp_path: Path) -> None:
    folder = _file(tmp_path, 'store = "file"\nendpoint = "http://file"\nrunners = 2\n')
    environment = {"MAKESPAN_STORE": "environment", "MAKESPAN_RUNNERS": "3"}
    settings = load_settings(folder, environment=environment, flags={"runners": 4, "store": None})
    assert settings == Settings(store="environment", endpoint="http://file", runners=4)


def test_variables_of_the_agent_are_not_settings(tmp_path: Path) -> None:
    assert load_settings(tmp_path, environment={"MAKESPAN_SPOOL": "/x", "MAKESPAN_RUN_ID": "1"}) == Settings()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('stor = "x"', "unknown setting 'stor' (did you mean 'store'?)"),
        ("store = 3", "store must be a str, not 3"),
        ("runners = true", "runners must be a int, not True"),
        ("runners = 1.5", "runners must be a int, not 1.5"),
        ("[server]\nport = 1", "unknown setting 'server'"),
    ],
)
def test_a_wrong_key_or_value_in_the_file_is_named_with_the_file(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as raised:
        load_settings(_file(tmp_path, text), environment={})
    assert said in str(raised.value)
    assert str(tmp_path / ".makespan.toml") in str(raised.value)


@pytest.mark.parametrize("data", [b"store = ", b"store = '\xff'"])
def test_a_file_that_is_not_toml_is_broken_input(tmp_path: Path, data: bytes) -> None:
    (tmp_path / ".makespan.toml").write_bytes(data)
    with pytest.raises(InputError, match=r"\.makespan\.toml"):
        load_settings(tmp_path, environment={})


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"MAKESPAN_RUNNERS": "many"}, "MAKESPAN_RUNNERS must be a whole number, not 'many'"),
        ({"MAKESPAN_RUNNERS": "-1"}, "runners must be 0 (as many as CPUs) or more, not -1"),
        ({"MAKESPAN_EVIDENCE": "prooven"}, "not 'prooven' (did you mean 'proven'?)"),
    ],
)
def test_a_wrong_variable_is_named(tmp_path: Path, environment: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        load_settings(tmp_path, environment=environment)
    assert said in str(raised.value)
