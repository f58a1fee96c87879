"""What is written to a store: one row a span, one row a sample."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from makespan_model.records import CacheOutcome, MemoryPeakSource, PressureSource, Result, RunState, StepKind


class SpanKind(StrEnum):
    """What a span describes: `makespan.span.type`, or `detail` for what a step emitted itself.

    The first three make up the tree of a run. `test` is a test case and `files` the file accesses of the
    step it hangs under; the raw span holds what they say. The raw part of a `log` is an OTLP log record.
    """

    RUN = "run"
    JOB = "job"
    STEP = "step"
    TEST = "test"
    FILES = "files"
    LOG = "log"
    DETAIL = "detail"


RUN_TREE = (SpanKind.RUN, SpanKind.JOB, SpanKind.STEP)
"""The kinds of span that a run is put together from."""


PROVIDER_SOURCES = ("github-api", "gitlab-api", "github-webhook", "gitlab-webhook")
"""Values of `SpanRow.source` that are the CI provider's own word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanRow:
    """One span; rows with the same trace and span id are put together (`embedded/merging.py` says how).

    Attributes:
        trace_id: 32 hexadecimal digits.
        span_id: 16 hexadecimal digits.
        parent_span_id: 16 hexadecimal digits; None at the root.
        needs: Job ids a job waited for; None when nobody recorded them.
        executables: `makespan.processes` as it came: JSON.
        raw: The serialized OTLP span, where the columns do not hold everything it says.
        source: Who said so: `otlp`, `github-api`, `gitlab-webhook`, ….
        state: What a run or job was doing when this was written; None once it has ended.
        event: What started the run, in the provider's word: `push`, `pull_request`, `schedule`, ….
        actor: Who started it.
        url: Where a person looks at the run or job.
        change: The pull or merge request's number.
        runner_labels: What the job asked of its runner (`runs-on`, tags).
        job_run_id: The provider's id of one try of the job.
        cache_outcome: What a step that restores a cache found.
    """

    trace_id: str
    span_id: str
    kind: SpanKind
    name: str
    start_ns: int
    end_ns: int
    parent_span_id: str | None = None
    provider: str | None = None
    repository: str | None = None
    run_id: str | None = None
    attempt: int | None = None
    pipeline: str | None = None
    ref: str | None = None
    commit: str | None = None
    job_id: str | None = None
    job_name: str | None = None
    worker: str | None = None
    needs: tuple[str, ...] | None = None
    queued_ns: int | None = None
    step_path: str | None = None
    step_index: int | None = None
    step_kind: StepKind | None = None
    result: Result | None = None
    exit_code: int | None = None
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
    executables: str | None = None
    raw: bytes | None = None
    source: str | None = None
    state: RunState | None = None
    event: str | None = None
    actor: str | None = None
    url: str | None = None
    change: str | None = None
    runner_labels: tuple[str, ...] | None = None
    job_run_id: str | None = None
    cache_outcome: CacheOutcome | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleRow:
    """What one request said of a step at one instant; rows of the same step and instant complete each other.

    Attributes:
        repository: Whose step it is, as the sender says; decides what a token may send, and is not kept.
    """

    trace_id: str
    span_id: str
    time_ns: int
    cpu_cores: float | None = None
    memory_bytes: int | None = None
    processes: int | None = None
    io_read_bytes_per_s: float | None = None
    io_write_bytes_per_s: float | None = None
    host_cpu_cores: float | None = None
    host_memory_available_bytes: int | None = None
    host_load: float | None = None
    host_disk_used_bytes: int | None = None
    host_disk_read_bytes_per_s: float | None = None
    host_disk_write_bytes_per_s: float | None = None
    repository: str | None = None
