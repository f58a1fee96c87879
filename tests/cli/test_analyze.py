from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SpanExportResult
from opentelemetry.trace import SpanContext, TraceFlags

from makespan_cli.main import main
from makespan_collector.store.opening import open_store
from makespan_model import vocabulary as names
from makespan_model.errors import ExitCode
from makespan_model.identity import RunIdentity, step_span_id
from makespan_model.records import Result
from support.serving import serving
from support.span_rows import EPOCH, SECOND, run_rows

JOBS = {"lint": [("ruff", 0, 2)], "test": [("install", 3, 5), ("pytest", 5, 13)]}
NEEDS: Mapping[str, tuple[str, ...]] = {"lint": (), "test": ("lint",)}


@pytest.fixture
def store_dir(tmp_path: Path) -> Path:
    """Three successful runs of `ci` and a failed one."""
    with open_store(tmp_path / "store") as store:
        for number in range(3):
            store.append(spans=run_rows(str(number), JOBS, needs=NEEDS, start_ns=EPOCH + number * 60 * SECOND))
        failed = run_rows("9", {"lint": [("ruff", 0, 1)]}, start_ns=EPOCH + 600 * SECOND, result=Result.FAILURE)
        store.append(spans=failed)
    return tmp_path / "store"


def analyze(*arguments: object) -> int:
    return main(["analyze", *map(str, arguments)])


def as_json(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, object]:
    assert analyze(*arguments, "--json") == ExitCode.SUCCESS
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_the_one_pipeline_needs_no_name(store_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert analyze("--store", store_dir) == ExitCode.SUCCESS
    text = capsys.readouterr().out
    assert text.startswith("ci of octo/app: 3 runs, 1 unsuccessful left out\nmakespan: median 13.0 s")
    assert "12.0 s executing, 1.0 s queueing and waiting" in text
    assert "Critical path of run 2, the latest" in text


def test_the_table_ranks_steps_and_queueing_apart(store_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    analyze("--store", store_dir)
    text = capsys.readouterr().out
    table = text[text.index("job and step") :].splitlines()
    assert [line.split("  ")[0] for line in table[1:4]] == ["test › pytest", "lint › ruff", "test › install"]
    assert table[1].split()[3:] == ["3/3", "8.0", "s", "62%", "0.00", "s", "8.0", "s", "1.0"]
    assert any(line.startswith("test › queued for a runner") for line in table)


def test_json_has_the_documented_shape(store_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = as_json(capsys, "--store", store_dir)
    assert (found["pipeline"], found["runs"], found["runs_left_out"]) == ("ci", 3, 1)
    assert found["makespan_s"] == {"median": 13.0, "fastest": 13.0, "slowest": 13.0}
    assert found["critical_path_s"] == {"execution": 12.0, "waiting": 1.0}
    path = found["latest_critical_path"]
    assert isinstance(path, dict)
    assert [(s["kind"], s["job"], s["step"], s["start_s"], s["duration_s"]) for s in path["segments"]] == [
        ("step", "lint", "ruff", 0.0, 2.0),
        ("queue", "test", None, 2.0, 1.0),
        ("step", "test", "install", 3.0, 2.0),
        ("step", "test", "pytest", 5.0, 8.0),
    ]
    steps = found["steps"]
    assert isinstance(steps, list)
    assert (steps[0]["name"], steps[0]["slack_s"], steps[0]["cores_used"]) == ("pytest", 0.0, 1.0)
    assert steps[0]["critical"]["runs_on_path"] == 3


def test_runs_says_of_how_many_comparable_runs_times_are(store_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = as_json(capsys, "--store", store_dir, "--runs", 2)
    assert (found["runs"], found["runs_left_out"]) == (2, 1)


def test_of_several_pipelines_all_are_ranked_unless_one_is_named(
    store_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_store(store_dir) as store:
        store.append(spans=run_rows("1", JOBS, pipeline="release"))
    assert [one["pipeline"] for one in as_json(capsys, "--store", store_dir)["pipelines"]] == ["ci", "release"]  # type: ignore[attr-defined]
    assert as_json(capsys, "release", "--store", store_dir)["runs"] == 1
    assert analyze("--findings", "--store", store_dir) == ExitCode.USAGE
    error = capsys.readouterr().err
    assert "several pipelines; name one: 'ci' of octo/app (4 runs), 'release' of octo/app (1 run)" in error


def test_of_several_repositories_one_must_be_named(store_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_store(store_dir) as store:
        store.append(spans=run_rows("1", JOBS, repository="octo/lib"))
    assert analyze("ci", "--store", store_dir) == ExitCode.USAGE
    assert "name one with --repository" in capsys.readouterr().err
    assert as_json(capsys, "--store", store_dir, "--repository", "octo/lib")["repository"] == "octo/lib"
    assert analyze("--store", store_dir, "--repository", "octo/lip") == ExitCode.USAGE
    assert "did you mean 'octo/lib'?" in capsys.readouterr().err


def test_a_misspelt_pipeline_is_answered_with_the_nearest(store_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert analyze("cii", "--store", store_dir) == ExitCode.USAGE
    assert "no pipeline 'cii'" in (error := capsys.readouterr().err)
    assert "did you mean 'ci'?" in error


def test_no_history_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert analyze("--store", tmp_path / "nothing") == ExitCode.UNAVAILABLE
    assert "run `makespan exec FILE`" in capsys.readouterr().err
    open_store(tmp_path / "empty").close()
    assert analyze("--store", tmp_path / "empty") == ExitCode.UNAVAILABLE
    assert "has no runs yet" in capsys.readouterr().err


def test_runs_must_be_positive(store_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert analyze("--store", store_dir, "--runs", 0) == ExitCode.USAGE
    assert "--runs must be 1 or more" in capsys.readouterr().err


def test_the_store_comes_from_the_settings_when_not_named(
    store_dir: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAKESPAN_STORE", str(store_dir))
    assert as_json(capsys)["pipeline"] == "ci"


def test_what_an_opentelemetry_exporter_sends_to_serve_is_what_analyze_tells(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with serving(tmp_path / "store") as served:
        exporter = OTLPSpanExporter(endpoint=f"{served.url}/v1/traces")
        spans = [exported_step("install", 0, 2), exported_step("pytest", 2, 6)]
        assert exporter.export(spans) is SpanExportResult.SUCCESS
        exporter.shutdown()  # type: ignore[no-untyped-call]
        found = as_json(capsys, "--store", tmp_path / "store")
    assert (found["pipeline"], found["repository"]) == ("build", "octo/app")
    assert found["makespan_s"] == {"median": 6.0, "fastest": 6.0, "slowest": 6.0}
    steps = found["steps"]
    assert isinstance(steps, list)
    assert [(item["name"], item["critical"]["critical_s"]) for item in steps] == [("pytest", 4.0), ("install", 2.0)]


def exported_step(name: str, start_s: int, end_s: int) -> ReadableSpan:
    trace_id = RunIdentity("plain", "octo/app", "1").trace_id
    return ReadableSpan(
        name=name,
        context=SpanContext(
            int(trace_id, 16), int(step_span_id(trace_id, "test", name), 16), False, TraceFlags(TraceFlags.SAMPLED)
        ),
        resource=Resource(
            {
                names.PROVIDER: "plain",
                names.REPOSITORY: "octo/app",
                names.PIPELINE_NAME: "build",
                names.PIPELINE_RUN_ID: "1",
                names.JOB_ID: "test",
            }
        ),
        attributes={names.SPAN_TYPE: "step", names.STEP_PATH: name},
        start_time=EPOCH + start_s * SECOND,
        end_time=EPOCH + end_s * SECOND,
    )
