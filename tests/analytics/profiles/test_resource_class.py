from __future__ import annotations

from dataclasses import replace

import pytest

from makespan_analytics.profiles.resource_class import FEWEST_SAMPLES, ResourceClass, ResourceUse, time_shape
from makespan_model.records import Sample
from support.pipeline_runs import EPOCH, SECOND

UNKNOWN = ResourceUse(None, None, None, None, None, None, None, 0)


@pytest.mark.parametrize(
    ("use", "kind"),
    [
        (replace(UNKNOWN, cores=3.2, parallel_efficiency=0.8), ResourceClass.CPU),
        (replace(UNKNOWN, cores=1.0, parallel_efficiency=0.25), ResourceClass.ONE_CORE),
        (replace(UNKNOWN, cores=0.98, parallel_efficiency=0.98), ResourceClass.CPU),
        (replace(UNKNOWN, cores=0.3, io_pressure_ratio=0.4), ResourceClass.IO),
        (replace(UNKNOWN, cores=0.3, io_bytes_per_s=50e6), ResourceClass.IO),
        (replace(UNKNOWN, cores=0.05, io_pressure_ratio=0.0, io_bytes_per_s=50e6), ResourceClass.WAITING),
        (replace(UNKNOWN, cores=0.05), ResourceClass.WAITING),
        (replace(UNKNOWN, cores=0.4), ResourceClass.MIXED),
        (replace(UNKNOWN, cores=3.9, parallel_efficiency=0.97, memory_pressure_ratio=0.2), ResourceClass.MEMORY),
        (replace(UNKNOWN, cores=0.9, memory_ratio=0.97), ResourceClass.MEMORY),
        (replace(UNKNOWN, cores=0.9, memory_ratio=0.97, memory_pressure_ratio=0.0), ResourceClass.ONE_CORE),
        (replace(UNKNOWN, cores=0.4, oom_runs=1), ResourceClass.MEMORY),
        (replace(UNKNOWN, io_pressure_ratio=0.9), None),
    ],
)
def test_the_class_is_what_more_of_would_shorten_the_step(use: ResourceUse, kind: ResourceClass | None) -> None:
    assert use.kind is kind


def _sample(second: float, cores: float, memory: int) -> Sample:
    return Sample(EPOCH + round(second * SECOND), cores, memory, 1)


def test_the_shape_weighs_readings_by_the_time_they_stand_for() -> None:
    samples = [
        _sample(1, 0.0, 100),
        _sample(2, 1.0, 200),
        _sample(4, 3.0, 400),
        _sample(8, 2.0, 300),
        _sample(10, 0.05, 200),
    ]
    found = time_shape(EPOCH, samples)
    assert found is not None
    assert (found.idle_ratio, found.one_core_ratio, found.parallel_ratio) == pytest.approx((0.3, 0.1, 0.6))
    assert found.memory_growth_ratio == 0.5


def test_few_readings_have_no_shape() -> None:
    assert time_shape(EPOCH, [_sample(one + 1, 1, 1) for one in range(FEWEST_SAMPLES - 1)]) is None
    # A reading from before the step tells nothing of it.
    assert time_shape(EPOCH + 60 * SECOND, [_sample(one + 1, 1, 1) for one in range(20)]) is None
