"""A spool record as the sending side reads it."""

from __future__ import annotations

import json
import signal
from collections.abc import Mapping
from dataclasses import dataclass

from makespan_agent.recording import RECORD_VERSION
from makespan_model.errors import InputError
from makespan_model.identity import RunIdentity
from makespan_model.records import Result, Sample, StepRun, Usage
from makespan_model.span_ids import digest

_CANCELLING = (signal.SIGINT, signal.SIGTERM)


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
        facts: The job's further facts, by the names of `JobIdentity`: ref, commit, worker, URLs.
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


def decode_record(line: bytes, source: str) -> StepRecord:
    """Read one spool line.

    Args:
        line: The file's bytes.
        source: The file's path, for the message.

    Raises:
        InputError: The line is cut, altered, or of a version this release does not know.
    """
    checksum, _, text = line.removesuffix(b"\n").decode("utf-8", "surrogateescape").partition(" ")
    if digest(text) != checksum:
        raise InputError(f"{source}: the checksum does not match; the record is damaged")
    try:
        data = json.loads(text)
        if data["version"] != RECORD_VERSION:
            raise InputError(f"{source}: record version {data['version']}, this release reads {RECORD_VERSION}")
        return _from_json(data)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{source}: not a step record: {error!r}") from error


def _from_json(data: dict[str, dict[str, object]]) -> StepRecord:
    job: dict[str, object] = data["job"]
    step: dict[str, object] = data["step"]
    texts = ("ref", "commit", "worker", "run_url", "job_url", "repository_url")
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
        facts={name: _printable(job[name]) for name in texts if name in job},
    )


def _step_run(data: dict[str, dict[str, object]], step: dict[str, object]) -> StepRun:
    index = step.get("index")
    exit_code = int(str(data["exit_code"]))
    return StepRun(
        path=_printable(step["path"]),
        name=_printable(step["name"]),
        result=_result(exit_code, data["received_signal"]),
        start_ns=int(str(data["start_ns"])),
        end_ns=int(str(data["end_ns"])),
        index=index if isinstance(index, int) else None,
        exit_code=exit_code,
        usage=Usage(**data["usage"]),  # type: ignore[arg-type]
    )


def _result(exit_code: int, received_signal: object) -> Result:
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
