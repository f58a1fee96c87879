"""Sizing advice beside the published rules of the Kubernetes VPA and of Robusta KRR, on real usage traces.

    python benchmarks/sizing.py [--every N ...] [--json]

The data is found in the directory that MAKESPAN_SHARED_DATA names; without it there is nothing to measure.
Every rule sees the past alone and is judged on what came next: advice is given after five runs and again after every
N runs (default: 1, 5, 10 and 20), from all runs so far, and holds for the N runs that follow.

Memory (1,300 containers of Sock Shop by container, workflow tasks of WfInstances by name): a run whose peak is above
the advice fails (OOM), wastes the allocation for its whole time, and is tried again with twice as much; what is
allocated beyond the peak is wasted, too. CPU (50 VMs of Bitbrains by day, Sock Shop): demand above the advice waits,
what is allocated and not used is wasted.

The rules, from their documentation, without their floors (250 MiB, 25 mCPU; 100 MB, 10 mCPU), which would only add
waste here:
  VPA  decaying histogram (buckets growing by 5 % from 10 MB and 0.01 cores, end of the bucket), half-life 24 h, 90th
       percentile of CPU samples and of memory peaks, + 15 %; an OOM enters as a peak of at least 1.2 times the limit or
       100 MiB more.
  KRR  CPU: 95th percentile; memory: largest peak + 15 %; of the last 14 days.
Tasks of WfInstances carry no time of day: there a run is an hour after the one before. KRR's demand for 100 points and
three hours is waived, or it would have no answer for most of them.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from makespan_analytics.sizing.cpu_demand import Demand, cpu_size
from makespan_analytics.sizing.level_changes import Floats
from makespan_analytics.sizing.memory_size import FEWEST_RUNS, memory_size

DAY_S = 86_400.0
HOUR_S = 3_600.0
MIB = 1024 * 1024
DOUBLINGS = 60
BITBRAINS_MHZ = 2926.0  # Of one core: bitbrains50_meta.csv.


@dataclass(frozen=True, slots=True)
class MemoryRuns:
    """Runs of one task or container, oldest first."""

    peaks: Floats
    seconds: Floats
    times_s: Floats


@dataclass(frozen=True, slots=True)
class Score:
    """Of one rule on one group: waste in GB h (or core h), use in the same unit, failed and judged runs (or time)."""

    wasted: float
    used: float
    failed: float
    judged: float


MemoryRule = Callable[[MemoryRuns, int, Floats], float]
CpuRule = Callable[[Sequence[Floats], Floats], float]


def buckets(first: float) -> Floats:
    """Starts of the VPA's histogram buckets: each is 5 % wider than the one before it."""
    return np.concatenate([[0.0], first * (1.05 ** np.arange(1, 200) - 1) / 0.05])


MEMORY_BUCKETS, CPU_BUCKETS = buckets(1e7), buckets(0.01)


def vpa_target(values: Floats, weights: Floats, edges: Floats) -> float:
    place = np.clip(np.searchsorted(edges, values, "right") - 1, 0, len(edges) - 2)
    total = np.cumsum(np.bincount(place, weights, len(edges)))
    return float(edges[min(int(np.searchsorted(total, 0.9 * total[-1])), len(edges) - 2) + 1] * 1.15)


def vpa_memory(runs: MemoryRuns, end: int, failed_at: Floats) -> float:
    """`failed_at`: the allocation at which each earlier run failed, 0 where it did not."""
    ooms = failed_at[:end] > 0
    bumped = np.maximum(failed_at[:end][ooms] * 1.2, failed_at[:end][ooms] + 100 * MIB)
    values = np.concatenate([runs.peaks[:end], bumped])
    times_s = np.concatenate([runs.times_s[:end], runs.times_s[:end][ooms]])
    return vpa_target(values, 2.0 ** ((times_s - times_s.max()) / DAY_S), MEMORY_BUCKETS)


def krr_memory(runs: MemoryRuns, end: int, _: Floats) -> float:
    recent = runs.times_s[:end] >= runs.times_s[end - 1] - 14 * DAY_S
    return float(runs.peaks[:end][recent].max() * 1.15)


def our_memory(runs: MemoryRuns, end: int, _: Floats) -> float:
    size = memory_size(runs.peaks[:end], runs.seconds[:end])
    assert size is not None
    return float(size.size_bytes)


def vpa_cpu(days: Sequence[Floats], times_s: Floats) -> float:
    weights = 2.0 ** ((times_s[: len(days)] - times_s[len(days) - 1]) / DAY_S)
    return vpa_target(np.concatenate(days), np.repeat(weights, [len(day) for day in days]), CPU_BUCKETS)


