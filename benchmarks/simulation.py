"""Simulated against recorded makespans: trained on the earlier part of a history, judged on the part after it.

    MAKESPAN_SHARED_DATA=DIR python benchmarks/simulation.py [--runs N] [--window N] [--by-split] [--speed] [--json]

Reads recorded runs under DIR/histories (Bitcoin Core, Linkerd, Autoware, and a students' project). Each history is cut
at 50, 60, 70, 80 and 90 %; up to `--window` runs before the cut are what the simulator and the baselines know, the
tenth after it is what they are judged by. Only runs that succeeded count as makespans; all train. The pipeline's graph
is written where the history does not tell it; jobs are those of half of the 30 runs before the cut.

The error of a split is the difference between the predicted median makespan and that of the runs after the cut, over
the latter. `--speed` times the replay of a graph of 50 jobs instead.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TextIO

import numpy as np

from makespan_model.records import JobRun, PipelineRun, Result
from makespan_optimizer.simulation.observations import observe
from makespan_optimizer.simulation.resampling import draw_runs, unknown_jobs
from makespan_optimizer.simulation.shape import JobShape, PipelineShape, in_order
from makespan_optimizer.simulation.simulate import Question, simulate
from makespan_optimizer.simulation.unlimited_replay import play_unlimited

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from support.recorded_histories import NS, History, histories, run

CUTS = (0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Judged:
    """One split; errors are ratios, `within` the part of later runs between the predicted p5 and p95."""

    history: str
    cut: float
    trained: int
    judged: int
    simulated_s: float
    recorded_s: float
    error: float
    error_last: float
    error_median: float
    run_error: float
    run_error_last: float
    run_error_median: float
    within: float
    within_past: float


def shape_of(history: History, runs: Sequence[PipelineRun]) -> PipelineShape:
    """The jobs that half of the newest runs had; one that some successful run skipped is conditional."""
    newest = runs[-30:]
    counts = Counter(job.name for one in newest for job in one.jobs)
    names = [name for name, count in counts.items() if count >= len(newest) / 2]
    skipped = {job.name for one in newest for job in one.jobs if job.result is Result.SKIP}
    jobs = tuple(
        JobShape(
            name,
            name,
            tuple(need for need in history.needs.get(name, ()) if need in names),
            conditional=name in skipped,
            # That a condition kept it from running fails nothing that follows.
            failure_tolerated=False,
        )
        for name in names
    )
    return PipelineShape("github", history.name, in_order(jobs, history.name))


def judge(history: History, cut: float, window: int, simulated_runs: int) -> Judged | None:
    at, until = (int(len(history.runs) * part) for part in (cut, cut + 0.1))
    past, future = history.runs[max(0, at - window) : at], history.runs[at:until]
    shape = shape_of(history, past)
    observations = observe(shape, past)
    unknown = unknown_jobs(shape, observations, {})
    if unknown:
        print(f"{history.name} at {cut:.0%}: nothing known of {unknown}", file=sys.stderr)
        return None
    outcome = simulate(shape, observations, Question(runs=simulated_runs))
    passed = outcome.passed_makespan_s
    past_s = [one.makespan_s for one in past if one.result is Result.SUCCESS]
    future_s = [one.makespan_s for one in future if one.result is Result.SUCCESS]
    if passed is None or not past_s or len(future_s) < 5:
        return None
    recorded_s, predicted_s, usual_s = median(future_s), passed.p50.value, median(past_s)

    def run_error(told_s: float) -> float:
        return median([abs(one / told_s - 1) for one in future_s])

    low_s, high_s = np.quantile(past_s, [0.05, 0.95])
    return Judged(
        history.name,
        cut,
        len(past),
        len(future_s),
        predicted_s,
        recorded_s,
        abs(predicted_s / recorded_s - 1),
        abs(past_s[-1] / recorded_s - 1),
        abs(usual_s / recorded_s - 1),
        run_error(predicted_s),
        run_error(past_s[-1]),
        run_error(usual_s),
        float(np.mean([passed.p05.value <= one <= passed.p95.value for one in future_s])),
        float(np.mean([low_s <= one <= high_s for one in future_s])),
    )


def speed() -> None:
    """Replications of a random graph of 50 jobs."""
    random = np.random.default_rng(1)
    jobs = [
        JobShape(f"j{n}", f"j{n}", tuple(f"j{k}" for k in range(max(0, n - 12), n) if random.random() < 0.2))
        for n in range(50)
    ]
    shape = PipelineShape("github", "speed", tuple(jobs))
    base_ns = 1_700_000_000 * NS
    runs = []
    for number in range(200):
        recorded = [
            JobRun(job.name, job.job_id, Result.SUCCESS, base_ns, base_ns + round(random.gamma(4, 15) * NS), needs=())
            for job in jobs
        ]
        runs.append(run("speed", str(number), recorded, base_ns // NS, Result.SUCCESS))
    for what, count in (("1,000", 1_000), ("10,000", 10_000)):
        begun_s = time.perf_counter()
        observations = observe(shape, runs)
        observed_s = time.perf_counter()
        draws = draw_runs(shape, observations, count, 0, assumed_s={}, startup_s={})
        drawn_s = time.perf_counter()
        play_unlimited(shape, draws)
        played_s = time.perf_counter()
        simulate(shape, observations, Question(runs=count))
        ended_s = time.perf_counter()
        print(
            f"{what} runs of 50 jobs: observed in {observed_s - begun_s:.3f} s, drawn in {drawn_s - observed_s:.3f} s, "
            f"played in {played_s - drawn_s:.3f} s, all with figures in {ended_s - played_s:.3f} s"
        )


def print_table(found: Sequence[Judged], out: TextIO, *, by_split: bool) -> None:
    groups: dict[str, list[Judged]] = defaultdict(list)
    for one in found:
        groups[f"{one.history} {one.cut:.0%}" if by_split else one.history].append(one)
    print(
        f"{'history':<34}{'splits':>7}{'simulated':>11}{'last run':>10}{'median':>8}   one run:{'sim.':>7}{'last':>7}"
        f"{'median':>8}   in p5-p95:{'sim.':>6}{'past':>6}",
        file=out,
    )
    for name, group in [*groups.items(), ("all (median)", list(found))]:
        figures = [
            median(getattr(one, key) for one in group)
            for key in (
                "error",
                "error_last",
                "error_median",
                "run_error",
                "run_error_last",
                "run_error_median",
                "within",
                "within_past",
            )
        ]
        print(
            f"{name:<34}{len(group):>7}{figures[0]:>11.1%}{figures[1]:>10.1%}{figures[2]:>8.1%}{figures[3]:>19.1%}"
            f"{figures[4]:>7.1%}{figures[5]:>8.1%}{figures[6]:>19.0%}{figures[7]:>6.0%}",
            file=out,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=2000, help="simulated runs (default: %(default)s)")
    parser.add_argument("--window", type=int, default=200, help="recorded runs that are known (default: %(default)s)")
    parser.add_argument("--by-split", action="store_true")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.speed:
        speed()
        return
    folder = Path(os.environ.get("MAKESPAN_SHARED_DATA", "/nonexistent")) / "histories"
    if not folder.is_dir():
        print("nothing to measure: MAKESPAN_SHARED_DATA names no directory with histories", file=sys.stderr)
        return
    found = [
        one
        for history in histories(folder)
        for cut in CUTS
        if (one := judge(history, cut, arguments.window, arguments.runs)) is not None
    ]
    if arguments.json:
        print(json.dumps([asdict(one) for one in found], indent=2))
    else:
        print_table(found, sys.stdout, by_split=arguments.by_split)


if __name__ == "__main__":
    main()
