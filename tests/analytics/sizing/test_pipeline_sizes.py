from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan_analytics.sizing.pipeline_sizes import PipelineSizes, Verdict, size_pipeline
from makespan_model.records import ExecutableUsage, PipelineRun, Result, Usage
from support.pipeline_runs import job, messy_runs, run, step

MIB = 1024 * 1024


def history(runs: int, **usage: object) -> list[PipelineRun]:
    """Runs of one step of 100 to 103 MiB and half a core for 60 s."""
    found = []
    for number in range(runs):
        values = {"cpu_user_s": 30.0, "memory_peak_bytes": (100 + number % 4) * MIB, **usage}
        found.append(run(job("test", 0, 60, replace(step("pytest", 0, 60), usage=Usage(**values))), run_id=str(number)))  # type: ignore[arg-type]
    return found


def verdict(sizes: PipelineSizes) -> Verdict:
    return sizes.steps[0].verdict


def test_what_is_offered_is_compared_with_what_is_needed() -> None:
    assert verdict(size_pipeline(history(20, memory_limit_bytes=1024 * MIB, host_cpus=4))) is Verdict.SHRINK
    assert verdict(size_pipeline(history(20, memory_limit_bytes=150 * MIB, host_cpus=4))) is Verdict.KEEP
    assert verdict(size_pipeline(history(20, memory_limit_bytes=104 * MIB, host_cpus=4))) is Verdict.GROW
    assert verdict(size_pipeline(history(20))) is Verdict.UNKNOWN
    assert verdict(size_pipeline(history(2, memory_limit_bytes=1024 * MIB))) is Verdict.UNKNOWN


def test_a_step_held_back_by_its_quota_should_grow() -> None:
    sizes = size_pipeline(history(20, throttled_s=20.0, cpu_limit_cores=0.5, memory_limit_bytes=150 * MIB))
    assert verdict(sizes) is Verdict.GROW
    assert sizes.steps[0].evidence.throttled_runs == 20
    assert sizes.steps[0].evidence.throttled_ratio == pytest.approx(0.4)
    assert sizes.steps[0].cpu is not None
    assert sizes.steps[0].cpu.saturated


def test_kills_limits_and_waiting_are_counted() -> None:
    runs = history(4) + history(1, oom_kills=2) + history(1, memory_max_events=9, memory_pressure_s=6.0)
    dead = replace(runs[0].jobs[0].steps[0], exit_code=137, result=Result.FAILURE)
    runs.append(run(job("test", 0, 60, dead), run_id="dead"))
    evidence = size_pipeline(runs).jobs[0].evidence
    assert (evidence.runs, evidence.oom_runs, evidence.killed_runs, evidence.at_limit_runs) == (7, 1, 1, 1)
    assert evidence.memory_pressure_runs == 1
    assert evidence.run_ids == ("0", "dead")
    assert evidence.throttled_ratio is None


def test_a_jvm_is_seen_by_its_process() -> None:
    assert size_pipeline(history(6, executables=(ExecutableUsage("java", 3.0),))).steps[0].uses_jvm
    assert not size_pipeline(history(6)).steps[0].uses_jvm


def test_without_runs_there_is_nothing_to_size() -> None:
    with pytest.raises(ValueError, match="at least one run"):
        size_pipeline([])


@settings(max_examples=60)
@given(st.lists(messy_runs(), min_size=1, max_size=8))
def test_any_history_is_sized_without_an_error(runs: list[PipelineRun]) -> None:
    sizes = size_pipeline(runs)
    assert all(size.runs >= 0 and size.step_path is None for size in sizes.jobs)
