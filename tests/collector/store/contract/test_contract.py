"""What every store does, whatever holds the data."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from makespan_collector.otlp.traces import decode_traces
from makespan_collector.store.contract import PipelineSummary, ReadsManySamples, Store
from makespan_collector.store.rows import SampleRow, SpanKind, SpanRow
from makespan_collector.store.schema import SAMPLES, SPANS, unnumbered_batch
from makespan_model.errors import UnavailableError
from makespan_model.executable_usage import render_executables
from makespan_model.records import CacheOutcome, ExecutableUsage, MemoryPeakSource, Result, RunState, Sample
from support.span_rows import EPOCH, SECOND, run_rows

TRACE, SPAN = "a1" * 16, "b2" * 8
ONE_JOB = {"test": [("pytest", 1, 5)]}
UGLY = "a 'b' \"c\" \\d\\ ,e=f;-- ü\N{SNOWMAN} {g}"
LINES = "first\nsecond\r\nthird\0\t"


def _ids(store: Store, **filters: object) -> list[str]:
    return [run.identity.run_id for run in store.runs(**filters)]  # type: ignore[arg-type]


def _later(seconds: int) -> int:
    return EPOCH + seconds * SECOND


def test_a_run_comes_back_as_the_tree_that_was_written(store: Store) -> None:
    needs = {"test": ("lint",)}
    store.append(
        spans=run_rows("1", {"lint": [("ruff", 0, 2)], "test": [("install", 2, 3), ("pytest", 3, 9)]}, needs=needs)
    )

    (run,) = store.runs()

    assert (run.pipeline, run.makespan_s, run.result) == ("ci", 9.0, Result.SUCCESS)
    assert [(job.name, job.needs, [step.name for step in job.steps]) for job in run.jobs] == [
        ("lint", None, ["ruff"]),
        ("test", ("lint",), ["install", "pytest"]),
    ]
    assert run.jobs[1].steps[1].usage.cpu_s == 6.0
    assert (run.start_ns, run.jobs[1].steps[1].end_ns) == (EPOCH, _later(9))


def test_columns_are_kept_as_rows_are(store: Store) -> None:
    rows = run_rows("1", {"test": [(f"step {number}", number, number + 1) for number in range(50)]})
    store.append(spans=unnumbered_batch(SPANS, rows))
    (from_columns,) = store.runs()

    store.append(spans=rows)

    assert store.runs() == [from_columns]


def test_everything_measured_of_a_step_comes_back(store: Store) -> None:
    (step_row,) = [row for row in run_rows("1", ONE_JOB) if row.kind is SpanKind.STEP]
    executables = render_executables([ExecutableUsage("cc", 1.5, 2048, 3)])
    told = replace(
        step_row,
        memory_peak_bytes=2**40,
        memory_peak_source=MemoryPeakSource.CGROUP,
        cpu_pressure_s=0.25,
        host_cpus=8,
        executables=executables,
        cache_outcome=CacheOutcome.PARTIAL,
        runner_labels=("self-hosted", "big one"),
        exit_code=137,
        event="push",
        actor="ann",
        change="12",
    )
    store.append(spans=[told])

    (run,) = store.runs()

    (step,) = run.jobs[0].steps
    assert (step.usage.memory_peak_bytes, step.usage.memory_peak_source) == (2**40, MemoryPeakSource.CGROUP)
    assert (step.usage.cpu_pressure_s, step.usage.host_cpus, step.exit_code) == (0.25, 8, 137)
    assert step.usage.executables == (ExecutableUsage("cc", 1.5, 2048, 3),)
    assert step.cache_outcome is CacheOutcome.PARTIAL
    assert run.jobs[0].runner_labels == ("self-hosted", "big one")
    assert (run.event, run.actor, run.change) == ("push", "ann", "12")


@pytest.mark.parametrize("name", [UGLY, LINES, "-", " ", "\\", "x" * 70_000], ids=range(6))
def test_names_come_back_exactly_however_ugly(store: Store, name: str) -> None:
    store.append(spans=run_rows("1", {name: [(name, 0, 1)]}, pipeline=name, repository=name))
    store.append(spans=run_rows("2", ONE_JOB))

    (run,) = store.runs(pipeline=name, repository=name)

    assert (run.pipeline, run.identity.repository) == (name, name)
    assert (run.jobs[0].name, run.jobs[0].steps[0].name, run.jobs[0].steps[0].path) == (name, name, name)


def test_what_does_not_know_its_pipeline_is_part_of_the_run_that_does(store: Store) -> None:
    run, job, step = (
        next(row for row in run_rows("1", ONE_JOB) if row.kind is kind)
        for kind in (SpanKind.RUN, SpanKind.JOB, SpanKind.STEP)
    )
    store.append(spans=[run, replace(job, pipeline=None), replace(step, pipeline=None)])

    (found,) = store.runs(pipeline="ci")

    assert [step.name for step in found.jobs[0].steps] == ["pytest"]


def test_a_job_that_runs_does_not_go_back_into_the_queue_by_an_event_that_comes_late(store: Store) -> None:
    job = next(row for row in run_rows("1", ONE_JOB) if row.kind is SpanKind.JOB)
    running = replace(job, source="github-webhook", state=RunState.EXECUTING, name="started")
    late = replace(running, state=RunState.PENDING, name="waits")
    for row in (running, late):
        store.append(spans=[row])

    (found,) = store.runs()[0].jobs

    assert (found.state, found.name) == (RunState.EXECUTING, "test")
    assert [row.name for row in store.details([job.trace_id])] == ["started"]


@pytest.mark.parametrize(
    "attack", ["ci' OR '1'='1", 'ci" OR "1"="1', "ci'; DROP DATABASE makespan; --", "ci\\' OR time > 0 --", "ci\n"]
)
def test_a_filter_is_a_value_and_nothing_else(store: Store, attack: str) -> None:
    store.append(spans=run_rows("1", ONE_JOB))

    assert _ids(store, pipeline=attack) == []
    assert _ids(store, repository=attack) == []
    assert _ids(store, run_ids=[attack]) == []
    assert store.samples(attack, attack) == []
    assert store.tests([attack]) == []
    assert _ids(store) == ["1"]


def test_runs_are_filtered_and_the_newest_are_kept_oldest_first(store: Store) -> None:
    for number in range(6):
        pipeline = "release" if number == 5 else "ci"
        store.append(spans=run_rows(str(number), ONE_JOB, start_ns=_later(100 * number), pipeline=pipeline))

    assert _ids(store) == ["0", "1", "2", "3", "4", "5"]
    assert _ids(store, limit=2) == ["4", "5"]
    assert _ids(store, pipeline="ci", limit=2) == ["3", "4"]
    assert _ids(store, run_ids=["1", "3", "gone"]) == ["1", "3"]
    assert _ids(store, run_ids=[]) == []
    assert _ids(store, since_ns=_later(200), until_ns=_later(400)) == ["2", "3"]
    assert _ids(store, repository="other") == []


def test_the_newest_of_many_runs_are_found_whatever_their_size(store: Store) -> None:
    jobs = {"test": [(f"step {number}", 0, 1) for number in range(300)]}
    for number in range(4):
        store.append(spans=run_rows(str(number), jobs, start_ns=_later(number)))
    for number in range(4, 8):
        store.append(spans=run_rows(str(number), ONE_JOB, start_ns=_later(number)))

    assert _ids(store, limit=5) == ["3", "4", "5", "6", "7"]
    assert [len(run.jobs[0].steps) for run in store.runs(limit=5)] == [300, 1, 1, 1, 1]


def test_pipelines_are_summed_up(store: Store) -> None:
    store.append(spans=run_rows("1", ONE_JOB) + run_rows("2", ONE_JOB, start_ns=_later(60)))
    store.append(spans=run_rows("3", ONE_JOB, pipeline="release"))

    assert store.pipelines() == [
        PipelineSummary("octo/app", "ci", 2, EPOCH, _later(60)),
        PipelineSummary("octo/app", "release", 1, EPOCH, EPOCH),
    ]


def test_an_empty_store_answers_with_nothing(store: Store) -> None:
    assert store.runs() == []
    assert store.runs(limit=3) == []
    assert store.pipelines() == []
    assert store.samples(TRACE, SPAN) == []
    assert store.tests([TRACE]) == []
    assert store.file_accesses(TRACE, SPAN) is None
    assert store.details([TRACE]) == []


def test_a_span_sent_twice_is_one_span(store: Store) -> None:
    rows = run_rows("1", ONE_JOB)
    store.append(spans=rows)
    store.append(spans=rows)
    store.append(spans=[replace(row, result=Result.FAILURE) for row in rows])

    (run,) = store.runs()

    assert [step.result for step in run.jobs[0].steps] == [Result.FAILURE]
    assert store.pipelines()[0].runs == 1


def test_a_later_row_takes_away_nothing_and_an_ended_one_outranks_a_running_one(store: Store) -> None:
    job = next(row for row in run_rows("1", ONE_JOB) if row.kind is SpanKind.JOB)
    told = replace(job, source="github-api", start_ns=EPOCH, end_ns=_later(6), runner_labels=("ubuntu",))
    running = replace(
        told, source="github-webhook", state=RunState.EXECUTING, end_ns=_later(1), worker="r1", runner_labels=None
    )
    for row in (told, running, job):
        store.append(spans=[row])

    (found,) = store.runs()[0].jobs

    assert (found.start_ns, found.end_ns, found.state) == (EPOCH, _later(6), None)
    assert (found.runner_labels, found.worker) == (("ubuntu",), "r1")


def test_two_runs_that_start_at_one_instant_are_two(store: Store) -> None:
    for number in range(20):
        store.append(spans=run_rows(str(number), ONE_JOB))

    assert len(store.runs()) == 20
    assert all(len(run.jobs[0].steps) == 1 for run in store.runs())


def _reading(time_ns: int, **values: float) -> SampleRow:
    return SampleRow(trace_id=TRACE, span_id=SPAN, time_ns=time_ns, **values)  # type: ignore[arg-type]


def test_readings_come_back_in_time_order_and_parts_of_one_complete_each_other(store: Store) -> None:
    store.append(samples=[_reading(_later(2), cpu_cores=1.5, memory_bytes=10, processes=2)])
    store.append(samples=[_reading(_later(1), cpu_cores=0.5)])
    store.append(samples=unnumbered_batch(SAMPLES, [_reading(_later(1), memory_bytes=7, processes=1, host_load=0.25)]))
    store.append(samples=[_reading(_later(3), cpu_cores=1.0)])

    found = store.samples(TRACE, SPAN)

    assert found == [
        Sample(_later(1), 0.5, 7, 1, host_load=0.25),
        Sample(_later(2), 1.5, 10, 2),
    ]
    assert store.samples(TRACE, "c3" * 8) == []


def _below_step(kind: SpanKind, number: int, raw: Span) -> SpanRow:
    return SpanRow(
        trace_id=TRACE,
        span_id=f"{number:016x}",
        parent_span_id=SPAN,
        kind=kind,
        name=raw.name,
        start_ns=EPOCH,
        end_ns=_later(1),
        raw=raw.SerializeToString(),
    )


def _test_span(name: str) -> Span:
    span = Span(name=name)
    for key, value in (("test.case.name", name), ("makespan.test.outcome", "passed"), ("test.suite.name", "s")):
        span.attributes.add(key=key).value.string_value = value
    return span


def test_tests_and_other_details_of_a_trace_come_back_whole(store: Store) -> None:
    long = Span(name="long", trace_state="x" * 200_000)
    store.append(
        spans=[
            _below_step(SpanKind.TEST, 1, _test_span("test_b")),
            _below_step(SpanKind.TEST, 2, _test_span("test_a")),
            _below_step(SpanKind.DETAIL, 3, long),
        ]
    )

    assert [test.name for test in store.tests([TRACE], step_span_id=SPAN)] == ["test_a", "test_b"]
    assert store.tests([TRACE], step_span_id="c3" * 8) == []
    details = {row.kind: row for row in store.details([TRACE])}
    assert Span.FromString(details[SpanKind.DETAIL].raw or b"") == long


def test_a_shorter_raw_part_takes_the_place_of_a_longer_one(store: Store) -> None:
    for length in (150_000, 10, 60_000):
        last = Span(name="detail", trace_state="x" * length)
        store.append(spans=[_below_step(SpanKind.DETAIL, 3, last)])

    (row,) = store.details([TRACE])

    assert Span.FromString(row.raw or b"") == last


def test_quantiles_of_samples_are_those_of_all_runs_of_a_step_however_they_were_sent(store: Store) -> None:
    values = {number: [number * 10 + place * 0.37 for place in range(30)] for number in range(3)}
    for number, cores in values.items():
        rows = run_rows(str(number), {"test": [("install", 0, 2), ("pytest", 2, 90)]}, start_ns=_later(1000 * number))
        step = next(row for row in rows if row.name == "pytest")
        readings = [
            SampleRow(
                trace_id=step.trace_id,
                span_id=step.span_id,
                time_ns=step.start_ns + place * SECOND,
                cpu_cores=value,
                memory_bytes=0,
            )
            for place, value in enumerate(cores)
        ]
        store.append(spans=rows, samples=readings[:20])
        store.append(samples=readings[20:])
        store.append(samples=readings[20:])  # Its answer was lost.
        store.append(samples=readings[15:])  # Sent again in other parts.

    def asked(**filters: int) -> list[dict[str, object]]:
        return store.sample_quantiles(pipeline="ci", quantiles=(0, 0.5, 0.9, 1), **filters).to_pylist()  # type: ignore[no-any-return, arg-type]

    (found,) = asked()
    expected = np.quantile([value for cores in values.values() for value in cores], (0, 0.5, 0.9, 1))
    assert found["cpu_cores"] == pytest.approx(expected.tolist(), rel=0.005)
    assert found["memory_bytes"] == [0, 0, 0, 0]
    assert (found["job_id"], found["step"], found["step_runs"]) == ("test", "pytest", 3)
    assert store.sample_quantiles(pipeline="other").num_rows == 0
    (newest,) = asked(since_ns=_later(1500))
    assert newest["cpu_cores"] == pytest.approx(np.quantile(values[2], (0, 0.5, 0.9, 1)).tolist(), rel=0.005)
    with pytest.raises(ValueError, match="between 0 and 1"):
        store.sample_quantiles(quantiles=[2])


def test_readings_of_many_traces_are_read_at_once(store: Store) -> None:
    rows = [
        SampleRow(trace_id=f"{number:032x}", span_id=SPAN, time_ns=EPOCH, cpu_cores=number, memory_bytes=1, processes=1)
        for number in range(1, 251)
    ]
    store.append(samples=rows)
    assert isinstance(store, ReadsManySamples)

    found = store.samples_of([row.trace_id for row in rows[:230]] + ["gone"])

    assert found == {(row.trace_id, SPAN): [Sample(EPOCH, row.cpu_cores or 0, 1, 1)] for row in rows[:230]}
    assert store.samples_of([]) == {}


def test_thousands_of_details_that_start_at_one_instant_are_all_kept(store: Store) -> None:
    rows = [_below_step(SpanKind.TEST, number, _test_span(f"test {number}")) for number in range(1, 5_001)]
    store.append(spans=rows)

    assert len(store.tests([TRACE])) == 5_000


def test_ids_with_characters_that_no_query_can_hold_are_looked_for_like_others(store: Store) -> None:
    store.append(spans=run_rows("a\0b", ONE_JOB))

    assert _ids(store, run_ids=["a\0b", "a b"]) == ["a\0b"]
    assert store.details(["a\0b"]) == []
    assert store.samples(TRACE, "\0") == []


def test_two_readings_within_a_millisecond_are_two(store: Store) -> None:
    for ns in (0, 10, 999_999):
        store.append(samples=[_reading(EPOCH + ns, cpu_cores=1.0, memory_bytes=1, processes=1)])

    assert len(store.samples(TRACE, SPAN)) == 3


def test_series_have_a_row_for_each_run_job_and_step(store: Store) -> None:
    for number in range(3):
        store.append(
            spans=run_rows(str(number), {"test": [("install", 0, 2), ("pytest", 2, 9)]}, start_ns=_later(10 * number))
        )

    assert store.run_series(pipeline="ci")["run_id"].to_pylist() == ["0", "1", "2"]
    assert store.job_series(repository="octo/app").num_rows == 3
    steps = store.step_series(since_ns=_later(10))
    assert sorted(steps["duration_s"].to_pylist()) == [2.0, 2.0, 7.0, 7.0]


def test_many_writers_at_once_lose_nothing(store: Store) -> None:
    def write(writer: int) -> None:
        for number in range(5):
            store.append(spans=run_rows(f"{writer}-{number}", ONE_JOB, start_ns=_later(writer * 100 + number)))

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(store.runs()) == 20


def test_a_closed_store_keeps_nothing_and_says_so(store: Store) -> None:
    store.close()
    store.close()

    with pytest.raises(UnavailableError, match="closed"):
        store.append(spans=run_rows("1", ONE_JOB))


def test_what_was_decoded_from_a_request_is_a_run(store: Store) -> None:
    from support.span_rows import step_request

    store.append(spans=decode_traces(step_request()).rows)

    assert [step.name for run in store.runs() for job in run.jobs for step in job.steps] == ["pytest"]
