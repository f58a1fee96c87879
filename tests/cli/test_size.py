from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from makespan_cli.main import main
from makespan_collector.store.opening import open_store
from makespan_collector.store.rows import SampleRow, SpanKind, SpanRow
from makespan_model.errors import ExitCode
from makespan_model.records import Result
from support.span_rows import EPOCH, SECOND, run_rows

MIB = 1024 * 1024
JOBS = {"test": [("install", 0, 10), ("pytest", 10, 70)], "lint": [("ruff", 0, 5)]}


def measured(row: SpanRow, number: int) -> SpanRow:
    """Pytest takes 300 MiB and three cores, the others little; all on 16 GiB and 8 cores."""
    if row.kind is SpanKind.JOB:
        return replace(row, runner_labels=("ubuntu-latest",))
    if row.kind is not SpanKind.STEP:
        return row
    is_large = row.step_path == "pytest"
    return replace(
        row,
        memory_peak_bytes=(300 if is_large else 20) * MIB + number % 5 * MIB,
        cpu_user_s=180.0 if is_large else 1.0,
        host_cpus=8,
        host_memory_bytes=16 * 1024 * MIB,
    )


def readings(row: SpanRow) -> list[SampleRow]:
    """A reading a second: pytest on four cores for three quarters of the time."""
    seconds = range(1, (row.end_ns - row.start_ns) // SECOND + 1)
    return [
        SampleRow(
            trace_id=row.trace_id,
            span_id=row.span_id,
            time_ns=row.start_ns + second * SECOND,
            cpu_cores=4.0 if row.step_path == "pytest" and second % 4 else 0.1,
            memory_bytes=100 * MIB,
            processes=5,
        )
        for second in seconds
    ]


def fill(path: Path, runs: int) -> Path:
    with open_store(path) as store:
        for number in range(runs):
            rows = [measured(row, number) for row in run_rows(str(number), JOBS, start_ns=EPOCH + number * 90 * SECOND)]
            samples = [sample for row in rows if row.kind is SpanKind.STEP for sample in readings(row)]
            store.append(spans=rows, samples=samples)
    return path


@pytest.fixture(scope="module")
def store_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill(tmp_path_factory.mktemp("sizes") / "store", 24)


def size(*arguments: object) -> int:
    return main(["size", *map(str, arguments)])


def as_json(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, object]:
    assert size(*arguments, "--json") == ExitCode.SUCCESS
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_memory_cores_and_runner_of_a_job_are_advised(store_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = as_json(capsys, "--store", store_dir)
    jobs = found["jobs"]
    assert isinstance(jobs, list)
    job = next(job for job in jobs if job["job_id"] == "test")
    assert 304 * MIB < job["memory"]["size_bytes"] < 380 * MIB
    assert job["memory"]["risk_low"] < job["memory"]["risk"] < job["memory"]["risk_high"]
    assert job["memory"]["risk"] <= 0.02
    assert job["cpu"]["cores"] == pytest.approx(4.0, rel=0.05)
    assert job["verdict"] == "keep"  # Much memory to spare, but not twice the cores.
    assert job["runner"]["advised"] == "Linux 4-core"
    two_cores = next(fit for fit in job["runner"]["classes"] if fit["name"] == "Linux 2-core")
    assert two_cores["slowdown_ratio"] > 0.5


def test_the_page_names_risk_runner_and_flags(store_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert size("--store", store_dir) == ExitCode.SUCCESS
    text = capsys.readouterr().out
    assert text.startswith("ci of octo/app: 24 runs\n")
    assert "runner: Linux 4-core" in text
    assert "as of 2026-" in text
    assert "make -j4, pytest -n 4" in text
    assert "docker: --memory=" in text
    assert "test › pytest" in text
    assert "lint › ruff" not in text
    assert "Not shown: 2 small steps" in text


def test_two_runs_are_not_enough(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = fill(tmp_path / "store", 2)
    assert size("--store", store) == ExitCode.SUCCESS
    text = capsys.readouterr().out
    assert "not enough runs (2 of 5)" in text
    assert "MiB" not in text
    found = as_json(capsys, "--store", store)
    assert all(one["memory"] is None and one["verdict"] == "unknown" for one in found["jobs"])  # type: ignore[attr-defined]


def test_a_step_killed_for_memory_is_told_and_sized_beyond_what_it_had(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store_dir = fill(tmp_path / "store", 8)
    killed = {"oom_kills": 1, "exit_code": 137, "memory_peak_bytes": 512 * MIB, "memory_limit_bytes": 512 * MIB}
    rows = [measured(row, 0) for row in run_rows("99", JOBS, start_ns=EPOCH + 9000 * SECOND)]
    rows = [
        replace(row, result=Result.ERROR, **killed) if row.step_path == "pytest" else row  # type: ignore[arg-type]
        for row in rows
    ]
    with open_store(store_dir) as store:
        store.append(spans=rows)
    found = as_json(capsys, "--store", store_dir)
    job = next(job for job in found["jobs"] if job["job_id"] == "test")  # type: ignore[attr-defined]
    assert job["evidence"]["oom_runs"] == 1
    assert job["evidence"]["run_ids"] == ["99"]
    assert job["memory"]["size_bytes"] > 612 * MIB
    assert job["verdict"] == "grow"
    size("--store", store_dir)
    assert "1 of 18 step runs were killed for lack of memory" in capsys.readouterr().out


def test_a_smaller_accepted_risk_asks_for_more(store_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def of(risk: str) -> int:
        jobs = as_json(capsys, "--store", store_dir, "--risk", risk)["jobs"]
        assert isinstance(jobs, list)
        return int(jobs[0]["memory"]["size_bytes"])

    assert of("0.001") > of("0.02")


@pytest.mark.parametrize("arguments", [["--risk", "0"], ["--risk", "0.9"], ["--risk", "nan"], ["--runs", "0"]])
def test_numbers_that_cannot_be_are_refused(
    arguments: list[str], store_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert size("--store", store_dir, *arguments) == ExitCode.USAGE
    assert capsys.readouterr().err.startswith(f"makespan: {arguments[0]} must be")


def test_an_unknown_pipeline_and_an_empty_store_are_told(
    store_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert size("cii", "--store", store_dir) == ExitCode.USAGE
    assert "did you mean 'ci'?" in capsys.readouterr().err
    with open_store(tmp_path / "empty"):
        pass
    assert size("--store", tmp_path / "empty") == ExitCode.UNAVAILABLE


def test_every_documented_key_exists_and_every_key_is_documented(
    store_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = (Path(__file__).parents[2] / "docs" / "analytics" / "sizing.md").read_text("utf-8")
    block = json.loads(document.split("```json\n")[1].split("```")[0])
    found = as_json(capsys, "--store", store_dir)
    for key in ("jobs", "steps"):
        found[key] = found[key][:1]  # type: ignore[index]
    assert keys(block) == keys(found)


def keys(value: object) -> object:
    if isinstance(value, dict):
        return {key: keys(item) for key, item in value.items()}
    if isinstance(value, list):
        return keys(value[0]) if value else None
    return None
