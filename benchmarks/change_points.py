"""The change-point detector on labelled series, on series without changes, and in speed, beside its peers.

    python benchmarks/change_points.py [--data DIR] [--peers DIR] [--json]

Scores are those of the TCPD benchmark (van den Burg and Williams, arXiv:2003.06222): F1 with a margin of 5 points and
the trivial point 0 on both sides, covering, one default setting, no tuning by series. Alarms are scored apart,
without the trivial point: precision against all annotators, recall of what most of them marked, and how many points
late. Differences in F1 are given with a 95 % interval from 2,000 resamples of the series. Labelled series are read from
MAKESPAN_SHARED_DATA (or --data); without them that part is left out.

Peers (apache-otava and ruptures) run in an environment of their own in --peers DIR, which is made where it is missing;
without --peers they are left out. ruptures' Pelt and Binseg, in Python, run on TCPD alone: they take minutes on the
performance series. KernelCPD with its linear kernel minimises the same cost with the same penalty as Pelt, exactly.
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
from functools import partial
from itertools import pairwise
from pathlib import Path
from statistics import mean, median
from typing import Any

import numpy as np

from makespan_analytics.change_points import detect, detect_many, newest_deviation

MARGIN = 5
ROUNDS = 3
CORPORA = ("tcpd", "sap_hana_annotated")
NULL_SERIES = 200
RESAMPLES = 2_000
DAY_NS = 86_400_000_000_000
PEERS = ("apache-otava==0.8.0", "ruptures==1.1.10")
PUBLISHED = {
    "tcpd": "BINSEG .698/.672, PELT .674/.652, BOCPD .662/.594, AMOC .653/.668, ZERO .645/.566, SEGNEIGH .635/.642, "
    "CPNP .586/.488, ECP .560/.470, BOCPDMS .495/.590, RFPOP .476/.341, PROPHET .472/.522, WBS .365/.264, "
    "KCPA .124/.069; one human against the others .812/.735",
    "sap_hana_annotated": "nothing .748/.699, PELT .751/.717, Otava .662/.649, with 5 % minimum .691/.693, one human "
    "against the others .821/.769",
}
"""F1/covering of default settings: the table of arXiv:2003.06222 on the 32 univariate series without quality control,
of which only some are here; the performance series on all 466 as measured by those who collected them."""

PEER_SCRIPT = Path(__file__).parent / "peers" / "change_points.py"


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


def differences(corpus: Sequence[Labelled], found: Mapping[str, Sequence[Sequence[int]]]) -> dict[str, list[float]]:
    """Our F1 less that of each other method: mean, and 95 % interval over resamples of the series."""
    random = np.random.default_rng(2026)
    each = {name: np.array([f1(*pair) for pair in zip(corpus, points, strict=True)]) for name, points in found.items()}
    chosen = random.integers(0, len(corpus), (RESAMPLES, len(corpus)))
    result = {}
    for name, values in each.items():
        if name != "makespan":
            less = each["makespan"] - values
            low, high = np.quantile(less[chosen].mean(axis=1), (0.025, 0.975))
            result[name] = [float(less.mean()), float(low), float(high)]
    return result


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


def autoregressive(random: np.random.Generator, coefficient: float, count: int) -> np.ndarray:
    values = random.normal(0, 1, count)
    for n in range(1, count):
        values[n] += coefficient * values[n - 1]
    return 100 + 8 * values


LAWS: dict[str, Callable[[np.random.Generator, int], np.ndarray]] = {
    "normal": lambda random, n: random.normal(100, 5, n),
    "lognormal": lambda random, n: random.lognormal(3, 0.5, n),
    "Student, 3 degrees": lambda random, n: 100 + 5 * random.standard_t(3, n),
    "Pareto, 2": lambda random, n: 10 * (1 + random.pareto(2, n)),
    "AR(1), 0.5": lambda random, n: autoregressive(random, 0.5, n),
    "AR(1), 0.8": lambda random, n: autoregressive(random, 0.8, n),
    "Poisson, 4": lambda random, n: random.poisson(4, n).astype(float),
    "whole seconds": lambda random, n: np.round(random.normal(10, 0.4, n)),
    "2 % spikes": lambda random, n: random.normal(100, 2, n) + 50 * (random.random(n) < 0.02),
    "two modes, 30 %": lambda random, n: random.normal(0, 2, n) + np.where(random.random(n) < 0.3, 50.0, 100.0),
    "weekends": lambda random, n: random.normal(100, 3, n) + 20 * ((np.arange(n) + random.integers(7)) % 7 >= 5),
}


def null_series() -> dict[str, list[np.ndarray]]:
    """Stationary series of several laws and of 50 to 600 points: every point found in them is a false alarm."""
    random = np.random.default_rng(2026)
    lengths = np.geomspace(50, 600, NULL_SERIES).astype(int)
    return {name: [law(random, int(count)) for count in lengths] for name, law in LAWS.items()}


def stable_segments(corpus: Sequence[Labelled]) -> list[np.ndarray]:
    """Stretches in which no annotator marked anything, of a hundred points and more."""
    return [
        series.values[start + MARGIN : end - MARGIN]
        for series in corpus
        for start, end in segments(sorted(set().union(*series.annotations.values())), len(series.values))
        if end - start >= 100 + 2 * MARGIN
    ]


def ours(series: Sequence[np.ndarray]) -> list[list[int]]:
    return [[point.index for point in points] for points in detect_many(series)]


def interpreter(folder: Path) -> str:
    """That of the peers' environment, which is made where it is missing."""
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"installing {' and '.join(PEERS)} into {folder}", file=sys.stderr)
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *PEERS], check=True, stdout=sys.stderr)
    return str(python)


