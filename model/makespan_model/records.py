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


class RunState(StrEnum):
    """What a run or job that has not ended is doing: `cicd.pipeline.run.state` of the semantic conventions."""

    PENDING = "pending"
    EXECUTING = "executing"
    FINALIZING = "finalizing"


class CacheOutcome(StrEnum):
    """What a step that restores a cache found: the key itself, an older one to start from, or nothing."""

    HIT = "hit"
    PARTIAL = "partial"
    MISS = "miss"


class StepKind(StrEnum):
    """Whether a step ran a command or an action (`uses:`)."""

    RUN = "run"
    USES = "uses"


class MemoryPeakSource(StrEnum):
    """Where a memory peak comes from, the most exact first.

    `cgroup` is the kernel's own record for a cgroup that holds the step alone, page cache included.
    `rusage` is the largest single process. `pss` and `rss` are the highest sampled sum over the tree:
    proportional set sizes count a shared page once, resident set sizes count it in every process.
    """

    CGROUP = "cgroup"
    RUSAGE = "rusage"
    PSS = "pss"
    RSS = "rss"


class PressureSource(StrEnum):
    """Whose tasks a pressure stall total speaks of: those of the step's container, or of the whole machine."""

    CGROUP = "cgroup"
    HOST = "host"


@dataclass(frozen=True, slots=True)
class ExecutableUsage:
    """What the processes of one name used within a step.

    Attributes:
        name: The executable's name; `other` for those beyond the largest, `unsampled` for processes that
            lived between two readings.
        cpu_s: CPU seconds; over all names they add up to the step's exact total.
        memory_peak_bytes: Highest sampled sum of resident sizes; None for what was never sampled.
        processes: How many were seen; None where nobody could count them.
    """

    name: str
    cpu_s: float
    memory_peak_bytes: int | None = None
    processes: int | None = None


@dataclass(frozen=True, slots=True)
class Usage:
    """Resources a step's whole process tree used, and those it was offered.

    Attributes:
        throttled_s: Time its container's tasks were held back by the CPU quota (summed over CPUs).
        throttled_periods: Quota periods in which that happened.
        oom_kills: Processes of its container killed for lack of memory while it ran.
        memory_oom_events, memory_high_events, memory_max_events: How often the container came to
            the end of its memory, to `memory.high`, and to its limit.
        cpu_pressure_s, memory_pressure_s, io_pressure_s: Time in which some task waited for it (PSI `some`).
        cpu_limit_cores, memory_limit_bytes: The tightest limit of the containers around it; None without one.
        host_cpus: CPUs the step could run on.
        host_memory_bytes: Memory of the machine.
        executables: The share of every executable, largest CPU first.
    """

    cpu_user_s: float | None = None
    cpu_system_s: float | None = None
    memory_peak_bytes: int | None = None
    io_read_bytes: int | None = None
    io_write_bytes: int | None = None
    memory_peak_source: MemoryPeakSource | None = None
    minor_faults: int | None = None
    major_faults: int | None = None
    voluntary_switches: int | None = None
    involuntary_switches: int | None = None
    throttled_s: float | None = None
    throttled_periods: int | None = None
    oom_kills: int | None = None
    memory_oom_events: int | None = None
    memory_high_events: int | None = None
    memory_max_events: int | None = None
    cpu_pressure_s: float | None = None
    memory_pressure_s: float | None = None
    io_pressure_s: float | None = None
    pressure_source: PressureSource | None = None
    cpu_limit_cores: float | None = None
    memory_limit_bytes: int | None = None
    host_cpus: int | None = None
    host_memory_bytes: int | None = None
    executables: tuple[ExecutableUsage, ...] = ()

    @property
    def cpu_s(self) -> float | None:
        """User plus system CPU seconds; None when neither was measured."""
        if self.cpu_user_s is None and self.cpu_system_s is None:
            return None
        return (self.cpu_user_s or 0.0) + (self.cpu_system_s or 0.0)

    @property
    def offered_cores(self) -> float | None:
        """CPU cores the step could use at once; None when unknown."""
        return min((n for n in (self.cpu_limit_cores, self.host_cpus) if n is not None), default=None)

    @property
    def offered_memory_bytes(self) -> int | None:
        """Memory the step could use; None when unknown."""
        return min((n for n in (self.memory_limit_bytes, self.host_memory_bytes) if n is not None), default=None)


@dataclass(frozen=True, slots=True)
class Sample:
    """One reading of a step's process tree and of the machine; rates are over the time since the reading before.

    Attributes:
        host_cpu_cores: Cores busy on the whole machine.
        host_memory_available_bytes: Memory the machine could still give out without swapping.
        host_load: Its load average over one minute.
        host_disk_used_bytes: Used space of the file system of the step's directory.
        host_disk_read_bytes_per_s, host_disk_write_bytes_per_s: Over all of the machine's disks.
    """

    time_ns: int
    cpu_cores: float
    memory_bytes: int
    processes: int
    io_read_bytes_per_s: float | None = None
    io_write_bytes_per_s: float | None = None
    host_cpu_cores: float | None = None
    host_memory_available_bytes: int | None = None
    host_load: float | None = None
    host_disk_used_bytes: int | None = None
    host_disk_read_bytes_per_s: float | None = None
    host_disk_write_bytes_per_s: float | None = None


@dataclass(frozen=True, slots=True)
class StepRun:
    """One step of one job of one run.

    Attributes:
        path: Unique within the job and the same wherever the step is seen; what its span id is derived from.
        name: What a person reads: the step's `name`, or the first line of its command.
        index: 0-based position in the job's step list, where the workflow file is known.
        cache_outcome: None for a step that restores no cache, or does not say.
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
    cache_outcome: CacheOutcome | None = None

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
        runner_labels: What it asked of its runner (`runs-on`, tags); None when unknown.
        state: What it was doing when last heard of; None once it has ended.
        url: Where a person looks at it.
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
    runner_labels: tuple[str, ...] | None = None
    state: RunState | None = None
    url: str | None = None

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
    """One run of one pipeline with its jobs, ordered by start.

    Attributes:
        event: What started it, in the provider's word: `push`, `pull_request`, `schedule`, ….
        actor: Who started it.
        url: Where a person looks at it.
        change: The pull or merge request's number.
        state: What it was doing when last heard of, and `end_ns` is then that moment; None once it has ended.
    """

    identity: RunIdentity
    pipeline: str
    result: Result
    start_ns: int
    end_ns: int
    jobs: tuple[JobRun, ...] = ()
    ref: str | None = None
    commit: str | None = None
    event: str | None = None
    actor: str | None = None
    url: str | None = None
    change: str | None = None
    state: RunState | None = None

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
