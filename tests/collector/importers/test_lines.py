"""CSV and JSON lines."""

from __future__ import annotations

import gzip
import json
import os
import tracemalloc
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_collector.importers.field_mapping import FieldMapping, parse_mapping
from makespan_collector.importers.file_import import import_lines
from makespan_collector.importers.line_rows import row_of
from makespan_collector.importers.progress import Progress
from makespan_collector.importers.row_fields import ALIASES, FIELDS, FieldError, read_field
from makespan_collector.store.contract import Store
from makespan_collector.store.schema import span_batch
from makespan_model.errors import InputError, UsageError
from makespan_model.identity import RunIdentity, step_span_id
from makespan_model.records import CacheOutcome, Result, StepKind

HEADER = "run_id,job,step,started_at,duration_s"
T = "2026-01-31T12:00:00Z"
HISTORIES = Path(os.environ.get("MAKESPAN_SHARED_DATA", "/nonexistent")) / "histories"


def load(
    store: Store, path: Path, content: str | bytes, form: str = "csv", *, strict: bool = False, mapping: Any = None
) -> Progress:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    progress = Progress()
    import_lines(str(path), form, store, progress, mapping=mapping or FieldMapping(), is_strict=strict)
    return progress


def test_a_line_is_a_step_or_a_job_or_a_run(store: Store, tmp_path: Path) -> None:
    content = (
        "provider,repository,workflow,run_id,attempt,job_name,step,step_index,started_at,ended_at,queue_s,conclusion,"
        "runner,labels,branch,sha,event,cpu_user_s,memory_peak_bytes,exit_code,cache_outcome,needs\n"
        f"github,octo/app,CI,7,2,,,,{T},2026-01-31T12:02:00Z,,failed,,,main,abc,push,,,,,\n"
        f"github,octo/app,CI,7,2,test (3.12),,,{T},2026-01-31T12:01:00Z,12.5,"
        "timed_out,r-1,linux large,,,,,,,,lint build\n"
        f"github,octo/app,CI,7,2,test (3.12),pytest,3,{T},2026-01-31T12:00:30Z,,passed,,,,,,29.5,1048576,0,miss,\n"
    )
    progress = load(store, tmp_path / "a.csv", content)
    assert (progress.runs, progress.jobs, progress.steps, progress.unreadable) == (1, 1, 1, 0)
    (run,) = store.runs()
    assert run.identity == RunIdentity("github", "octo/app", "7", 2)
    assert (run.pipeline, run.result, run.ref, run.event, run.makespan_s) == (
        "CI",
        Result.FAILURE,
        "main",
        "push",
        120.0,
    )
    (job,) = run.jobs
    assert (job.job_id, job.result, job.queue_s, job.worker) == ("test", Result.TIMEOUT, 12.5, "r-1")
    assert (job.runner_labels, job.needs) == (("linux", "large"), ("lint", "build"))
    (step,) = job.steps
    assert (step.path, step.index, step.kind, step.exit_code) == ("#3", 3, StepKind.RUN, 0)
    assert (step.usage.cpu_user_s, step.usage.memory_peak_bytes) == (29.5, 1048576)
    assert step.cache_outcome is CacheOutcome.MISS
    with_agent = RunIdentity("github", "octo/app", "7", 2).trace_id
    assert step_span_id(with_agent, "test (3.12)", "#3") in {row.span_id for row in store.details([with_agent])}


def test_json_lines_say_the_same_as_csv(store: Store, tmp_path: Path) -> None:
    items = [
        {"run_id": 7, "job": "test", "needs": ["a", "b"], "started_unix_ms": 1_769_860_800_000, "duration_ms": 1500},
        {"run_id": "7", "job": "test", "step": "make", "start_ns": 1_769_860_800_000_000_001, "duration_ns": 5},
    ]
    progress = load(store, tmp_path / "a.jsonl", "\n".join(map(json.dumps, items)), "jsonl")
    assert (progress.jobs, progress.steps) == (1, 1)
    (job,) = store.runs()[0].jobs
    assert (job.needs, job.duration_s) == (("a", "b"), 1.5)
    assert job.steps[0].start_ns == 1_769_860_800_000_000_001, "nanoseconds keep all their digits"


