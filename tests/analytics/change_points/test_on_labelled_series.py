"""The detector on labelled series and on series without changes, as the benchmark scores it."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]
LABELLED = Path(os.environ.get("MAKESPAN_SHARED_DATA", ROOT.parent / "shared" / "data")) / "changepoint"

needs_labels = pytest.mark.skipif(
    not LABELLED.is_dir(), reason="no labelled series; MAKESPAN_SHARED_DATA names the directory above theirs"
)


@pytest.fixture(scope="module")
def benchmark_module() -> ModuleType:
    path = ROOT / "benchmarks" / "change_points.py"
    spec = importlib.util.spec_from_file_location("change_points_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@needs_labels
@pytest.mark.parametrize(
    ("corpus", "f1", "covering", "recall"), [("tcpd", 0.75, 0.72, 0.45), ("sap_hana_annotated", 0.82, 0.76, 0.7)]
)
def test_points_are_those_that_people_mark(
    benchmark_module: ModuleType, corpus: str, f1: float, covering: float, recall: float
) -> None:
    series = benchmark_module.read_corpus(LABELLED / corpus)
    scores = benchmark_module.scores(series, benchmark_module.ours([one.values for one in series]))

    assert scores["f1"] >= f1
    assert scores["covering"] >= covering
    assert scores["alarm_precision"] >= 0.8
    assert scores["alarm_recall"] >= recall


@needs_labels
def test_stretches_that_nobody_marked_have_no_points_in_another_order(benchmark_module: ModuleType) -> None:
    _, stable = benchmark_module.labelled(LABELLED.parent, None)
    rates = benchmark_module.false_alarms(stable, None)

    assert rates
    assert all(rate["makespan"] <= 0.2 for rate in rates.values())


def test_at_most_one_point_in_a_thousand_is_false_whatever_the_law(benchmark_module: ModuleType) -> None:
    rates = benchmark_module.false_alarms(benchmark_module.null_series(), None)

    assert {law: rate for law, rate in rates.items() if rate["makespan"] > 1.0} == {}


def test_the_scores_are_those_of_the_published_benchmark(benchmark_module: ModuleType) -> None:
    """Worked out by hand: annotators mark {50} and nothing in 100 points; {52} is found."""
    marks = {"a": (50,), "b": ()}
    series = benchmark_module.Labelled("two annotators", benchmark_module.np.zeros(100), marks)

    assert benchmark_module.f1(series, [52]) == pytest.approx(1.0)
    assert benchmark_module.f1(series, [70]) == pytest.approx(2 * 0.5 * 0.75 / (0.5 + 0.75))
    # a: 50 of 52 and 48 of 50, b: the longer of 52 and 48 of 100.
    assert benchmark_module.covering(series, [52]) == pytest.approx((0.5 * 50 / 52 + 0.5 * 48 / 50 + 0.52) / 2)
