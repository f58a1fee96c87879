"""Settings: the later source wins, and what is wrong is told with the place it came from."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from makespan_model.errors import InputError, UsageError
from makespan_model.setting_tables import KINDS, TABLES
from makespan_model.settings import CollectorSettings, InfluxdbSettings, Settings, load_settings


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
        ("store = 3", "store must be text, not 3"),
        ("runners = true", "runners must be a whole number, not True"),
        ("runners = 1.5", "runners must be a whole number, not 1.5"),
        ("[server]\nport = 1", "unknown setting 'server'"),
        ("[colector]\nport = 1", "unknown setting 'colector' (did you mean 'collector'?)"),
        ("[collector]\nprot = 1", "unknown setting 'collector.prot' (did you mean 'port'?)"),
        ("collector = 3", "collector must be a table ([collector]), not 3"),
        ("[collector]\nport = 65536", "collector.port must be 0 to 65535, not 65536"),
        ("[collector]\nport = '80'", "collector.port must be a whole number, not '80'"),
        ("[collector]\nrequests_per_s = nan", "collector.requests_per_s must be a number, not nan"),
        ("[collector]\nrequire_token = 1", "collector.require_token must be true or false, not 1"),
        ("[collector]\ntrusted_proxies = [1]", "collector.trusted_proxies must be a list of texts, not (1,)"),
        ("[collector]\nlog_format = 'jsn'", "must be one of text, json, not 'jsn' (did you mean 'json'?)"),
        ("[runner_usd_per_hour]\nbig = -1", "runner_usd_per_hour.big must be 0 or more, not -1"),
        ("[runner_usd_per_hour]\nbig = 'x'", "runner_usd_per_hour must be a table of numbers"),
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
        ({"MAKESPAN_RUNNERS": "-1"}, "MAKESPAN_RUNNERS must be 0 or more, not -1"),
        ({"MAKESPAN_COLLECTOR_PORT": "http"}, "MAKESPAN_COLLECTOR_PORT must be a whole number, not 'http'"),
        ({"MAKESPAN_COLLECTOR_REQUIRE_TOKEN": "maybe"}, "MAKESPAN_COLLECTOR_REQUIRE_TOKEN must be true or false"),
        ({"MAKESPAN_EVIDENCE": "prooven"}, "not 'prooven' (did you mean 'proven'?)"),
    ],
)
def test_a_wrong_variable_is_named(tmp_path: Path, environment: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError) as raised:
        load_settings(tmp_path, environment=environment)
    assert said in str(raised.value)


def test_tables_come_from_the_same_sources_in_the_same_order(tmp_path: Path) -> None:
    text = """
        store = "file"
        [collector]
        host = "0.0.0.0"
        port = 1
        trusted_proxies = ["10.0.0.0/8"]
        requests_per_s = 5
        [influxdb]
        url = "http://127.0.0.1:8086"
        [runner_usd_per_hour]
        big = 0.5
        """
    environment = {
        "MAKESPAN_COLLECTOR_PORT": "2",
        "MAKESPAN_COLLECTOR_MAX_BODY_BYTES": "1000",
        "MAKESPAN_COLLECTOR_REQUIRE_TOKEN": "true",
        "MAKESPAN_INFLUXDB_TOKEN": "s3cret",
    }
    settings = load_settings(_file(tmp_path, text), environment=environment, flags={"collector.port": 3})

    assert settings == Settings(
        store="file",
        runner_usd_per_hour={"big": 0.5},
        collector=CollectorSettings(
            host="0.0.0.0",
            port=3,
            trusted_proxies=("10.0.0.0/8",),
            requests_per_s=5,
            max_body_bytes=1000,
            require_token=True,
        ),
        influxdb=InfluxdbSettings(url="http://127.0.0.1:8086", token="s3cret"),
    )
    assert "s3cret" not in repr(settings)


def test_lists_in_the_environment_are_separated_by_commas(tmp_path: Path) -> None:
    environment = {"MAKESPAN_COLLECTOR_TRUSTED_PROXIES": "10.0.0.0/8, ::1,"}
    assert load_settings(tmp_path, environment=environment).collector.trusted_proxies == ("10.0.0.0/8", "::1")


def test_a_secret_in_the_file_is_refused_without_showing_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="set MAKESPAN_INFLUXDB_TOKEN instead, or name a file") as raised:
        load_settings(_file(tmp_path, '[influxdb]\ntoken = "s3cret"'), environment={})
    assert "s3cret" not in str(raised.value)


def test_a_secret_comes_from_its_file_unless_the_environment_gives_it(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from the file\n")
    file = str(tmp_path / "secret")

    assert InfluxdbSettings(token_file=file).read_token() == "from the file"
    assert InfluxdbSettings(token_file=file, token="given").read_token() == "given"
    assert InfluxdbSettings().read_token() == ""
    with pytest.raises(InputError, match=r"influxdb\.token_file"):
        InfluxdbSettings(token_file=file + "x").read_token()


def test_a_flag_nobody_declared_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"collector\.prot"):
        load_settings(tmp_path, environment={}, flags={"collector.prot": 1})


@pytest.mark.parametrize("made", [Settings, *TABLES.values()])
def test_every_setting_is_of_a_kind_that_the_file_can_give(made: type[Settings]) -> None:
    assert {item.name for item in fields(made) if item.type not in KINDS} == ({*TABLES} if made is Settings else set())
