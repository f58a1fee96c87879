from __future__ import annotations

import numpy as np
import pytest

from makespan_analytics.profiles.variance_split import Codes, Factor, FactorShare, variance_split

N = 240


def _codes(levels: int, seed: int) -> Codes:
    return np.random.default_rng(seed).integers(0, levels, N)


def _share(values: np.ndarray, codes: dict[Factor, Codes], factor: Factor) -> FactorShare:
    found = variance_split(values, codes)
    assert found is not None
    return next(share for share in found.shares if share.factor is factor)


def test_the_part_of_each_factor_is_found() -> None:
    randomness = np.random.default_rng(1)
    workers, hours = _codes(20, 2), _codes(24, 3)
    effects = randomness.normal(0, 1, 20)
    effects = (effects - effects.mean()) / effects.std(ddof=1) * 0.2
    values = effects[workers] + randomness.normal(0, 0.1, N)
    codes = {Factor.WORKER: workers, Factor.HOUR: hours}
    worker = _share(values, codes, Factor.WORKER)
    assert worker.is_significant
    assert worker.low_ratio < 0.8 < worker.high_ratio  # 0.2² of 0.2² and 0.1²
    assert worker.beyond_ratio == pytest.approx(worker.alone_ratio, abs=0.1)
    hour = _share(values, codes, Factor.HOUR)
    assert not hour.is_significant
    assert hour.alone_ratio < 0.1


def test_factors_that_go_together_are_said_to() -> None:
    randomness = np.random.default_rng(4)
    workers = _codes(4, 5)
    branches = np.where(workers < 2, 0, 1)
    branches[:10] = 1 - branches[:10]  # A few runs of a branch elsewhere.
    values = np.array([0.0, 0.5, 0.1, 0.6])[workers] + randomness.normal(0, 0.05, N)
    values += np.where(workers < 2, 0.0, 0.4)
    codes = {Factor.WORKER: workers, Factor.BRANCH: branches}
    branch = _share(values, codes, Factor.BRANCH)
    assert branch.is_significant
    assert branch.entangled_with == (Factor.WORKER,)
    assert branch.beyond_ratio < 0.1 * branch.alone_ratio
    assert _share(values, codes, Factor.WORKER).entangled_with == ()


def test_two_names_of_one_thing_cannot_be_told_apart() -> None:
    workers = _codes(4, 5)
    values = workers * 0.3 + np.random.default_rng(6).normal(0, 0.1, N)
    codes = {Factor.WORKER: workers, Factor.RUNNER_LABELS: 3 - workers}
    for factor, other in ((Factor.WORKER, Factor.RUNNER_LABELS), (Factor.RUNNER_LABELS, Factor.WORKER)):
        share = _share(values, codes, factor)
        assert (share.entangled_with, share.beyond_ratio) == ((other,), 0.0)


def test_what_cannot_be_told_is_said_with_the_reason() -> None:
    values = np.random.default_rng(8).normal(0, 1, N)
    codes = {
        Factor.COMMIT: np.arange(N),
        Factor.WORKER: np.full(N, -1),
        Factor.BRANCH: np.zeros(N, dtype=np.int64),
        Factor.HOUR: _codes(24, 9),
    }
    found = variance_split(values, codes)
    assert found is not None
    assert dict(found.untold) == {
        Factor.COMMIT: "too few runs share one",
        Factor.WORKER: "nobody recorded it",
        Factor.BRANCH: "there was only one",
    }
    assert [share.factor for share in found.shares] == [Factor.HOUR]
    assert variance_split(values[:19], {name: levels[:19] for name, levels in codes.items()}) is None


def test_one_hung_run_does_not_decide() -> None:
    randomness = np.random.default_rng(10)
    workers = _codes(4, 11)
    values = workers * 0.1 + randomness.normal(0, 0.05, N)
    clean = _share(values, {Factor.WORKER: workers}, Factor.WORKER)
    values[100] += 8.0
    assert _share(values, {Factor.WORKER: workers}, Factor.WORKER).alone_ratio == pytest.approx(
        clean.alone_ratio, abs=0.05
    )


def test_equal_times_have_nothing_to_split() -> None:
    found = variance_split(np.zeros(50), {Factor.WORKER: np.arange(50) % 2})
    assert found is not None
    assert (found.shares, found.untold, found.spread_ratio) == ((), ((Factor.WORKER, "all times are equal"),), 0.0)


def test_the_interval_holds_the_true_part_as_often_as_it_says() -> None:
    randomness = np.random.default_rng(12)
    held = 0
    for _ in range(300):
        workers = randomness.integers(0, 15, N)
        values = randomness.normal(0, 0.1, 15)[workers] + randomness.normal(0, 0.2, N)
        share = _share(values, {Factor.WORKER: workers}, Factor.WORKER)
        held += share.low_ratio <= 0.2 <= share.high_ratio
    assert 255 <= held <= 285  # 90 % of 300, within three standard deviations.
