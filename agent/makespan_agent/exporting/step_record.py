"""A spool record as the sending side reads it."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from makespan_agent.endings import AGENT_KILLED, MACHINE_LOST, OOM_KILLED, TIMEOUT
from makespan_agent.exporting.step_evidence import StepEvidence, decode_evidence
from makespan_agent.spooling.recording import RECORD_VERSION
from makespan_agent.spooling.spool import unseal
from makespan_model.errors import InputError
from makespan_model.identity import RunIdentity
from makespan_model.records import (
    ExecutableUsage,
    MemoryPeakSource,
    PressureSource,
    Result,
    Sample,
    StepKind,
    StepRun,
    Usage,
)

_CANCELLING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_FACTS = ("ref", "commit", "worker", "run_url", "job_url", "repository_url", "job_run", "event", "actor", "change")
_RESULTS = {
    TIMEOUT: Result.TIMEOUT,
    OOM_KILLED: Result.ERROR,
    AGENT_KILLED: Result.ERROR,
    MACHINE_LOST: Result.ERROR,
}


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One measured step and where it belongs.

    Attributes:
        identity: The run.
        pipeline: The workflow's or pipeline's name.
        job_id: The job's key.
        job_label: The job's key with its matrix values.
        step: What was measured.
        error_type: None for success.
        trace_id, span_id, parent_span_id: Lower-case hexadecimal.
        samples: The resource curve, by time.
        overhead_wall_s: Seconds the agent added.
        overhead_cpu_s: CPU seconds the agent used.
        facts: The job's further facts, by the names of `JobIdentity`: ref, commit, worker, URLs, what started it.
        evidence: Its tests, files, arguments and environment, as far as they were asked for.
        runner_labels: Tags or labels of its runner.
        resource: OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES as the step found them.
    """

    identity: RunIdentity
    pipeline: str
    job_id: str
    job_label: str
    step: StepRun
    error_type: str | None
    trace_id: str
    span_id: str
    parent_span_id: str
    samples: tuple[Sample, ...]
    overhead_wall_s: float
    overhead_cpu_s: float
    facts: Mapping[str, str]
    resource: Mapping[str, str]
    evidence: StepEvidence
    runner_labels: tuple[str, ...] = ()


def decode_record(content: bytes, source: str) -> StepRecord:
    """Read one spool file.

    Args:
        content: The file's bytes: the lines of the start, of heartbeats, and of the end.
        source: The file's path, for the message.

    Raises:
        InputError: A line is cut, altered, or of a version this release does not know.
    """
    data: dict[str, Any] = {}
    try:
        for number, line in enumerate(content.removesuffix(b"\n").split(b"\n"), start=1):
            text = unseal(line)
            if text is None:
                raise InputError(f"{source}:{number}: the checksum does not match; the record is damaged")
            data |= json.loads(text)
        if data["version"] != RECORD_VERSION:
            raise InputError(f"{source}: record version {data['version']}, this release reads {RECORD_VERSION}")
        return _from_json(data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{source}: not a step record: {error!r}") from error


def _from_json(data: dict[str, dict[str, object]]) -> StepRecord:
    job: dict[str, object] = data["job"]
    step: dict[str, object] = data["step"]
    labels = job.get("runner_labels")
    return StepRecord(
        identity=RunIdentity(
            provider=_printable(job["provider"]),
            repository=_printable(job["repository"]),
            run_id=_printable(job["run_id"]),
            attempt=int(str(job["attempt"])),
        ),
        pipeline=_printable(job["pipeline"]),
        job_id=_printable(job["job_id"]),
        job_label=_printable(job["label"]),
        step=_step_run(data, step),
        error_type=None if data["error_type"] is None else str(data["error_type"]),
        trace_id=_hexadecimal(step["trace_id"], 32),
        span_id=_hexadecimal(step["span_id"], 16),
        parent_span_id=_hexadecimal(step["parent_span_id"], 16),
        samples=tuple(Sample(*values) for values in data["samples"]),
        overhead_wall_s=float(str(data["overhead"]["wall_s"])),
        overhead_cpu_s=float(str(data["overhead"]["cpu_s"])),
        facts={name: _printable(job[name]) for name in _FACTS if name in job},
        evidence=decode_evidence(data.get("evidence", {}), str(step["trace_id"]), str(step["span_id"])),
        runner_labels=tuple(map(_printable, labels)) if isinstance(labels, list) else (),
        resource={name: _printable(value) for name, value in data.get("resource", {}).items()},
    )


def _step_run(data: dict[str, dict[str, object]], step: dict[str, object]) -> StepRun:
    index = step.get("index")
    exit_code = None if data["exit_code"] is None else int(str(data["exit_code"]))
    return StepRun(
        path=_printable(step["path"]),
        name=_printable(step["name"]),
        result=_result(exit_code, data["error_type"], data["received_signal"]),
        start_ns=int(str(data["start_ns"])),
        end_ns=int(str(data["end_ns"])),
        kind=StepKind(str(step.get("kind", StepKind.RUN.value))),
        index=index if isinstance(index, int) else None,
        exit_code=exit_code,
        usage=_usage(data["usage"]),
    )


def _usage(data: dict[str, Any]) -> Usage:
    known = dict(data)
    if "memory_peak_source" in known:
        known["memory_peak_source"] = MemoryPeakSource(known["memory_peak_source"])
    if "pressure_source" in known:
        known["pressure_source"] = PressureSource(known["pressure_source"])
    known["executables"] = tuple(
        ExecutableUsage(_printable(name), *numbers) for name, *numbers in known.get("executables", ())
    )
    return Usage(**known)


def _result(exit_code: int | None, error_type: object, received_signal: object) -> Result:
    if isinstance(error_type, str) and error_type in _RESULTS:
        return _RESULTS[error_type]
    if exit_code == 0:
        return Result.SUCCESS
    return Result.CANCELLATION if received_signal in _CANCELLING else Result.FAILURE


def _printable(value: object) -> str:
    """Text that protobuf accepts: bytes of the environment that are no UTF-8 become the replacement sign."""
    return str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _hexadecimal(value: object, length: int) -> str:
    text = str(value)
    if len(text) != length:
        raise ValueError(f"an id of {length} hexadecimal digits, not {text!r}")
    int(text, 16)
    return text
