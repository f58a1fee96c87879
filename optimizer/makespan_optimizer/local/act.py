"""Runs one job file through `act` and turns its event stream into measured jobs and steps."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import sysconfig
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from makespan_model.errors import UnavailableError
from makespan_model.identity import job_label
from makespan_model.records import Result
from makespan_optimizer.local.leftovers import end_processes
from makespan_optimizer.local.need_stubs import RUNNER_LABEL

_RESULTS = {"success": Result.SUCCESS, "failure": Result.FAILURE, "skipped": Result.SKIP}
_TOLERATED = "Failed but continue next step"  # act's word for a step's `continue-on-error`
_TAIL_LINES = 40  # enough for a traceback with the test that raised it


@dataclass(frozen=True, slots=True)
class ActStep:
    """A step as act reported it; `key` is the step's id or its position in the job file."""

    key: str
    result: Result
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class ActLeg:
    """One leg of a job (the job itself where it has no matrix)."""

    label: str
    result: Result
    start_ns: int
    end_ns: int
    steps: tuple[ActStep, ...]


@dataclass(frozen=True, slots=True)
class ActOutcome:
    """What one call of act did.

    Attributes:
        legs: Empty when the job's condition was false.
        error: act's own message when it could not run the file at all.
        failed_output: The last lines printed by the first step whose failure failed the job.
    """

    legs: tuple[ActLeg, ...]
    error: str | None
    failed_output: tuple[str, ...]


@dataclass(slots=True)
class _OpenLeg:
    label: str
    start_ns: int
    end_ns: int
    result: Result | None = None
    saw_error: bool = False
    started: dict[str, int] = field(default_factory=dict)
    tolerated: set[str] = field(default_factory=set)
    steps: list[ActStep] = field(default_factory=list)
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=_TAIL_LINES))


StepListener = Callable[[str, str, Result | None, float], None]
"""Called with (job label, step key, result or None at the start, seconds)."""
OutputListener = Callable[[str, str], None]
"""Called with (job label, line)."""


def find_act() -> str:
    """Path of the act binary: of this environment, else from PATH.

    Raises:
        UnavailableError: It is not installed.
    """
    beside = Path(sysconfig.get_path("scripts")) / "act"
    found = str(beside) if beside.is_file() else shutil.which("act")
    if found is None:
        raise UnavailableError("act is not installed; it comes with: pip install 'makespan[optimizer]'")
    return found