@pytest.mark.parametrize(
    ("values", "queued_s", "start_s", "end_s"),
    [
        ({"started_unix_s": 100, "ended_unix_s": 160}, None, 100, 160),
        ({"started_unix_s": "100.5", "duration_ms": 500}, None, 100.5, 101),
        ({"ended_unix_s": 160, "duration_s": 60, "queue_s": 7}, 93, 100, 160),
        ({"queued_unix_s": 90, "queue_s": 10, "duration_s": 60}, 90, 100, 160),
        ({"queued_unix_s": 90, "started_unix_s": 100, "ended_unix_s": 160}, 90, 100, 160),
    ],
)
def test_two_of_start_end_and_duration_are_enough(
    values: dict[str, Any], queued_s: float | None, start_s: float, end_s: float
) -> None:
    read = {name: read_field(name, value) for name, value in values.items()}
    row = row_of({"run_id": "1", "job": "a", **read}, "csv")
    assert (row.start_ns, row.end_ns) == (start_s * 1e9, end_s * 1e9)
    assert row.queued_ns == (None if queued_s is None else queued_s * 1e9)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f"1,test,,{T},-5", "duration_s must be a number of 0 or more, not '-5'"),
        (f"1,test,,{T},nan", "duration_s must be a number, not 'nan'"),
        (f"1,test,,{T},1e300", "duration_s must be a duration under 292 years"),
        ("1,test,,31.01.2026,5", "started_at must be a time such as 2026-01-31T12:00:00Z, not '31.01.2026'"),
        (f",test,,{T},5", "it lacks run_id"),
        (f"1,,make,{T},5", "it has a step, but lacks job"),
        ("1,test,,,5", "it lacks a start"),
        (f"1,test,,{T},", "it lacks an end"),
        ("1,test", "it has 2 cells, the header 5"),
    ],
)
def test_a_line_that_cannot_be_is_told_with_its_place_and_the_others_come(
    store: Store, tmp_path: Path, line: str, reason: str
) -> None:
    path = tmp_path / "a.csv"
    content = f"{HEADER}\n1,a,,{T},5\n{line}\n1,b,,{T},5\n"
    progress = load(store, path, content)
    assert (progress.jobs, progress.unreadable) == (2, 1)
    assert progress.problems[0].startswith(f"{path}:3: {reason}")
    with pytest.raises(InputError, match=r"a\.csv:3: "):
        load(store, path, content, strict=True)


@pytest.mark.parametrize("line", ["{", "[]", "1", '{"run_id": NaN}', '{"run_id": {}}', "[" * 100_000, '"\ud800"'])
def test_a_json_line_that_cannot_be_is_told(store: Store, tmp_path: Path, line: str) -> None:
    good = json.dumps({"run_id": 1, "job": "a", "started_at": T, "duration_s": 1})
    content = f"{good}\n{line}\n{good}\n".encode("utf-8", "surrogatepass")
    progress = load(store, tmp_path / "a.jsonl", content, "jsonl")
    assert (progress.jobs, progress.unreadable) == (2, 1)
    assert progress.problems[0].startswith(f"{tmp_path}/a.jsonl:2: ")


def test_columns_with_foreign_names_are_mapped_and_constants_set(store: Store, tmp_path: Path) -> None:
    content = "Task,Begin,Took,Build,status\nlint,1769860800,3,9,ABORTED\n"
    mapping = parse_mapping(
        ["Task=job", "Begin=started_unix_s", "Took=duration_s", "Build=run_id"],
        ["repository=octo/app", "provider=cirrus"],
    )
    load(store, tmp_path / "a.csv", content, mapping=mapping)
    (run,) = store.runs()
    assert run.identity == RunIdentity("cirrus", "octo/app", "9")
    assert (run.jobs[0].name, run.jobs[0].result) == ("lint", Result.CANCELLATION)


