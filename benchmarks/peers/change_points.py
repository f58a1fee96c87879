"""Change points by Apache Otava and ruptures, for `benchmarks/change_points.py`, which runs this where they are.

Reads `{"series": [[…]], "slow": …}` from standard input and writes `{method: {"points": [[…]], "seconds": …}}`, CPU
seconds. Penalties of ruptures are 3 log n on series of unit deviation (BIC for a change of mean and its place).
"""

from __future__ import annotations

import json
import sys
import time
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import ruptures
from otava.analysis import compute_change_points

Method = Callable[[Sequence[float]], list[int]]


def otava(values: Sequence[float], magnitude: float = 0.0) -> list[int]:
    points, _ = compute_change_points(list(values), min_magnitude=magnitude)
    return [int(point.index) for point in points]


def pelt(values: Sequence[float]) -> list[int]:
    return _with_penalty(ruptures.Pelt(model="l2", min_size=2, jump=1), values)


def binseg(values: Sequence[float]) -> list[int]:
    return _with_penalty(ruptures.Binseg(model="l2", min_size=2, jump=1), values)


def kernel(values: Sequence[float]) -> list[int]:
    return _with_penalty(ruptures.KernelCPD(kernel="linear", min_size=2), values)


def _with_penalty(method: ruptures.base.BaseEstimator, values: Sequence[float]) -> list[int]:
    series = np.asarray(values, dtype=float)
    standardised = (series - series.mean()) / (series.std() or 1.0)
    points = method.fit(standardised.reshape(-1, 1)).predict(pen=3 * np.log(len(series)))
    return [int(point) for point in points[:-1]]


FAST: dict[str, Method] = {
    "otava": otava,
    "otava, 5 %": lambda values: otava(values, 0.05),
    "ruptures KernelCPD": kernel,
}
SLOW: dict[str, Method] = {"ruptures Pelt": pelt, "ruptures Binseg": binseg}


def main() -> None:
    warnings.filterwarnings("ignore")
    asked = json.load(sys.stdin)
    answers = {}
    for name, method in {**FAST, **(SLOW if asked["slow"] else {})}.items():
        start = time.process_time()
        points = [method(values) for values in asked["series"]]
        answers[name] = {"points": points, "seconds": time.process_time() - start}
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