def newest_alarms() -> dict[str, dict[str, float]]:
    """Percent of series whose newest 1 and 3 values are off by our test: nothing changed, and 8 deviations more."""
    random = np.random.default_rng(2026)
    found: dict[str, dict[str, float]] = {}
    for name, law in LAWS.items():
        row = found[name] = {}
        for newest, step in ((1, 0.0), (3, 0.0), (3, 8.0)):
            alarms = 0
            for count in (20, 60, 200) * 50:
                values = law(random, count + newest)
                spread = float(np.subtract(*np.quantile(values, (0.75, 0.25)))) / 1.349 or 1.0
                values[-newest:] += step * spread
                times = [n * DAY_NS for n in range(len(values))]
                deviation = newest_deviation(values, newest=newest, times=times)
                alarms += deviation is not None and deviation.is_off
            row[f"{newest} newest, {'same' if step == 0 else 'moved'}"] = 100 * alarms / 150
    return found


def ask_peers(python: str, series: Sequence[np.ndarray], *, slow: bool) -> dict[str, Any]:
    asked = json.dumps({"series": [values.tolist() for values in series], "slow": slow})
    answer = subprocess.run([python, str(PEER_SCRIPT)], input=asked, capture_output=True, text=True, check=True)
    found: dict[str, Any] = json.loads(answer.stdout)
    return found


