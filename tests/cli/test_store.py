from __future__ import annotations

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from makespan_cli.main import main
from makespan_collector.store.influx.provisioning import provide
from makespan_collector.store.influx.server import Server
from makespan_collector.store.influx.server_store import InfluxStore
from makespan_collector.store.influx.target import Target
from makespan_collector.store.opening import open_store
from makespan_collector.store.rows import SampleRow
from makespan_model.errors import ExitCode
from support.influxd import running_influxd
from support.span_rows import run_rows


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "store"
    with open_store(root) as store:
        store.append(spans=run_rows("1", {"test": [("pytest", 0, 9)]}))
    return root


def _result(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, object]:
    assert main(["store", *arguments, "--json"]) == ExitCode.SUCCESS
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_info_shows_tables_runs_and_times(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = _result(capsys, "info", "--store", str(root))
    assert (found["format"], found["runs"], found["pipelines"]) == ("4", 1, 1)

    assert main(["store", "info", "--store", str(root)]) == ExitCode.SUCCESS
    shown = capsys.readouterr().out
    assert "1 runs of 1 pipelines" in shown.replace("\n", " ")
    assert "2023-11-14" in shown


def test_a_backup_is_restored(root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive, again = str(tmp_path / "b.tar.zst"), str(tmp_path / "again")

    _result(capsys, "backup", archive, "--store", str(root))
    assert _result(capsys, "restore", archive, "--store", again)["pipelines"] == 1

    assert main(["store", "restore", archive, "--store", again]) == ExitCode.UNAVAILABLE
    assert "not empty" in capsys.readouterr().err


def test_a_dry_run_changes_nothing_and_the_prune_takes_what_it_said(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ("prune", "--runs-older-than", "1d", "--store", str(root))

    foreseen = _result(capsys, *arguments, "--dry-run")
    assert (foreseen["spans"], foreseen["dry_run"]) == (3, True)
    with open_store(root, read_only=True) as store:
        assert len(store.runs()) == 1

    assert _result(capsys, *arguments)["spans"] == 3
    with open_store(root, read_only=True) as store:
        assert store.runs() == []


def test_an_older_format_is_migrated(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "format").write_text("2\n")

    migrated = _result(capsys, "migrate", "--store", str(root))
    assert migrated == {"before": "2", "after": "4", "rewritten_segments": 0}


def test_segments_without_keys_get_theirs_in_a_migration(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_store(root) as store:
        store.append(samples=[SampleRow(trace_id="a1" * 16, span_id="b1" * 8, time_ns=1, cpu_cores=1.0)])
        store.compact()
    (segment,) = (root / "samples").glob("*.parquet")
    pq.write_table(pq.read_table(segment).drop_columns(["step_key"]), segment)

    assert _result(capsys, "migrate", "--store", str(root))["rewritten_segments"] == 1
    assert "step_key" in pq.read_schema(segment).names
    assert _result(capsys, "migrate", "--store", str(root))["rewritten_segments"] == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["prune"], ExitCode.USAGE, "--samples-older-than 30d"),
        (["restore", "nowhere"], ExitCode.UNAVAILABLE, "nowhere"),
        (["info"], ExitCode.UNAVAILABLE, "no history"),
        (["prune", "--runs-older-than", "1d"], ExitCode.UNAVAILABLE, "no history"),
    ],
)
def test_what_cannot_be_done_is_said(
    arguments: list[str],
    code: ExitCode,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["store", *arguments]) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / ".makespan" / "store").exists()


@pytest.mark.parametrize(
    ("arguments", "message"), [(["prune", "--runs-older-than", "soon"], "such as 30d"), ([], "ACTION")]
)
def test_a_wrong_argument_is_a_usage_error(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["store", *arguments])

    assert ended.value.code == ExitCode.USAGE
    assert message in capsys.readouterr().err


@pytest.mark.service
def test_a_history_moves_to_an_influxdb_server_and_back(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with running_influxd(tmp_path / "influxd") as influxd:
        monkeypatch.setenv("MAKESPAN_INFLUXDB_URL", influxd.url)
        made = _result(capsys, "init", "--samples-days", "36500")
        assert (made["database"], made["server_version"]) == ("makespan", "1.6")

        assert _result(capsys, "copy", str(root), "influxdb")["spans"] == 3
        assert _result(capsys, "copy", "influxdb", str(tmp_path / "back"))["spans"] == 3

    with open_store(root, read_only=True) as before, open_store(tmp_path / "back", read_only=True) as after:
        assert before.runs() == after.runs()


@pytest.mark.service
def test_a_server_can_be_named_by_its_url(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with running_influxd(tmp_path / "influxd") as influxd:
        target = Target(influxd.url, database="copied")
        provide(Server(target), samples_days=36_500)

        place = f"{influxd.url.replace('http://', 'influxdb://')}/copied"
        assert _result(capsys, "copy", str(root), place)["spans"] == 3

        with InfluxStore(Server(target)) as store:
            assert len(store.runs()) == 1


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("influxdb://ann:secret@127.0.0.1:1/db", "user and token are set in"),
        ("influxdb://127.0.0.1:1/a/b", "letters, digits"),
        ("influxdb:///db", "http://HOST:PORT"),
    ],
)
def test_a_server_named_wrongly_is_refused_without_its_password(
    root: Path,
    name: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["store", "copy", str(root), name]) in (ExitCode.USAGE, ExitCode.BAD_INPUT)
    told = capsys.readouterr().err
    assert message in told
    assert "secret" not in told


@pytest.mark.parametrize("arguments", [["info"], ["migrate"], ["backup", "f"], ["prune", "--runs-older-than", "1d"]])
def test_what_is_for_directories_says_so_of_a_server(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["store", *arguments, "--store", "influxdb"]) == ExitCode.USAGE
    assert "is for directories" in capsys.readouterr().err


def test_influxdb_without_a_server_says_which_setting_names_it(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    assert main(["store", "copy", str(root), "influxdb"]) == ExitCode.USAGE
    assert "MAKESPAN_INFLUXDB_URL" in capsys.readouterr().err
