"""Simulated against recorded makespans: trained on the earlier part of a history, judged on the part after it.

    MAKESPAN_SHARED_DATA=DIR python benchmarks/simulation.py [--runs N] [--window N] [--by-split] [--speed] [--json]

Reads recorded runs under DIR/histories (Bitcoin Core, Linkerd, Autoware, and a students' project). Each history is cut
at 50, 60, 70, 80 and 90 %; up to `--window` runs before the cut are what the simulator and the baselines know, the
tenth after it is what they are judged by. Only runs that succeeded count as makespans; all train. The pipeline's graph
is written below where the history does not tell it; jobs are those of half of the 30 runs before the cut.

The error of a split is the difference between the predicted median makespan and that of the runs after the cut, over
the latter. `--speed` times the replay of a graph of 50 jobs instead.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TextIO

import numpy as np

from makespan_model.identity import RunIdentity
from makespan_model.records import JobRun, PipelineRun, Result
from makespan_optimizer.simulation.observations import observe
from makespan_optimizer.simulation.resampling import draw_runs, unknown_jobs
from makespan_optimizer.simulation.shape import JobShape, PipelineShape, in_order
from makespan_optimizer.simulation.simulate import Question, simulate
from makespan_optimizer.simulation.unlimited_replay import play_unlimited

CUTS = (0.5, 0.6, 0.7, 0.8, 0.9)
NS = 1_000_000_000
Needs = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class History:
    """Runs, oldest first, and what their jobs wait for."""

    name: str
    runs: Sequence[PipelineRun]
    needs: Needs
    everyone_needs: str | None = None


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


def bitcoin(folder: Path) -> History:
    """Every task of a build; a task that never executed was skipped, or cancelled with its build."""
    with gzip.open(folder / "bitcoin_core_tasks.csv.gz", "rt") as file:
        builds: dict[str, list[dict[str, str]]] = defaultdict(list)
        for row in csv.DictReader(file):
            builds[row["build_id"]].append(row)
    runs = []
    for build, rows in builds.items():
        jobs = [_bitcoin_job(row) for row in rows]
        start_s = int(rows[0]["build_created"])
        result = {"COMPLETED": Result.SUCCESS, "FAILED": Result.FAILURE}.get(
            rows[0]["build_status"], Result.CANCELLATION
        )
        runs.append(run("bitcoin", build, jobs, start_s, result))
    # `ci.yml` of the repository: all but the jobs on GitHub's own runners wait for "determine runners".
    hosted = {
        job.name for one in runs for job in one.jobs if job.name.startswith(("macOS 14", "Windows native", "test"))
    }
    names = {job.name for one in runs for job in one.jobs} - hosted - {"determine runners"}
    needs = dict.fromkeys(names, ("determine runners",))
    needs["Windows, test cross-built"] = ("Linux->Windows cross, no tests",)
    return History("bitcoin", sorted(runs, key=lambda one: one.start_ns), needs)


def _bitcoin_job(row: Mapping[str, str]) -> JobRun:
    begin, end = int(row["executing"] or 0), int(row["finished"] or 0)
    created = int(row["created"])
    result = {"COMPLETED": Result.SUCCESS, "FAILED": Result.FAILURE}.get(row["status"], Result.CANCELLATION)
    if result is Result.CANCELLATION and end <= begin:
        result, begin, end = Result.SKIP, created, created
    return JobRun(row["name"], row["name"], result, begin * NS, max(begin, end) * NS)


def linkerd(folder: Path, workflow: str, needs: Needs) -> History:
    """Jobs come without the id of their run, and near to each other in the file.

    Jobs of a run are those that start within a minute of each other or, where they wait for one, within five minutes
    after its end. Jobs that were tried again alone belong to no run.
    """
    with gzip.open(folder / "linkerd_jobs.csv.gz", "rt") as file:
        rows = [row for row in csv.DictReader(file) if row["Workflow"] == workflow and "${{" not in row["Job"]]
    jobs = [_linkerd_job(row) for row in rows]
    first = next(iter(needs.values()))[0] if needs else None
    taken: set[int] = set()
    runs = []
    for number, job in enumerate(jobs):
        if number in taken or (first is not None and job.name != first):
            continue
        begin_ns, longest_ns = (job.start_ns - 60 * NS, 120 * NS) if first is None else (job.end_ns, 300 * NS)
        found = {job.name: number}
        for other in range(max(0, number - 12), min(len(jobs), number + 13)):
            is_near = 0 <= jobs[other].start_ns - begin_ns <= longest_ns
            if is_near and other not in taken and jobs[other].name not in found:
                found[jobs[other].name] = other
        taken.update(found.values())
        members = [jobs[other] for other in found.values()]
        failed = any(one.result is Result.FAILURE for one in members)
        start_s = min(one.start_ns for one in members) // NS
        runs.append(run(workflow, str(number), members, start_s, Result.FAILURE if failed else Result.SUCCESS))
    usual = median(len(one.jobs) for one in runs)
    whole = [one for one in runs if len(one.jobs) >= usual - 1]
    return History(f"linkerd {workflow}", sorted(whole, key=lambda one: one.start_ns), needs)


def _linkerd_job(row: Mapping[str, str]) -> JobRun:
    result = {"success": Result.SUCCESS, "skipped": Result.SKIP}.get(row["Conclusion"], Result.FAILURE)
    begin, end = (round(datetime.fromisoformat(row[key]).timestamp()) for key in ("Started", "Completed"))
    return JobRun(row["Job"], row["Job"], result, begin * NS, max(begin, end) * NS)


def whole_runs(name: str, rows: Iterable[tuple[float, float, str]]) -> History:
    """Runs of which only the whole is known: a pipeline of one job."""
    runs = []
    for number, (start_s, duration_s, conclusion) in enumerate(sorted(rows)):
        result = {"success": Result.SUCCESS, "failure": Result.FAILURE}.get(conclusion, Result.CANCELLATION)
        job = JobRun("run", "run", result, round(start_s) * NS, round((start_s + duration_s) * NS))
        runs.append(run(name, str(number), [job], round(start_s), result))
    return History(name, runs, {})


def autoware(folder: Path) -> list[History]:
    with gzip.open(folder / "autoware_runs.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    series = sorted({row["series"] for row in rows})
    return [
        whole_runs(
            f"autoware {name.removeprefix('autoware_')}",
            (
                (datetime.fromisoformat(row["created_at"]).timestamp(), float(row["duration"]), row["conclusion"])
                for row in rows
                if row["series"] == name
            ),
        )
        for name in series
    ]


def ukma(folder: Path) -> History:
    with (folder / "rate_ukma_runs.csv").open() as file:
        rows = [
            (
                datetime.strptime(row["created_at"], "%d %B %Y, %H:%M:%S UTC").replace(tzinfo=UTC).timestamp(),
                float(row["duration_s"]),
                row["conclusion"],
            )
            for row in csv.DictReader(file)
        ]
    return whole_runs("rate-ukma", rows)


def run(pipeline: str, run_id: str, jobs: Sequence[JobRun], start_s: int, result: Result) -> PipelineRun:
    executed = [job.end_ns for job in jobs if job.result is not Result.SKIP]
    start_ns = start_s * NS
    return PipelineRun(
        RunIdentity("github", "o/r", run_id), pipeline, result, start_ns, max([start_ns, *executed]), tuple(jobs)
    )


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
        return median(abs(one / told_s - 1) for one in future_s)

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


def histories(folder: Path) -> list[History]:
    kind = {f"Integration tests ({name})": ("Docker build",) for name in _KIND_TESTS}
    return [
        bitcoin(folder),
        linkerd(folder, "KinD integration", kind),
        linkerd(folder, "Static checks", {}),
        linkerd(folder, "Unit tests", {}),
        linkerd(folder, "Cloud integration", {"Cloud integration tests": ("Docker push",)}),
        *autoware(folder),
        ukma(folder),
    ]


_KIND_TESTS = ("uninstall", "custom_domain", "upgrade", "helm", "deep", "external_issuer", "helm_upgrade")


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
    shared = os.environ.get("MAKESPAN_SHARED_DATA")
    if not shared:
        parser.error("MAKESPAN_SHARED_DATA must name the directory that holds `histories`")
    found = [
        one
        for history in histories(Path(shared, "histories"))
        for cut in CUTS
        if (one := judge(history, cut, arguments.window, arguments.runs)) is not None
    ]
    if arguments.json:
        print(json.dumps([asdict(one) for one in found], indent=2))
    else:
        print_table(found, sys.stdout, by_split=arguments.by_split)


if __name__ == "__main__":
    main()