class ActCall:
    """One act process for one job file.

    Args:
        job_id: The job whose events count; those of the stubs for its needs do not.
        file: The job file.
        repository: A git work tree, which act copies for each job that checks out.
        environment: Of act, and so of all that it starts.
        mark: Name of a variable in `environment` whose value no other job's processes have.
        parallel_legs: How many matrix legs run at once.
    """

    def __init__(
        self,
        job_id: str,
        file: Path,
        *,
        repository: Path,
        environment: Mapping[str, str],
        mark: str,
        parallel_legs: int,
    ) -> None:
        self._job_id = job_id
        self._end_processes = partial(end_processes, mark, environment[mark])
        self._legs: dict[str, _OpenLeg] = {}
        self._need_failed = False
        self._error: list[str] = []
        self._failed_tail: deque[str] | None = None
        command = [find_act(), "push", "-W", str(file), "-C", str(repository), "-j", job_id, "--json"]
        command += ["-P", f"{RUNNER_LABEL}=-self-hosted", "--no-cache-server", "--artifact-server-addr", "127.0.0.1"]
        command += ["--concurrent-jobs", str(parallel_legs)]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            start_new_session=True,
        )

    def follow(self, on_step: StepListener, on_output: OutputListener) -> ActOutcome:
        """Read events until act ends, then end what its steps left running, as GitHub's runner does."""
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for raw in stream:
                line = raw.decode("utf-8", "replace").rstrip("\n")
                event = _parse(line)
                if event is None:
                    self._error.append(line)
                elif event.get("jobID") == self._job_id:
                    self._take(event, time.time_ns(), on_step, on_output)
                elif event.get("jobResult") == "failure":
                    self._need_failed = True
        exit_code = self._process.wait()
        self._end_processes()
        blamed = any(leg.saw_error for leg in self._legs.values())
        legs = tuple(_close(leg, blamed=blamed) for leg in self._legs.values())
        # act also exits 1 for the stub of a need that failed, whatever became of the job itself.
        failed = exit_code != 0 and not legs and not self._need_failed
        said = self._error[:_TAIL_LINES]
        failed_output = tuple(self._failed_tail or ())
        if not failed_output and any(leg.result is Result.ERROR for leg in legs):
            failed_output = tuple(said)
        error = "\n".join(said) or f"act ended with {exit_code}"
        return ActOutcome(legs, error if failed else None, failed_output)

    def stop(self) -> None:
        """End act and what it started; `follow` returns then. Harmless once it has ended."""
        if self._process.poll() is None:
            self._end_processes()
            self._process.wait()

    def _take(self, event: dict[str, object], now_ns: int, on_step: StepListener, on_output: OutputListener) -> None:
        matrix = event.get("matrix")
        label = job_label(self._job_id, matrix if isinstance(matrix, dict) else None)
        leg = self._legs.setdefault(label, _OpenLeg(label, now_ns, now_ns))
        leg.end_ns = now_ns
        leg.saw_error = leg.saw_error or event.get("level") == "error"
        text = str(event.get("msg", ""))
        if event.get("raw_output"):
            leg.tail.append(text.rstrip("\n"))
            on_output(label, text.rstrip("\n"))
        elif "jobResult" in event:
            leg.result = _RESULTS.get(str(event["jobResult"]), Result.ERROR)
        elif event.get("stage") == "Main" and isinstance(event.get("stepID"), list):
            self._take_step(leg, event, now_ns, on_step)

    def _take_step(self, leg: _OpenLeg, event: dict[str, object], now_ns: int, on_step: StepListener) -> None:
        ids = event["stepID"]
        assert isinstance(ids, list)
        if len(ids) != 1:
            return  # a step inside a composite action belongs to its outer step
        key, said = str(ids[0]), str(event.get("msg", ""))
        if "stepResult" not in event:
            if said == _TOLERATED:
                leg.tolerated.add(key)
            elif key not in leg.started and said.startswith("⭐"):
                leg.started[key] = now_ns
                leg.tail = deque(maxlen=_TAIL_LINES)
                on_step(leg.label, key, None, 0.0)
            return
        result = _RESULTS.get(str(event["stepResult"]), Result.ERROR)
        start_ns = leg.started.get(key, now_ns)
        leg.steps.append(ActStep(key, result, start_ns, now_ns))
        failed = result not in (Result.SUCCESS, Result.SKIP) and key not in leg.tolerated
        if failed and not self._failed_tail:
            # act reads output and results apart: the last lines may come after the result.
            self._failed_tail = leg.tail
        on_step(leg.label, key, result, (now_ns - start_ns) / 1e9)


def _parse(line: str) -> dict[str, object] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) else None


def _close(leg: _OpenLeg, *, blamed: bool) -> ActLeg:
    """One leg as it ended; `blamed` says that some leg reported an error of its own.

    act keeps one result for the whole matrix: after the first failure each later leg is said to have failed.
    """
    result = leg.result or Result.ERROR
    if result is Result.FAILURE and blamed and not leg.saw_error:
        result = Result.SUCCESS
    return ActLeg(leg.label, result, leg.start_ns, leg.end_ns, tuple(leg.steps))


def agent_shell() -> tuple[str, ...]:
    """Command of `makespan shell` of this very installation, whatever PATH a step sets."""
    script = Path(sysconfig.get_path("scripts")) / "makespan"
    if script.is_file():
        return (str(script), "shell")
    return (sys.executable, "-m", "makespan_cli.main", "shell")
