"""Runs all jobs of a workflow on this machine: each starts when its own `needs` are done and a runner is free."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from pathlib import Path

from makespan_model.errors import MakespanError
from makespan_model.identity import RunIdentity
from makespan_model.records import Result
from makespan_optimizer.local.act import ActCall, ActLeg, ActOutcome, agent_shell
from makespan_optimizer.local.captures import FOLDER_VARIABLE, read_outputs, read_tolerated
from makespan_optimizer.local.environment import job_environment
from makespan_optimizer.local.job_file import (
    JobFile,
    StepLabel,
    Wrapper,
    blocked_reason,
    build_job_file,
    skipped_by_needs,
)
from makespan_optimizer.local.need_stubs import NeedOutcome
from makespan_optimizer.workflow.model import Job, Workflow


@dataclass(frozen=True, slots=True)
class LocalOptions:
    """How a local run goes.

    Attributes:
        repository: Git work tree the jobs check out.
        identity: The run, as the agent and the store will know it.
        pipeline: The pipeline's name.
        runners: Jobs that run at once.
        cache_folder: Where `actions/cache` entries live between runs.
        artifact_folder: Where this run's artifacts go.
        tool_folder: What stand-ins keep from run to run: pip for the environments of jobs.
        spool: The agent's spool; its records are sent after the run, not while it is measured.
        host: Environment of this process.
    """

    repository: Path
    identity: RunIdentity
    pipeline: str
    runners: int
    cache_folder: Path
    artifact_folder: Path
    tool_folder: Path
    spool: Path
    host: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class LocalJob:
    """How one job ended.

    Attributes:
        ready_ns: When its needs were done.
        legs: Measured legs; empty when it was skipped or cannot run here.
        labels: Names of its steps by act's step key.
        failed_output: Last output of the first failing step.
    """

    job_id: str
    result: Result
    ready_ns: int
    end_ns: int
    legs: tuple[ActLeg, ...] = ()
    labels: Mapping[str, StepLabel] = field(default_factory=dict)
    outputs: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    failed_output: tuple[str, ...] = ()
    tolerated: bool = False

    @property
    def need_outcome(self) -> NeedOutcome:
        """What jobs that need this one see; a tolerated failure counts as success there."""
        failed = self.result not in (Result.SUCCESS, Result.SKIP)
        return NeedOutcome(Result.SUCCESS if failed and self.tolerated else self.result, self.outputs)


@dataclass(frozen=True, slots=True)
class LocalRun:
    """One finished local run; `jobs` in the order of the file."""

    workflow: Workflow
    options: LocalOptions
    start_ns: int
    end_ns: int
    jobs: tuple[LocalJob, ...]

    @property
    def result(self) -> Result:
        """Failure when a job failed that the workflow does not tolerate."""
        failed = any(job.need_outcome.result not in (Result.SUCCESS, Result.SKIP) for job in self.jobs)
        return Result.FAILURE if failed else Result.SUCCESS

    @property
    def makespan_s(self) -> float:
        """From the start of the run to the end of its last job."""
        return (self.end_ns - self.start_ns) / 1e9

    @property
    def notes(self) -> tuple[str, ...]:
        """What ran differently than on GitHub, each once."""
        return tuple(dict.fromkeys(note for job in self.jobs for note in job.notes))


@dataclass(frozen=True, slots=True)
class Progress:
    """Called as the run goes on; each may be called from several threads.

    Attributes:
        on_step: (job label, step name, result or None at the start, seconds).
        on_job: (job id, result or None at the start, seconds).
        on_output: (job label, line of output).
    """

    on_step: Callable[[str, str, Result | None, float], None]
    on_job: Callable[[str, Result | None, float], None]
    on_output: Callable[[str, str], None]


def run_workflow(workflow: Workflow, options: LocalOptions, progress: Progress) -> LocalRun:
    """Run every job of `workflow`.

    Raises:
        UnavailableError: act is not installed.
        MakespanError: act could not run a job file; the message quotes it.
        KeyboardInterrupt: After every act was stopped.
    """
    runner = _Runner(workflow, options, progress)
    try:
        return runner.run()
    finally:
        runner.close()


class _Runner:
    def __init__(self, workflow: Workflow, options: LocalOptions, progress: Progress) -> None:
        self.workflow = workflow
        self.options = options
        self.progress = progress
        self.wrapper = Wrapper(shell=agent_shell(), python=sys.executable)
        self.root = Path(tempfile.mkdtemp(prefix="makespan-exec-"))
        self.calls: list[ActCall] = []
        self.lock = threading.Lock()
        self.stopping = False
        self.pool = ThreadPoolExecutor(max_workers=options.runners, thread_name_prefix="runner")

    def run(self) -> LocalRun:
        start_ns = time.time_ns()
        done: dict[str, LocalJob] = {}
        waiting = {job.job_id: job for job in self.workflow.jobs}
        running: dict[Future[LocalJob], str] = {}
        while waiting or running:
            self._start_ready(waiting, running, done, start_ns)
            if not running:
                continue
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                done[running.pop(future)] = future.result()
        end_ns = max((job.end_ns for job in done.values()), default=start_ns)
        jobs = tuple(done[job.job_id] for job in self.workflow.jobs)
        return LocalRun(self.workflow, self.options, start_ns, end_ns, jobs)

    def _start_ready(
        self,
        waiting: dict[str, Job],
        running: dict[Future[LocalJob], str],
        done: dict[str, LocalJob],
        start_ns: int,
    ) -> None:
        for job_id, job in list(waiting.items()):
            if not all(need in done for need in self._needs_of(job)):
                continue
            del waiting[job_id]
            ready_ns = max((done[need].end_ns for need in self._needs_of(job)), default=start_ns)
            needs = self._outcomes(job, done)
            settled = self._settle_without_running(job, needs, ready_ns)
            if settled is not None:
                done[job_id] = settled
            else:
                running[self.pool.submit(self._run_job, job, needs, ready_ns)] = job_id

    def _needs_of(self, job: Job) -> list[str]:
        """Needs as the jobs spell their own ids: GitHub compares them without case."""
        found = [self.workflow.job(need) for need in job.needs]
        return [need.job_id for need in found if need is not None]

    def _outcomes(self, job: Job, done: Mapping[str, LocalJob]) -> dict[str, NeedOutcome]:
        """What the job sees of its needs, in its own spelling of their ids."""
        outcomes = {}
        for need, job_id in zip(job.needs, self._needs_of(job), strict=True):
            behind = [done[ancestor].need_outcome.result for ancestor in self._ancestors(job_id)]
            settled = all(result is Result.SUCCESS for result in behind)
            own = done[job_id].need_outcome
            outcomes[need] = own if settled else replace(own, behind=_worst(behind, or_else=Result.SKIP))
        return outcomes

    def _ancestors(self, job_id: str) -> set[str]:
        job = self.workflow.job(job_id)
        assert job is not None
        direct = set(self._needs_of(job))
        return direct.union(*(self._ancestors(need) for need in direct))

    def _settle_without_running(self, job: Job, needs: Mapping[str, NeedOutcome], ready_ns: int) -> LocalJob | None:
        if skipped_by_needs(job, needs):
            self.progress.on_job(job.job_id, Result.SKIP, 0.0)
            return LocalJob(job.job_id, Result.SKIP, ready_ns, ready_ns)
        reason = blocked_reason(job)
        if reason is not None:
            self.progress.on_job(job.job_id, Result.SKIP, 0.0)
            note = f"job {job.job_id} {reason}, which cannot run here; it is left out as if it had succeeded"
            return LocalJob(job.job_id, Result.SUCCESS, ready_ns, ready_ns, notes=(note,))
        return None

    def _run_job(self, job: Job, needs: Mapping[str, NeedOutcome], ready_ns: int) -> LocalJob:
        job_file = build_job_file(self.workflow, job, needs, self.wrapper)
        folder = self.root / f"job-{self.workflow.jobs.index(job)}"
        captures = folder / "captures"
        self.progress.on_job(job.job_id, None, 0.0)
        outcome = self._call_act(job, job_file, folder, captures)
        if outcome.error is not None:
            raise MakespanError(f"act could not run job {job.job_id} of {self.workflow.file}:\n{outcome.error}")
        ran = any(leg.result is Result.SUCCESS for leg in outcome.legs)
        result = _worst((leg.result for leg in outcome.legs), or_else=Result.SUCCESS if ran else Result.SKIP)
        end_ns = max((leg.end_ns for leg in outcome.legs), default=time.time_ns())
        start_ns = min((leg.start_ns for leg in outcome.legs), default=end_ns)
        self.progress.on_job(job.job_id, result, (end_ns - start_ns) / 1e9)
        return LocalJob(
            job_id=job.job_id,
            result=result,
            ready_ns=ready_ns,
            end_ns=end_ns,
            legs=outcome.legs,
            labels=job_file.steps,
            outputs=read_outputs(captures, job_file.outputs),
            notes=job_file.notes,
            failed_output=outcome.failed_output,
            tolerated=_is_tolerated(job, outcome.legs, captures),
        )

    def _call_act(self, job: Job, job_file: JobFile, folder: Path, captures: Path) -> ActOutcome:
        home, temporary = folder / "home", folder / "tmp"
        for new in (home, temporary, captures):
            new.mkdir(parents=True)
        file, steps_file = folder / "job.yml", folder / "steps.json"
        file.write_text(job_file.text, "utf-8")
        labels = {
            key: {"name": label.name, "index": label.index, "kind": label.kind} for key, label in job_file.steps.items()
        }
        steps_file.write_text(json.dumps({job.job_id: labels}), "utf-8")
        options = self.options
        environment = job_environment(options.host, home=home, temporary=temporary) | {
            "MAKESPAN_RUN_ID": options.identity.run_id,
            "MAKESPAN_RUN_ATTEMPT": str(options.identity.attempt),
            "MAKESPAN_REPOSITORY": options.identity.repository,
            "MAKESPAN_PIPELINE": options.pipeline,
            "MAKESPAN_STEPS_FILE": str(steps_file),
            "MAKESPAN_SPOOL": str(options.spool),
            "MAKESPAN_EXPORT": "flush-only",
            "MAKESPAN_CACHE_FOLDER": str(options.cache_folder),
            "MAKESPAN_ARTIFACT_FOLDER": str(options.artifact_folder),
            "MAKESPAN_TOOL_FOLDER": str(options.tool_folder),
            FOLDER_VARIABLE: str(captures),
        }
        with self.lock:
            if self.stopping:
                raise KeyboardInterrupt
            call = ActCall(
                job.job_id,
                file,
                repository=options.repository,
                environment=environment,
                mark=FOLDER_VARIABLE,
                parallel_legs=options.runners,
            )
            self.calls.append(call)

        def name_step(label: str, key: str, result: Result | None, seconds: float) -> None:
            if key in job_file.steps:
                self.progress.on_step(label, job_file.steps[key].name, result, seconds)

        return call.follow(name_step, self.progress.on_output)

    def close(self) -> None:
        with self.lock:
            self.stopping = True
            calls = list(self.calls)
        for call in calls:
            call.stop()
        self.pool.shutdown(wait=True, cancel_futures=True)
        # Jobs leave read-only files behind (Go's module cache is one); what cannot go stays in the temporary folder.
        shutil.rmtree(self.root, ignore_errors=True)


def _is_tolerated(job: Job, legs: Iterable[ActLeg], captures: Path) -> bool:
    """Whether `continue-on-error` holds for every leg that did not succeed."""
    if (job.continue_on_error or "").lower() == "true":
        return True
    tolerated = read_tolerated(captures, job.job_id)
    return all(leg.label in tolerated for leg in legs if leg.result is not Result.SUCCESS)


def _worst(results: Iterable[Result], *, or_else: Result) -> Result:
    found = set(results)
    return next((result for result in (Result.ERROR, Result.FAILURE, Result.CANCELLATION) if result in found), or_else)
