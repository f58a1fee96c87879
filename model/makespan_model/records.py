"""What is known of a run: the tree run → job → step, and the resource samples of a step.

Timestamps are integer Unix nanoseconds, durations float seconds, memory integer bytes, CPU seconds
or cores. `None` means "not measured", never zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from makespan_model.identity import RunIdentity

_NS_PER_S = 1_000_000_000


class Result(StrEnum):
    """How a run, job or step ended: `cicd.pipeline.result` of the OpenTelemetry semantic conventions."""

    SUCCESS = "success"
    FAILURE = "failure"
    ERROR = "error"
    TIMEOUT = "timeout"
    CANCELLATION = "cancellation"
    SKIP = "skip"


class StepKind(StrEnum):
    """Whether a step ran a command or an action (`uses:`)."""

    RUN = "run"
    USES = "uses"


@dataclass(frozen=True, slots=True)
class Usage:
    """Resources a step's whole process tree used."""

    cpu_user_s: float | None = None
    cpu_system_s: float | None = None
    memory_peak_bytes: int | None = None
    io_read_bytes: int | None = None
    io_write_bytes: int | None = None

    @property
    def cpu_s(self) -> float | None:
        """User plus system CPU seconds; None when neither was measured."""
        if self.cpu_user_s is None and self.cpu_system_s is None:
            return None
        return (self.cpu_user_s or 0.0) + (self.cpu_system_s or 0.0)


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading of a step's process tree; rates are over the time since the reading before."""

    time_ns: int
    cpu_cores: float
    memory_bytes: int
    processes: int
    io_read_bytes_per_s: float | None = None
    io_write_bytes_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class StepRun:
    """One step of one job of one run.

    Attributes:
        path: Unique within the job and the same wherever the step is seen; what its span id is derived from.
        name: What a person reads: the step's `name`, or the first line of its command.
        index: 0-based position in the job's step list, where the workflow file is known.
    """

    path: str
    name: str
    result: Result
    start_ns: int
    end_ns: int
    kind: StepKind = StepKind.RUN
    index: int | None = None
    exit_code: int | None = None
    usage: Usage = field(default_factory=Usage)

    def __post_init__(self) -> None:
        _check_times(self.name, self.start_ns, self.end_ns)

    @property
    def duration_s(self) -> float:
        """Wall time."""
        return (self.end_ns - self.start_ns) / _NS_PER_S


@dataclass(frozen=True, slots=True)
class JobRun:
    """One job of one run.

    Attributes:
        name: The label of `identity.job_label`: the job's id with its matrix values.
        job_id: The key of the job in the workflow file; matrix legs share it.
        needs: Job ids this one waited for; None when nobody recorded the graph.
        queued_ns: When the job could have started (its needs were done); None when unknown.
        worker: The runner's name, if known.
    """

    name: str
    job_id: str
    result: Result
    start_ns: int
    end_ns: int
    steps: tuple[StepRun, ...] = ()
    needs: tuple[str, ...] | None = None
    queued_ns: int | None = None
    worker: str | None = None

    def __post_init__(self) -> None:
        _check_times(self.name, self.start_ns, self.end_ns)

    @property
    def duration_s(self) -> float:
        """Wall time from the runner taking the job to its end; queueing is not part of it."""
        return (self.end_ns - self.start_ns) / _NS_PER_S

    @property
    def queue_s(self) -> float | None:
        """Time the job waited for a runner after it could have started."""
        return None if self.queued_ns is None else max(0.0, (self.start_ns - self.queued_ns) / _NS_PER_S)


@dataclass(frozen=True, slots=True)
class PipelineRun:
    """One run of one pipeline with its jobs, ordered by start."""

    identity: RunIdentity
    pipeline: str
    result: Result
    start_ns: int
    end_ns: int
    jobs: tuple[JobRun, ...] = ()
    ref: str | None = None
    commit: str | None = None

    def __post_init__(self) -> None:
        _check_times(self.pipeline, self.start_ns, self.end_ns)

    @property
    def makespan_s(self) -> float:
        """Time from the start of the first task to the end of the last."""
        return (self.end_ns - self.start_ns) / _NS_PER_S

    @property
    def cpu_s(self) -> float:
        """CPU seconds of all measured steps."""
        return sum(step.usage.cpu_s or 0.0 for job in self.jobs for step in job.steps)


def pooled_path(step_path: str) -> str:
    """The path under which a step is the same step in every run.

    The agent ends the path of a `makespan run` step with `@` and its start time, so that one job may run the same
    command twice; that part says nothing about the step itself.
    """
    head, separator, tail = step_path.rpartition("@")
    # 16 digits of nanoseconds is 1970: no start time is shorter, hardly a version behind an `@` is longer.
    return head if separator and tail.isdigit() and len(tail) >= 16 else step_path


def _check_times(name: str, start_ns: int, end_ns: int) -> None:
    if start_ns < 0 or end_ns < start_ns:
        raise ValueError(f"{name!r} ends before it starts: {start_ns} .. {end_ns} ns")