def test_one_column_may_be_two_fields(store: Store, tmp_path: Path) -> None:
    mapping = parse_mapping(["Started=run_id", "Started=started_at"], [])
    load(store, tmp_path / "a.csv", f"Started,duration_s\n{T},5\n", mapping=mapping)
    assert store.runs()[0].identity.run_id == T


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        ("", "it has no header"),
        ("status,conclusion,run_id", "both 'status' and 'conclusion' are result; say which with --map"),
        ("run_id,run_id", "both 'run_id' and 'run_id' are run_id"),
    ],
)
def test_a_header_that_is_unclear_is_refused(store: Store, tmp_path: Path, header: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        load(store, tmp_path / "a.csv", f"{header}\n1,2,3\n")


def test_a_mapping_that_cannot_be_is_refused(store: Store, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no column 'Jobb' .*'Job'"):
        load(store, tmp_path / "a.csv", "Job,run_id\n", mapping=parse_mapping(["Jobb=job"], []))
    for columns, constants in ((["job"], []), (["=job"], []), (["a=jobb"], []), ([], ["job"]), ([], ["attempt=x"])):
        with pytest.raises(UsageError):
            parse_mapping(columns, constants)


def test_a_fields_own_name_wins_over_another_name_for_it(store: Store, tmp_path: Path) -> None:
    load(store, tmp_path / "a.csv", f"run_id,result,status,started_at,duration_s\n1,failure,completed,{T},5\n")
    assert store.runs()[0].result is Result.FAILURE


def test_gzip_is_unpacked_and_damaged_gzip_told(store: Store, tmp_path: Path) -> None:
    content = f"{HEADER}\n" + "".join(f"{number},a,,{T},5\n" for number in range(12_000))
    packed = gzip.compress(content.encode())
    assert load(store, tmp_path / "a.csv.gz", packed).jobs == 12_000
    with pytest.raises(InputError, match="damaged gzip"):
        load(store, tmp_path / "b.csv.gz", packed[: len(packed) // 2])
    with pytest.raises(InputError, match="damaged gzip"):
        load(store, tmp_path / "c.csv.gz", packed[:-3] + b"xyz")


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_garbage_changes_nothing_and_breaks_nothing(store: Store, tmp_path: Path, form: str) -> None:
    for content in (b"", b"\x00" * 1000, os.urandom(20_000), b"\xff\xfe" * 500, b"a" * 3_000_000, b'"' * 400_001):
        try:
            progress = load(store, tmp_path / f"a.{form}", content, form)
        except InputError:
            continue
        assert progress.jobs == progress.runs == progress.steps == 0
    assert store.runs() == []


def test_text_that_is_no_utf8_is_told_not_changed(store: Store, tmp_path: Path) -> None:
    progress = load(store, tmp_path / "a.csv", f"{HEADER}\n1,caf".encode() + b"\xe9" + f",,{T},5\n".encode())
    assert progress.problems == [f"{tmp_path}/a.csv:2: job is not UTF-8"]


def test_a_byte_order_mark_and_windows_line_ends_are_no_part_of_the_data(store: Store, tmp_path: Path) -> None:
    assert load(store, tmp_path / "a.csv", f"\ufeff{HEADER}\r\n1,a,,{T},5\r\n").jobs == 1


def test_a_file_read_twice_is_there_once(store: Store, tmp_path: Path) -> None:
    for _ in range(2):
        load(store, tmp_path / "a.csv", f"{HEADER}\n1,a,,{T},5\n1,a,make,{T},4\n")
    (run,) = store.runs()
    assert len(run.jobs) == 1
    assert len(run.jobs[0].steps) == 1


def test_every_alias_is_of_a_field_and_no_field() -> None:
    assert set(ALIASES.values()) <= set(FIELDS)
    assert not set(ALIASES) & set(FIELDS)


@given(
    st.dictionaries(
        st.sampled_from(sorted(FIELDS)), st.none() | st.booleans() | st.integers() | st.floats() | st.text(), max_size=8
    )
)
def test_whatever_a_line_says_becomes_a_row_that_can_be_stored_or_is_refused(given_values: dict[str, Any]) -> None:
    try:
        values = {name: read_field(name, value) for name, value in given_values.items()}
        known = {name: value for name, value in values.items() if value is not None}
        row = row_of({"run_id": "1", "started_unix_s": 10**18, "duration_s": 10**9, **known}, "jsonl")
    except FieldError:
        return
    assert span_batch([row], 0).num_rows == 1


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    class Drain:
        def append(self, *, spans: object) -> None:
            pass

    peaks = []
    for lines in (6_000, 24_000):
        path = tmp_path / f"{lines}.csv"
        with path.open("w") as file:
            file.write(f"{HEADER}\n")
            file.writelines(f"{number // 10},job {number % 10},,{T},5\n" for number in range(lines))
        tracemalloc.start()
        import_lines(str(path), "csv", cast(Store, Drain()), Progress(), mapping=FieldMapping())
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0], f"bytes: {peaks}"


@pytest.mark.skipif(not HISTORIES.is_dir(), reason="the shared data is not here (MAKESPAN_SHARED_DATA)")
@pytest.mark.parametrize(
    ("file", "columns", "jobs"),
    [
        (
            "bitcoin_core_tasks.csv.gz",
            ["name=job", "created=queued_unix_s", "executing=started_unix_s", "finished=ended_unix_s"],
            17_002,
        ),
        ("linkerd_jobs.csv.gz", ["Started=run_id", "Started=started_at", "Completed=ended_at"], 9_224),
    ],
)
def test_histories_of_others_come_in_by_mapping_their_columns(
    store: Store, file: str, columns: list[str], jobs: int
) -> None:
    progress = Progress()
    mapping = parse_mapping(columns, ["repository=some/one"], ["COMPLETED=success"])
    import_lines(str(HISTORIES / file), "csv", store, progress, mapping=mapping)
    assert progress.jobs + progress.unreadable == jobs
    assert progress.unreadable < jobs / 50, progress.problems[:5]