def krr_cpu(days: Sequence[Floats], times_s: Floats) -> float:
    first = int(np.searchsorted(times_s[: len(days)], times_s[len(days) - 1] - 14 * DAY_S))
    return float(np.quantile(np.concatenate(days[first:]), 0.95))


def our_cpu(days: Sequence[Floats], _: Floats) -> float:
    size = cpu_size([Demand(day, np.ones(len(day))) for day in days])
    assert size is not None
    return size.cores


MEMORY_RULES: dict[str, MemoryRule] = {"makespan": our_memory, "vpa": vpa_memory, "krr": krr_memory}
CPU_RULES: dict[str, CpuRule] = {"makespan": our_cpu, "vpa": vpa_cpu, "krr": krr_cpu}


def attempts(allocated: float, peaks: Floats, seconds: Floats) -> tuple[float, npt.NDArray[np.bool_]]:
    """Byte seconds wasted, and which runs failed at first."""
    size, wasted = np.full(len(peaks), allocated), np.zeros(len(peaks))
    failed = peaks > allocated
    for _ in range(DOUBLINGS):
        short = size < peaks
        wasted += np.where(short, size * seconds, 0.0)
        size = np.where(short, 2 * size, size)
    return float(wasted.sum() + ((size - peaks) * seconds).sum()), failed


