"""The simulator on real histories, as the benchmark judges it."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from statistics import median
from types import ModuleType

import pytest

from support.recorded_histories import histories

ROOT = Path(__file__).parents[3]
RECORDED = Path(os.environ.get("MAKESPAN_SHARED_DATA", "/nonexistent")) / "histories"

needs_histories = pytest.mark.skipif(
    not RECORDED.is_dir(), reason="no recorded histories; MAKESPAN_SHARED_DATA names the directory above theirs"
)


@pytest.fixture(scope="module")
def benchmark_module() -> ModuleType:
    path = ROOT / "benchmarks" / "simulation.py"
    spec = importlib.util.spec_from_file_location("simulation_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@needs_histories
def test_the_makespans_to_come_are_predicted_within_a_tenth_and_better_than_by_looking_back(
    benchmark_module: ModuleType,
) -> None:
    judged = [
        one
        for history in histories(RECORDED)
        for cut in benchmark_module.CUTS
        if (one := benchmark_module.judge(history, cut, 200, 500)) is not None
    ]
    assert len(judged) > 40
    error = median(one.error for one in judged)
    assert error <= 0.1
    assert error < median(one.error_last for one in judged)
    assert error < median(one.error_median for one in judged)
    assert 0.75 < median(one.within for one in judged) < 0.97
