"""The advice on real usage traces beside the published rules, as the benchmark scores them."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]
TRACES = Path(os.environ.get("MAKESPAN_SHARED_DATA", ROOT.parent / "shared" / "data")) / "usage"

pytestmark = pytest.mark.skipif(
    not TRACES.is_dir(), reason="no usage traces; MAKESPAN_SHARED_DATA names their directory"
)


@pytest.fixture(scope="module")
def benchmark_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sizing_benchmark", ROOT / "benchmarks" / "sizing.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("every", [5, 20])
@pytest.mark.parametrize("corpus", ["sock_shop_memory", "workflow_tasks"])
def test_a_quarter_less_memory_is_wasted_than_by_the_vpa_rule_with_no_more_kills(
    benchmark_module: ModuleType, corpus: str, every: int
) -> None:
    groups = getattr(benchmark_module, corpus)(TRACES)
    scores = benchmark_module.summary(
        {
            rule: {
                name: benchmark_module.judge_memory(benchmark_module.MEMORY_RULES[rule], runs, every)
                for name, runs in groups.items()
            }
            for rule in ("makespan", "vpa")
        }
    )
    assert scores["makespan"]["wasted_over_vpa"] <= 0.755
    assert scores["makespan"]["failed_ratio"] <= scores["vpa"]["failed_ratio"]