def judge_memory(rule: MemoryRule, runs: MemoryRuns, every: int) -> Score:
    n = len(runs.peaks)
    # Long series are sized anew a hundred times at least and not thousands of times.
    step = max(every, n // 100)
    failed_at, wasted, failures = np.zeros(n), 0.0, 0
    for start in range(FEWEST_RUNS, n, step):
        end = min(n, start + step)
        size = rule(runs, start, failed_at)
        waste, failed = attempts(size, runs.peaks[start:end], runs.seconds[start:end])
        wasted += waste
        failures += int(failed.sum())
        failed_at[start:end] = np.where(failed, size, 0.0)
    used = float((runs.peaks * runs.seconds)[FEWEST_RUNS:].sum())
    return Score(wasted / 1e9 / HOUR_S, used / 1e9 / HOUR_S, failures, n - FEWEST_RUNS)


def judge_cpu(rule: CpuRule, days: Sequence[Floats], times_s: Floats, every: int, reading_s: float) -> Score:
    """`failed` is work that had to wait, in core hours, `judged` the work asked for."""
    wasted = waited = used = 0.0
    for start in range(FEWEST_RUNS, len(days), every):
        cores = rule(days[:start], times_s)
        demand = np.concatenate(days[start : start + every])
        wasted += float(np.maximum(cores - demand, 0).sum())
        waited += float(np.maximum(demand - cores, 0).sum())
        used += float(demand.sum())
    hours = reading_s / HOUR_S
    return Score(wasted * hours, used * hours, waited * hours, used * hours)


def rows_of(query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as connection:
        return connection.execute(query).fetchall()


def memory_runs(found: Sequence[tuple[float, float, float]]) -> MemoryRuns:
    peaks, seconds, times_s = np.array(found, dtype=np.float64).T
    return MemoryRuns(peaks, seconds, times_s)


def workflow_tasks(root: Path) -> dict[str, MemoryRuns]:
    rows = rows_of(
        f"SELECT instance, name, memory_bytes, runtime_s FROM '{root}/wfinstances_task_profiles.csv.gz' "
        "WHERE memory_bytes > 0 AND runtime_s > 0"
    )
    groups: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for instance, name, peak, seconds in rows:
        groups[f"{instance.split('/')[0]}/{re.sub(r'_?[0-9]+$', '', name)}"].append((peak, seconds))
    return {
        name: memory_runs([(*one, number * HOUR_S) for number, one in enumerate(found)])
        for name, found in groups.items()
        if len(found) >= 2 * FEWEST_RUNS
    }


def sock_shop_memory(root: Path) -> dict[str, MemoryRuns]:
    rows = rows_of(
        f"SELECT container, min(t), max(mem_bytes), max(t) - min(t) FROM '{root}/sockshop_containers_cpu_mem.parquet' "
        "WHERE mem_bytes IS NOT NULL GROUP BY container, run ORDER BY 1, 2"
    )
    groups: dict[str, list[tuple[float, float, float]]] = defaultdict(list)
    for container, start_s, peak, seconds in rows:
        groups[container].append((peak, seconds, start_s))
    return {name: memory_runs(found) for name, found in groups.items()}


def sock_shop_cpu(root: Path) -> dict[str, tuple[list[Floats], Floats]]:
    return cpu_runs(
        f"SELECT container, min(t) OVER (PARTITION BY container, run) AS start_s, cpu_pct / 100 AS cores "
        f"FROM '{root}/sockshop_containers_cpu_mem.parquet' WHERE cpu_pct IS NOT NULL ORDER BY container, start_s, t"
    )


def bitbrains(root: Path) -> dict[str, tuple[list[Floats], Floats]]:
    return cpu_runs(
        "SELECT vm_id, "
        f"{DAY_S} * floor((epoch(timestamp) - min(epoch(timestamp)) OVER (PARTITION BY vm_id)) / {DAY_S}) AS start_s, "
        f"cpu_mhz / {BITBRAINS_MHZ} AS cores FROM '{root}/bitbrains50_cpu_5min.parquet' "
        "WHERE cpu_mhz IS NOT NULL ORDER BY vm_id, start_s, timestamp"
    )


def cpu_runs(query: str) -> dict[str, tuple[list[Floats], Floats]]:
    groups: dict[str, dict[float, list[float]]] = defaultdict(lambda: defaultdict(list))
    for name, start_s, cores in rows_of(query):
        groups[str(name)][float(start_s)].append(float(cores))
    return {
        name: ([np.array(cores) for cores in runs.values()], np.array(list(runs)))
        for name, runs in groups.items()
        if len(runs) > FEWEST_RUNS
    }


def summary(scores: dict[str, dict[str, Score]]) -> dict[str, dict[str, float]]:
    """For each rule: totals, the mean over groups, and the waste over that of the VPA's rule."""
    found: dict[str, dict[str, float]] = {}
    vpa = sum(score.wasted for score in scores["vpa"].values())
    for rule, groups in scores.items():
        of = list(groups.values())
        wasted = sum(score.wasted for score in of)
        found[rule] = {
            "wasted": wasted,
            "wasted_over_used": wasted / sum(score.used for score in of),
            "wasted_over_vpa": wasted / vpa,
            "failed_ratio": sum(score.failed for score in of) / sum(score.judged for score in of),
            "failed_ratio_mean_of_groups": float(np.mean([score.failed / max(score.judged, 1e-12) for score in of])),
            "groups_with_less_waste_than_vpa": float(
                np.mean([score.wasted < scores["vpa"][name].wasted for name, score in groups.items()])
            ),
        }
    return found


def measure(root: Path, every: int) -> dict[str, dict[str, dict[str, float]]]:
    result = {}
    for corpus, groups in (("sockshop memory", sock_shop_memory(root)), ("wfinstances memory", workflow_tasks(root))):
        result[corpus] = summary(
            {
                rule: {name: judge_memory(advise, runs, every) for name, runs in groups.items()}
                for rule, advise in MEMORY_RULES.items()
            }
        )
    for corpus, series, reading_s in (
        ("sockshop cpu", sock_shop_cpu(root), 1.0),
        ("bitbrains cpu", bitbrains(root), 300.0),
    ):
        result[corpus] = summary(
            {
                rule: {
                    name: judge_cpu(advise, days, times_s, every, reading_s) for name, (days, times_s) in series.items()
                }
                for rule, advise in CPU_RULES.items()
            }
        )
    return result


def show(every: int, result: dict[str, dict[str, dict[str, float]]]) -> None:
    print(f"\nadvice anew after every {every} run{'s' * (every != 1)}")
    print(f"{'corpus':<20}{'rule':<10}{'wasted':>10}{'of used':>9}{'of VPA':>8}{'failed':>9}{'by group':>10}")
    for corpus, rules in result.items():
        for rule, figures in rules.items():
            print(
                f"{corpus:<20}{rule:<10}{figures['wasted']:>10.2f}{figures['wasted_over_used']:>9.1%}"
                f"{figures['wasted_over_vpa']:>8.2f}{figures['failed_ratio']:>9.2%}"
                f"{figures['failed_ratio_mean_of_groups']:>10.2%}"
            )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--every", type=int, nargs="+", default=[1, 5, 10, 20], help="runs that one advice holds for")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    arguments = parser.parse_args()
    if min(arguments.every) < 1:
        parser.error("--every takes numbers from 1 on")
    root = Path(os.environ.get("MAKESPAN_SHARED_DATA", "/nonexistent")) / "usage"
    if not root.is_dir():
        print("nothing to measure: MAKESPAN_SHARED_DATA names no directory with usage traces", file=sys.stderr)
        return 0
    results = {every: measure(root, every) for every in arguments.every}
    if arguments.json:
        print(json.dumps(results, indent=2))
        return 0
    print("wasted: GB h of memory, core h of CPU; failed: runs out of memory, work that waited for CPU")
    for every, result in results.items():
        show(every, result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
