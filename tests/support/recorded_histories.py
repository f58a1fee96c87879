"""Recorded runs of real pipelines as `PipelineRun`s, for what judges the simulator.

Read from `histories` of the shared data: Bitcoin Core, Linkerd, Autoware, and a students' project.
"""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

from makespan_model.identity import RunIdentity
from makespan_model.records import JobRun, PipelineRun, Result

NS = 1_000_000_000
Needs = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class History:
    """Runs, oldest first, and what their jobs wait for."""

    name: str
    runs: Sequence[PipelineRun]
    needs: Needs
    everyone_needs: str | None = None


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
