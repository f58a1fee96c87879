from __future__ import annotations

import json
from pathlib import Path

import pytest

from makespan_cli.main import main
from makespan_collector.store.opening import open_store
from makespan_model.errors import ExitCode
from support.dask_cluster import running_cluster
from support.fleet_work import append_runs
from support.influxd import running_influxd
from support.span_rows import run_rows


@pytest.fixture
def store_dir(tmp_path: Path) -> Path:
    """Three pipelines in two repositories."""
    with open_store(tmp_path / "store") as store:
        append_runs(store, "ci", range(24))
        append_runs(store, "release", range(4))
        append_runs(store, "ci", range(12), repository="octo/other")
    return tmp_path / "store"


def analyze(*arguments: object) -> int:
    return main(["analyze", "--all", *map(str, arguments)])


def test_every_pipeline_is_in_the_table_and_the_second_time_none_is_analysed(
    store_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert analyze("--store", store_dir, "--workers", 2) == ExitCode.SUCCESS
    first = capsys.readouterr()
    assert analyze("--store", store_dir, "--workers", 2) == ExitCode.SUCCESS
    again = capsys.readouterr()

    assert first.out.startswith("3 pipelines: 3 analysed, 0 unchanged\n")
    assert again.out == first.out.replace("3 analysed, 0 unchanged", "0 analysed, 3 unchanged")
    assert {line.split()[0] for line in first.out.splitlines() if "octo/" in line} == {"ci", "release"}
    assert max(map(len, first.out.partition("\n\n")[0].splitlines())) <= 80
    assert first.err == again.err == ""


def test_json_has_every_pipeline_with_its_numbers(store_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert analyze("--store", store_dir, "--workers", 1, "--json") == ExitCode.SUCCESS
    found = json.loads(capsys.readouterr().out)

    assert (found["analysed"], found["unchanged"], found["failed"]) == (3, 0, [])
    assert {(one["repository"], one["pipeline"]): one["runs"] for one in found["pipelines"]} == {
        ("octo/app", "ci"): 24,
        ("octo/app", "release"): 4,
        ("octo/other", "ci"): 12,
    }
    assert all(one["makespan_s"] > 0 for one in found["pipelines"])


def test_one_repository_alone(store_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert analyze("--store", store_dir, "--repository", "octo/other", "--json") == ExitCode.SUCCESS
    assert [one["repository"] for one in json.loads(capsys.readouterr().out)["pipelines"]] == ["octo/other"]
    assert analyze("--store", store_dir, "--repository", "octo/none") == ExitCode.USAGE
    assert "no pipeline of 'octo/none'" in capsys.readouterr().err


def test_a_pipeline_that_cannot_be_analysed_is_named_and_the_exit_code_says_so(
    store_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_store(store_dir) as store:
        jobs = {"a": [("s", 0, 3)], "b": [("s", 3, 5)]}
        store.append(spans=run_rows("x", jobs, pipeline="round", needs={"a": ("b",), "b": ("a",)}))

    assert analyze("--store", store_dir) == ExitCode.FAILURE
    text = capsys.readouterr().out
    assert "not analysed: 'round' of octo/app: the recorded `needs` form a circle" in text
    assert text.startswith("3 pipelines: ")


def test_a_damaged_file_of_results_is_said(store_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    analyze("--store", store_dir)
    (store_dir / "fleet-analysis.jsonl").write_text("nonsense")
    capsys.readouterr()

    assert analyze("--store", store_dir) == ExitCode.SUCCESS
    captured = capsys.readouterr()
    assert captured.out.startswith("3 pipelines: 3 analysed")
    assert "fleet-analysis.jsonl: " in captured.err
    assert "every pipeline is analysed anew" in captured.err


@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")
def test_a_cluster_finds_the_same(store_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("distributed")
    from makespan_analytics.fleet.code_version import code_digest

    code_digest.cache_clear()
    with running_cluster(tmp_path, 1) as cluster:
        assert analyze("--store", store_dir, "--dask", cluster.address, "--json") == ExitCode.SUCCESS
    by_cluster = json.loads(capsys.readouterr().out)
    (store_dir / "fleet-analysis.jsonl").unlink()
    analyze("--store", store_dir, "--json")

    assert json.loads(capsys.readouterr().out) == by_cluster


@pytest.mark.service
def test_a_history_on_a_server_is_analysed_whole_by_processes_that_ask_it_themselves(
    store_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    analyze("--store", store_dir, "--json")
    expected = json.loads(capsys.readouterr().out)["pipelines"]
    with running_influxd(tmp_path / "influxd") as server:
        monkeypatch.setenv("MAKESPAN_INFLUXDB_URL", server.url)
        monkeypatch.chdir(tmp_path)
        assert main(["store", "init", "--samples-days", "36500"]) == ExitCode.SUCCESS
        assert main(["store", "copy", str(store_dir), "influxdb"]) == ExitCode.SUCCESS
        capsys.readouterr()
        for _ in range(2):
            assert analyze("--store", "influxdb", "--workers", 2, "--json") == ExitCode.SUCCESS
            captured = capsys.readouterr()
            found = json.loads(captured.out)
            assert (found["analysed"], found["unchanged"], found["pipelines"]) == (3, 0, expected)
            assert captured.err == ""


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--all", "ci"], "--all is every pipeline, not 'ci' alone"),
        (["--all", "--findings"], "--all ranks pipelines"),
        (["--workers", "2"], "--workers needs --all"),
        (["--dask", "tcp://127.0.0.1:1"], "--dask needs --all"),
        (["--all", "--workers", "0"], "--workers must be within 1 and 256, not 0"),
        (["--all", "--workers", "2", "--dask", "tcp://127.0.0.1:1"], "name one of them"),
    ],
)
def test_what_does_not_go_together_is_refused(
    store_dir: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["analyze", *arguments, "--store", str(store_dir)]) == ExitCode.USAGE
    assert said in capsys.readouterr().err


def test_an_empty_store_has_no_history(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_store(tmp_path / "store"):
        pass
    assert analyze("--store", tmp_path / "store") == ExitCode.UNAVAILABLE
    assert "has no runs yet" in capsys.readouterr().err