def speeds(python: str | None) -> dict[str, dict[str, float]]:
    """Series a CPU second at several lengths: one change, normal noise; medians of interleaved rounds."""
    random = np.random.default_rng(1)
    found: dict[str, dict[str, float]] = {}
    for count in (100, 500, 2_000):
        flat = [random.normal(100, 5, count) for _ in range(40)]
        series = [values + 20 * (np.arange(count) > count // 2) for values in flat]
        rounds: dict[str, list[float]] = {}
        for _ in range(ROUNDS):
            for name, task in (
                ("makespan", partial(detect_many, series)),
                ("makespan, one by one", partial(list, map(detect, series))),
                ("makespan, no change", partial(detect_many, flat)),
            ):
                start = time.process_time()
                task()
                rounds.setdefault(name, []).append(len(series) / (time.process_time() - start))
            for name, answer in (ask_peers(python, series, slow=False) if python else {}).items():
                rounds.setdefault(name, []).append(len(series) / answer["seconds"])
        for name, values in rounds.items():
            found.setdefault(name, {})[str(count)] = median(values)
    return found


def labelled(root: Path, python: str | None) -> tuple[dict[str, Any], dict[str, list[np.ndarray]]]:
    """Scores by corpus, and series without changes made of stretches that nobody marked."""
    result: dict[str, Any] = {}
    stable: dict[str, list[np.ndarray]] = {}
    for name in CORPORA:
        corpus = read_corpus(root / "changepoint" / name)
        if not corpus:
            print(f"no labelled series at {root / 'changepoint' / name}: left out", file=sys.stderr)
            continue
        series = [one.values for one in corpus]
        found: dict[str, list[list[int]]] = {"makespan": ours(series), "nothing": [[] for _ in series]}
        if python:
            answers = ask_peers(python, series, slow=name == "tcpd")
            found |= {peer: answer["points"] for peer, answer in answers.items()}
        result[name] = {
            "scores": {method: scores(corpus, points) for method, points in found.items()},
            "f1_less": differences(corpus, found),
        }
        if name == "sap_hana_annotated":
            random = np.random.default_rng(2026)
            stretches = stable_segments(corpus)
            stable["stable stretches, shuffled"] = [random.permutation(values) for values in stretches]
            stable["stable stretches, resampled"] = [random.choice(values, len(values)) for values in stretches]
    return result, stable


def false_alarms(series: Mapping[str, Sequence[np.ndarray]], python: str | None) -> dict[str, dict[str, float]]:
    """Points found in 1,000 of series that have none, by law and method."""
    found = {}
    for law, members in series.items():
        total = sum(map(len, members))
        rates = {"makespan": 1000 * sum(map(len, ours(members))) / total}
        if python:
            answers = ask_peers(python, members, slow=False)
            rates |= {peer: 1000 * sum(map(len, answer["points"])) / total for peer, answer in answers.items()}
        found[law] = rates
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder that holds `changepoint`")
    parser.add_argument("--peers", type=Path, metavar="DIR", help="environment with apache-otava and ruptures")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    root = arguments.data or Path(os.environ.get("MAKESPAN_SHARED_DATA", "/nonexistent"))
    python = interpreter(arguments.peers) if arguments.peers else None
    if python is None:
        print("no --peers: only makespan is measured", file=sys.stderr)
    corpora, stable = labelled(root, python)
    result = {
        "labelled": corpora,
        "false_alarms_per_1000": false_alarms({**null_series(), **stable}, python),
        "newest_off_percent": newest_alarms(),
        "series_per_s": speeds(python),
    }
    if arguments.json:
        print(json.dumps(result, indent=2))
    else:
        show(result)


def show(result: Mapping[str, Any]) -> None:
    for corpus, part in result["labelled"].items():
        print(f"\n{corpus:<22}   {'F1':>6} {'covering':>9} {'precision':>10} {'recall':>7} {'delay':>6} {'alarms':>7}")
        for method, row in sorted(part["scores"].items(), key=lambda item: -item[1]["f1"]):
            print(
                f"  {method:<22} {row['f1']:>6.3f} {row['covering']:>9.3f} {row['alarm_precision']:>10.3f} "
                f"{row['alarm_recall']:>7.3f} {row['mean_delay_points']:>6.2f} {row['alarms']:>7}"
            )
        for method, (less, low, high) in part["f1_less"].items():
            print(f"  F1 less that of {method}: {less:+.3f} ({low:+.3f} to {high:+.3f})")
        print(f"  published, also of series that are not here: {PUBLISHED[corpus]}")
    print("\nfalse alarms per 1,000 points")
    for law, rates in result["false_alarms_per_1000"].items():
        print(f"  {law:<28} " + "  ".join(f"{name} {rate:.2f}" for name, rate in rates.items()))
    print("\nnewest values that are off, %, after 20, 60 and 200 values")
    for law, rates in result["newest_off_percent"].items():
        print(f"  {law:<28} " + "  ".join(f"{name} {rate:.1f}" for name, rate in rates.items()))
    print("\nseries per CPU second at 100, 500 and 2,000 points")
    for name, row in result["series_per_s"].items():
        print(f"  {name:<22} " + " ".join(f"{value:>10,.0f}" for value in row.values()))


if __name__ == "__main__":
    main()
