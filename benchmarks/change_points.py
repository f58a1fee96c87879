"""The change-point detector on labelled series, on series without changes, and in speed, beside its peers.

    python benchmarks/change_points.py [--data DIR] [--peers PYTHON] [--json]

Scores are those of the TCPD benchmark (van den Burg and Williams, arXiv:2003.06222): F1 with a margin of 5 points and
the trivial point 0 on both sides, covering, one default setting, no tuning by series. Alarms are scored apart,
without the trivial point: precision against all annotators, recall of what most of them marked, and how many points
late. Labelled series are read from MAKESPAN_SHARED_DATA (or --data); without them that part is left out.

Peers run in an interpreter of their own: `python -m venv V; V/bin/pip install apache-otava ruptures`, then
`--peers V/bin/python`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np

from makespan_analytics.change_points import detect

MARGIN = 5
ROUNDS = 3
CORPORA = ("tcpd", "sap_hana_annotated")
NULL_SERIES = 200
NULL_POINTS = 300
PUBLISHED = {"BINSEG": (0.698, 0.672), "PELT": (0.674, 0.652), "BOCPD": (0.662, 0.594), "ZERO": (0.645, 0.566)}
"""F1 and covering of default settings on the 32 univariate series of TCPD (the paper's table); other series here."""

_PEERS = """
import json, sys, time, warnings
import numpy as np
warnings.filterwarnings("ignore")
from otava.analysis import compute_change_points
import ruptures

def otava(values, magnitude=0.0):
    points, _ = compute_change_points(list(values), window_len=30, max_pvalue=0.001, min_magnitude=magnitude)
    return [int(point.index) for point in points]

def standardised(values):
    values = np.asarray(values, float)
    return (values - values.mean()) / (values.std() or 1.0)

def pelt(values):
    n = len(values)
    return ruptures.Pelt(model="l2", min_size=2, jump=1).fit(standardised(values)).predict(pen=3 * np.log(n))[:-1]

def binseg(values):
    n = len(values)
    return ruptures.Binseg(model="l2", min_size=2, jump=1).fit(standardised(values)).predict(pen=3 * np.log(n))[:-1]

def kernel(values):
    n = len(values)
    fitted = ruptures.KernelCPD(kernel="linear", min_size=2).fit(standardised(values).reshape(-1, 1))
    return fitted.predict(pen=3 * np.log(n))[:-1]

methods = {"otava": otava, "otava, 5 %": lambda v: otava(v, 0.05), "ruptures KernelCPD": kernel}
slow = {"ruptures Pelt": pelt, "ruptures Binseg": binseg}
asked = json.load(sys.stdin)
answers = {}
for name, method in {**methods, **(slow if asked["slow"] else {})}.items():
    start = time.perf_counter()
    points = [[int(point) for point in method(values)] for values in asked["series"]]
    answers[name] = {"points": points, "seconds": time.perf_counter() - start}
json.dump(answers, sys.stdout)
"""


@dataclass(frozen=True)
class Labelled:
    """A series without gaps and what each annotator marked in it."""

    name: str
    values: np.ndarray
    annotations: Mapping[str, tuple[int, ...]]


def read_corpus(folder: Path) -> list[Labelled]:
    """The univariate series of a folder; a gap takes the value before it."""
    found = []
    for path in sorted(folder.glob("*.json")):
        content = json.loads(path.read_text())
        if content["n_dim"] == 1:
            values = np.array([np.nan if v is None else v for v in content["series"][0]["values"]], dtype=float)
            known = np.flatnonzero(np.isfinite(values))
            filled = values[known[np.clip(np.searchsorted(known, np.arange(len(values)), "right") - 1, 0, None)]]
            marks = {name: tuple(points) for name, points in content["annotations"].items()}
            found.append(Labelled(content["name"], filled, marks))
    return found


def matched(marks: Iterable[int], points: Iterable[int]) -> int:
    """Marks with a point within the margin, each point used once, the nearest first."""
    left, count = set(points), 0
    for mark in sorted(set(marks)):
        near = min((point for point in left if abs(point - mark) <= MARGIN), key=lambda p: abs(p - mark), default=None)
        if near is not None:
            left.discard(near)
            count += 1
    return count


def f1(series: Labelled, points: Sequence[int]) -> float:
    predicted = {0, *points}
    marks = [{0, *marked} for marked in series.annotations.values()]
    precision = matched(set().union(*marks), predicted) / len(predicted)
    recall = mean(matched(marked, predicted) / len(marked) for marked in marks)
    return 2 * precision * recall / (precision + recall)


def covering(series: Labelled, points: Sequence[int]) -> float:
    count = len(series.values)
    predicted = segments(points, count)
    return mean(
        sum((end - start) * max(jaccard((start, end), other) for other in predicted) for start, end in true) / count
        for true in (segments(marked, count) for marked in series.annotations.values())
    )


def segments(points: Sequence[int], count: int) -> list[tuple[int, int]]:
    borders = sorted({0, *(point for point in points if 0 < point < count), count})
    return list(pairwise(borders))


def jaccard(one: tuple[int, int], other: tuple[int, int]) -> float:
    shared = max(0, min(one[1], other[1]) - max(one[0], other[0]))
    return shared / (max(one[1], other[1]) - min(one[0], other[0]))


def alarms(corpus: Sequence[Labelled], found: Sequence[Sequence[int]]) -> dict[str, float]:
    right = wrong = missed = marked = 0
    delays: list[int] = []
    for series, points in zip(corpus, found, strict=True):
        union = set().union(*series.annotations.values())
        hits = [point for point in points if any(abs(point - mark) <= MARGIN for mark in union)]
        right, wrong = right + len(hits), wrong + len(points) - len(hits)
        delays += [min((point - mark for mark in union), key=abs) for point in hits]
        for mark in union:
            agreed = sum(any(abs(mark - other) <= MARGIN for other in one) for one in series.annotations.values())
            if 2 * agreed > len(series.annotations):
                marked += 1
                missed += not any(abs(point - mark) <= MARGIN for point in points)
    return {
        "alarm_precision": right / (right + wrong) if right + wrong else 0.0,
        "alarm_recall": 1 - missed / marked if marked else 1.0,
        "mean_delay_points": mean(delays) if delays else 0.0,
        "alarms": right + wrong,
    }


def scores(corpus: Sequence[Labelled], found: Sequence[Sequence[int]]) -> dict[str, float]:
    pairs = list(zip(corpus, found, strict=True))
    return {
        "f1": mean(f1(series, points) for series, points in pairs),
        "covering": mean(covering(series, points) for series, points in pairs),
        **alarms(corpus, found),
    }


def null_series() -> dict[str, list[np.ndarray]]:
    """Stationary series of several laws: every point found in them is a false alarm."""
    random = np.random.default_rng(2026)

    def autoregressive() -> np.ndarray:
        values = random.normal(0, 1, NULL_POINTS)
        for n in range(1, NULL_POINTS):
            values[n] += 0.5 * values[n - 1]
        return 100 + values

    laws: dict[str, Callable[[], np.ndarray]] = {
        "normal": lambda: random.normal(100, 5, NULL_POINTS),
        "lognormal": lambda: np.exp(random.normal(3, 0.3, NULL_POINTS)),
        "Student, 3 degrees": lambda: 100 + 5 * random.standard_t(3, NULL_POINTS),
        "AR(1), 0.5": autoregressive,
        "Poisson, 4": lambda: random.poisson(4, NULL_POINTS).astype(float),
        "2 % spikes": lambda: random.normal(100, 2, NULL_POINTS) + 50 * (random.random(NULL_POINTS) < 0.02),
    }
    return {name: [law() for _ in range(NULL_SERIES)] for name, law in laws.items()}


def stable_segments(corpus: Sequence[Labelled]) -> list[np.ndarray]:
    """Stretches in which no annotator marked anything, of a hundred points and more, in random order."""
    random = np.random.default_rng(2026)
    return [
        random.permutation(series.values[start + MARGIN : end - MARGIN])
        for series in corpus
        for start, end in segments(sorted(set().union(*series.annotations.values())), len(series.values))
        if end - start >= 100 + 2 * MARGIN
    ]


def ours(series: Sequence[np.ndarray]) -> list[list[int]]:
    return [[point.index for point in detect(values)] for values in series]


def ask_peers(python: str, series: Sequence[np.ndarray], *, slow: bool) -> dict[str, Any]:
    asked = json.dumps({"series": [values.tolist() for values in series], "slow": slow})
    answer = subprocess.run([python, "-c", _PEERS], input=asked, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def speeds(python: str | None) -> dict[str, dict[str, float]]:
    """Series a second at several lengths: one change, normal noise; medians of interleaved rounds."""
    random = np.random.default_rng(1)
    found: dict[str, dict[str, float]] = {}
    for count in (100, 500, 2_000):
        series = [random.normal(100, 5, count) + 20 * (np.arange(count) > count // 2) for _ in range(40)]
        rounds: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            start = time.perf_counter()
            ours(series)
            rounds.setdefault("makespan", []).append(len(series) / (time.perf_counter() - start))
            for name, answer in (ask_peers(python, series, slow=False) if python else {}).items():
                rounds.setdefault(name, []).append(len(series) / answer["seconds"])
        for name, values in rounds.items():
            found.setdefault(name, {})[str(count)] = median(values)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder that holds `changepoint`")
    parser.add_argument("--peers", metavar="PYTHON", help="interpreter with apache-otava and ruptures")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    root = arguments.data or Path(
        os.environ.get("MAKESPAN_SHARED_DATA", Path(__file__).resolve().parents[2] / "shared" / "data")
    )
    result: dict[str, Any] = {"labelled": {}, "false_alarms_per_1000": {}, "series_per_s": speeds(arguments.peers)}
    stable: list[np.ndarray] = []
    for name in CORPORA:
        corpus = read_corpus(root / "changepoint" / name)
        if not corpus:
            print(f"no labelled series at {root / 'changepoint' / name}: left out", file=sys.stderr)
            continue
        series = [one.values for one in corpus]
        found: dict[str, list[list[int]]] = {"makespan": ours(series), "nothing": [[] for _ in series]}
        if arguments.peers:
            answers = ask_peers(arguments.peers, series, slow=name == "tcpd")
            found |= {peer: answer["points"] for peer, answer in answers.items()}
        result["labelled"][name] = {method: scores(corpus, points) for method, points in found.items()}
        if name == "sap_hana_annotated":
            stable = stable_segments(corpus)
    for law, series in {**null_series(), **({"stable stretches, shuffled": stable} if stable else {})}.items():
        total = sum(map(len, series))
        rates = {"makespan": 1000 * sum(map(len, ours(series))) / total}
        if arguments.peers:
            answers = ask_peers(arguments.peers, series, slow=False)
            rates |= {peer: 1000 * sum(map(len, answer["points"])) / total for peer, answer in answers.items()}
        result["false_alarms_per_1000"][law] = rates
    if arguments.json:
        print(json.dumps(result, indent=2))
    else:
        show(result)


def show(result: Mapping[str, Any]) -> None:
    for corpus, methods in result["labelled"].items():
        print(f"\n{corpus}: {'F1':>14} {'covering':>9} {'precision':>10} {'recall':>7} {'delay':>6} {'alarms':>7}")
        for method, row in sorted(methods.items(), key=lambda item: -item[1]["f1"]):
            print(
                f"  {method:<22} {row['f1']:>6.3f} {row['covering']:>9.3f} {row['alarm_precision']:>10.3f} "
                f"{row['alarm_recall']:>7.3f} {row['mean_delay_points']:>6.2f} {row['alarms']:>7}"
            )
        if corpus == "tcpd":
            print("  published, other series: " + ", ".join(f"{n} {a:.3f}/{b:.3f}" for n, (a, b) in PUBLISHED.items()))
    print("\nfalse alarms per 1,000 points")
    for law, rates in result["false_alarms_per_1000"].items():
        print(f"  {law:<28} " + "  ".join(f"{name} {rate:.2f}" for name, rate in rates.items()))
    print("\nseries per second at 100, 500 and 2,000 points")
    for name, row in result["series_per_s"].items():
        print(f"  {name:<22} " + " ".join(f"{value:>10,.0f}" for value in row.values()))


if __name__ == "__main__":
    main()
