"""How often forecasts hold, told at the time from what had ended by then, on histories of real projects.

    MAKESPAN_SHARED_DATA=DIR python benchmarks/forecasts.py [--coverage 0.8] [--json]

Reads `histories/` below DIR: job and run times of Bitcoin Core, Linkerd and Autoware. Three questions:

* the duration of the next successful run of a job or workflow (`next_run`), from those that had ended when it started,
  beside the mean with a normal interval over all of them and the quantiles of the newest thirty;
* when a running build of Bitcoin Core will end (`remaining_time`), asked at parts of the usual makespan;
* what the next 30 and 90 days bring (`cost_growth.weeks_ahead`), in runs and jobs.

A score is the interval's width and what falls out of it, 2 / (1 - coverage) fold, over the usual duration (Winkler,
JASA 67, 1972): less is better. The weeks ahead overlap, and are of one project: little can be said of their coverage.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from statistics import NormalDist, mean, median, stdev

import numpy as np

from makespan_analytics.forecasts.cost_growth import weeks_ahead
from makespan_analytics.forecasts.next_run import fewest_runs, next_duration
from makespan_analytics.forecasts.remaining_time import remaining_time
from makespan_model.identity import RunIdentity
from makespan_model.records import JobRun, PipelineRun, Result, RunState

NS = 1_000_000_000
FEWEST_TIMES = 40
"""Runs of a job under which its history is left out."""
SCENARIOS = 50
"""Earlier builds that a running one is compared with."""
Interval = tuple[float, float] | None


@dataclass(frozen=True)
class Timed:
    """When one job or run started, and what it took."""

    start_s: float
    duration_s: float


@dataclass(frozen=True)
class Score:
    """How one rule did; what it said nothing about is `silent_ratio`."""

    rule: str
    asked: int
    silent_ratio: float
    held_ratio: float
    below_ratio: float
    above_ratio: float
    width: float
    score: float


def rows(root: Path, name: str) -> list[dict[str, str]]:
    with gzip.open(root / "histories" / name, "rt", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def histories(root: Path, builds: Sequence[PipelineRun]) -> dict[str, list[Timed]]:
    """Successful runs of every job and workflow with enough of them, by start."""
    found: dict[str, list[Timed]] = defaultdict(list)
    for row in rows(root, "bitcoin_core_tasks.csv.gz"):
        if row["status"] == "COMPLETED":
            found["bitcoin: " + row["name"]].append(Timed(float(row["executing"]), float(row["duration_s"])))
    for row in rows(root, "linkerd_jobs.csv.gz"):
        if row["Conclusion"] == "success":
            key = f"linkerd: {row['Workflow']}: {row['Job']}"
            found[key].append(Timed(seconds(row["Started"]), float(row["duration_s"])))
    for row in rows(root, "autoware_runs.csv.gz"):
        if row["conclusion"] == "success":
            found["autoware: " + row["series"]].append(Timed(seconds(row["created_at"]), float(row["duration"])))
    found["bitcoin: whole build"] = [Timed(run.start_ns / NS, run.makespan_s) for run in builds]
    kept = {key: [one for one in times if one.duration_s > 0] for key, times in found.items()}
    return {
        key: sorted(times, key=lambda one: one.start_s) for key, times in kept.items() if len(times) >= FEWEST_TIMES
    }


def bitcoin_builds(root: Path) -> list[PipelineRun]:
    """Builds of which every task succeeded, oldest first."""
    tasks: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in rows(root, "bitcoin_core_tasks.csv.gz"):
        tasks[row["build_id"]].append(row)
    found = []
    for build_id, members in tasks.items():
        if {row["status"] for row in members} != {"COMPLETED"} or members[0]["build_status"] != "COMPLETED":
            continue
        jobs = sorted((bitcoin_job(row) for row in members), key=lambda job: job.start_ns)
        start_ns = int(members[0]["build_created"]) * NS
        end_ns = max(job.end_ns for job in jobs)
        if len({job.name for job in jobs}) == len(jobs) and start_ns <= jobs[0].start_ns:
            identity = RunIdentity("plain", "bitcoin/bitcoin", build_id)
            found.append(PipelineRun(identity, "CI", Result.SUCCESS, start_ns, end_ns, tuple(jobs)))
    return sorted(found, key=lambda run: run.start_ns)


def bitcoin_job(row: dict[str, str]) -> JobRun:
    return JobRun(
        name=row["name"],
        job_id=row["name"],
        result=Result.SUCCESS,
        start_ns=int(row["executing"]) * NS,
        end_ns=int(row["finished"]) * NS,
        queued_ns=int(row["scheduled"]) * NS,
    )


def conformal(past: Sequence[float], coverage: float) -> Interval:
    found = next_duration(past, coverage=coverage)
    return None if found is None else (found.low_s, found.high_s)


def normal(past: Sequence[float], coverage: float) -> Interval:
    reach = NormalDist().inv_cdf((1 + coverage) / 2) * stdev(past)
    return mean(past) - reach, mean(past) + reach


def newest_thirty(past: Sequence[float], coverage: float) -> Interval:
    low, high = np.quantile(past[-30:], [(1 - coverage) / 2, (1 + coverage) / 2])
    return float(low), float(high)


RULES: dict[str, Callable[[Sequence[float], float], Interval]] = {
    "makespan next_run": conformal,
    "normal, all runs": normal,
    "quantiles, newest 30": newest_thirty,
}


def asked_of(times: Sequence[Timed], coverage: float) -> Iterator[tuple[list[float], float]]:
    """For each run the durations of those that had ended when it started, in order of start, and its own."""
    for place, one in enumerate(times):
        past = [other.duration_s for other in times[:place] if other.start_s + other.duration_s <= one.start_s]
        if len(past) >= max(10, fewest_runs(coverage)):
            yield past, one.duration_s


def scored(rule: str, told: Sequence[tuple[Interval, float, float]], coverage: float) -> Score:
    """Score intervals beside what came and what was usual."""
    said = [(interval, came, usual) for interval, came, usual in told if interval is not None]
    fold = 2 / (1 - coverage)
    widths = [(high - low) / usual for (low, high), _, usual in said]
    misses = [max(0.0, low - came, came - high) / usual for (low, high), came, usual in said]
    return Score(
        rule=rule,
        asked=len(told),
        silent_ratio=1 - len(said) / len(told),
        held_ratio=mean(low <= came <= high for (low, high), came, _ in said),
        below_ratio=mean(came < low for (low, _), came, _ in said),
        above_ratio=mean(came > high for (_, high), came, _ in said),
        width=mean(widths),
        score=mean(width + fold * miss for width, miss in zip(widths, misses, strict=True)),
    )


def next_runs(series: dict[str, list[Timed]], coverage: float) -> list[Score]:
    questions = [question for times in series.values() for question in asked_of(times, coverage)]
    return [
        scored(name, [(rule(past, coverage), came, median(past[-20:])) for past, came in questions], coverage)
        for name, rule in RULES.items()
    ]


def running_at(run: PipelineRun, now_ns: int) -> PipelineRun:
    """A build as it was known at an instant: tasks that had begun, those under way without their ends."""
    jobs = []
    for job in run.jobs:
        if job.start_ns <= now_ns:
            is_over = job.end_ns <= now_ns
            jobs.append(
                JobRun(
                    name=job.name,
                    job_id=job.job_id,
                    result=job.result,
                    start_ns=job.start_ns,
                    end_ns=job.end_ns if is_over else now_ns,
                    queued_ns=job.queued_ns,
                    state=None if is_over else RunState.EXECUTING,
                )
            )
    return PipelineRun(
        run.identity, run.pipeline, run.result, run.start_ns, now_ns, tuple(jobs), state=RunState.EXECUTING
    )


def running_builds(builds: Sequence[PipelineRun]) -> list[Score]:
    """Ends of running builds, asked at parts of the usual makespan; those that had ended by then are not asked about.

    The interval is `remaining_time`'s, of which one in ten lies on either side; the score is over what was left.
    """
    found = []
    for part in (0.1, 0.25, 0.5, 0.75):
        told: list[tuple[Interval, float, float]] = []
        for place, run in enumerate(builds):
            past = [other for other in builds[:place] if other.end_ns <= run.start_ns][-SCENARIOS:]
            if len(past) < 10:
                continue
            usual_s = median(other.makespan_s for other in past)
            now_ns = run.start_ns + round(part * usual_s * NS)
            if now_ns < run.end_ns:
                forecast = remaining_time(running_at(run, now_ns), past, now_ns)
                interval = None if forecast is None else (forecast.early_ns / NS, forecast.late_ns / NS)
                told.append((interval, run.end_ns / NS, usual_s))
        found.append(scored(f"remaining_time at {part:.0%}", told, 0.8))
    return found


def weeks(root: Path) -> list[Score]:
    """The next 30 and 90 days of Bitcoin Core, asked every week."""
    text = (root / "histories" / "bitcoin_core_stats_daily.json").read_text("utf-8")
    daily = json.loads(text)["series"]["daily"]
    found = []
    for name in ("runs", "tasks"):
        counts = np.array([day[name] for day in daily], dtype=np.float64)
        for days in (30, 90):
            told: list[tuple[Interval, float, float]] = []
            for end in range(6 * 7, len(counts) - days, 7):
                past = counts[end % 7 : end].reshape(-1, 7).sum(axis=1)
                ahead = weeks_ahead(past, days)
                came = float(counts[end : end + days].sum())
                told.append(((ahead.low, ahead.high), came, came))
            found.append(scored(f"{name}, {days} days", told, 0.8))
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--coverage", type=float, default=0.8, help="of the next run's intervals (default: %(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    arguments = parser.parse_args()
    root = Path(os.environ.get("MAKESPAN_SHARED_DATA", "/nonexistent"))
    if not (root / "histories").is_dir():
        print("nothing to measure: MAKESPAN_SHARED_DATA names no directory with histories", file=sys.stderr)
        return 0
    builds = bitcoin_builds(root)
    series = histories(root, builds)
    parts = {
        f"next run, {arguments.coverage:.0%} asked for, {len(series)} series": next_runs(series, arguments.coverage),
        f"end of a running build, 80% asked for, {len(builds)} builds": running_builds(builds),
        "weeks ahead, 80% asked for": weeks(root),
    }
    if arguments.json:
        print(json.dumps({title: [asdict(one) for one in scores] for title, scores in parts.items()}, indent=2))
        return 0
    for title, scores in parts.items():
        print(f"{title}\n  {'':24}{'asked':>7}{'silent':>8}{'held':>8}{'below':>8}{'above':>8}{'width':>8}{'score':>8}")
        for one in scores:
            ratios = (one.silent_ratio, one.held_ratio, one.below_ratio, one.above_ratio)
            shown = "".join(f"{ratio:>8.1%}" for ratio in ratios)
            print(f"  {one.rule:24}{one.asked:>7}{shown}{one.width:>8.2f}{one.score:>8.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
