from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from makespan_analytics.sizing.observations import observations
from makespan_model.records import JobRun, PipelineRun, Result, Sample, StepRun, Usage
from support.pipeline_runs import EPOCH, SECOND, job, run, step

MIB = 1024 * 1024


def using(
    name: str, start_s: float, end_s: float, mib: int | None, cpu_s: float | None = None, **usage: int | float
) -> StepRun:
    peak = None if mib is None else mib * MIB
    return replace(step(name, start_s, end_s), usage=Usage(cpu_user_s=cpu_s, memory_peak_bytes=peak, **usage))  # type: ignore[arg-type]


def sample(second: float, cores: float) -> Sample:
    return Sample(EPOCH + round(second * SECOND), cores, 1, 1)


def peak_of(*steps: StepRun) -> float | None:
    return observations([run(job("test", 0, 100, *steps))]).of_jobs["test"][0].peak_bytes


def test_steps_one_after_another_need_the_largest_and_side_by_side_the_sum() -> None:
    assert peak_of(using("a", 0, 10, 100), using("b", 10, 20, 300)) == 300 * MIB
    assert peak_of(using("a", 0, 10, 100), using("b", 5, 20, 300)) == 400 * MIB
    assert peak_of(using("a", 0, 30, 100), using("b", 5, 10, 300), using("c", 12, 20, 350)) == 450 * MIB


def test_a_wrapped_command_inside_a_wrapped_step_is_counted_once() -> None:
    inner = replace(using("pytest", 2, 8, 300, 6.0), path=f"pytest@{EPOCH + 2 * SECOND}")
    outer = using("script", 0, 10, 320, 7.0)
    found = observations([run(job("test", 0, 10, outer, inner))]).of_jobs["test"][0]
    assert found.peak_bytes == 320 * MIB
    assert found.demand is not None
    assert found.demand.cores.max() == pytest.approx(0.7)


def test_failed_and_skipped_runs_do_not_count_and_killed_ones_do() -> None:
    steps = [
        replace(using("a", 0, 10, 100), result=Result.FAILURE),
        replace(using("b", 0, 10, 100), result=Result.CANCELLATION),
        replace(using("c", 0, 0, None), result=Result.SKIP),
        replace(using("d", 0, 10, 100, oom_kills=1, memory_limit_bytes=1000 * MIB), result=Result.ERROR),
    ]
    found = observations([run(job("test", 0, 10, *steps))]).of_steps
    assert set(found) == {("test", "d")}
    assert found["test", "d"][0].peak_bytes == 1200 * MIB


def test_a_killed_run_of_a_small_container_needs_a_hundred_mebibytes_more() -> None:
    killed = replace(using("d", 0, 10, 60, oom_kills=1, memory_limit_bytes=64 * MIB), result=Result.ERROR)
    assert peak_of(killed) == 164 * MIB


def test_a_curve_from_samples_is_scaled_to_the_exact_total() -> None:
    def samples_of(_run: PipelineRun, _job: JobRun, _step: StepRun) -> list[Sample]:
        return [sample(1, 1.0), sample(2, 3.0)]

    found = observations([run(job("test", 0, 2, using("a", 0, 2, 1, cpu_s=8.0)))], samples_of).of_steps
    demand = found["test", "a"][0].demand
    assert demand is not None
    assert demand.sampled
    np.testing.assert_allclose(demand.cores, [2.0, 6.0])
    np.testing.assert_allclose(demand.seconds, [1.0, 1.0])
    limited = using("a", 0, 2, 1, cpu_s=8.0, host_cpus=4)
    demand = observations([run(job("test", 0, 2, limited))], samples_of).of_steps["test", "a"][0].demand
    assert demand is not None
    assert demand.cores.max() == 4.0


def test_demands_of_steps_side_by_side_are_added_and_gaps_left_out() -> None:
    first, second = using("a", 0, 10, 1, cpu_s=10.0), using("b", 5, 15, 1, cpu_s=20.0)
    late = using("c", 50, 60, 1, cpu_s=5.0)
    demand = observations([run(job("test", 0, 60, first, second, late))]).of_jobs["test"][0].demand
    assert demand is not None
    assert not demand.sampled
    np.testing.assert_allclose(demand.cores, [1.0, 3.0, 2.0, 0.5])
    np.testing.assert_allclose(demand.seconds, [5.0, 5.0, 5.0, 10.0])


def test_unmeasured_steps_and_steps_of_no_length_are_no_demand() -> None:
    runs = [run(job("test", 0, 10, using("a", 0, 10, None), using("b", 3, 3, 5, cpu_s=0.0)))]
    found = observations(runs).of_jobs["test"][0]
    assert found.demand is None
    assert found.peak_bytes == 5 * MIB
    assert observations(runs).of_steps["test", "a"][0].peak_bytes is None


def test_samples_from_before_the_step_are_passed_over() -> None:
    found = observations([run(job("test", 0, 9, using("a", 5, 9, 1, cpu_s=4.0)))], lambda *_: [sample(1, 9.0)]).of_steps
    demand = found["test", "a"][0].demand
    assert demand is not None
    np.testing.assert_allclose(demand.cores, [1.0])
