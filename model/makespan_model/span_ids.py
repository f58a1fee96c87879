"""How trace and span ids follow from the names of a run, its jobs and their steps.

Kept apart from `identity`, and free of every import that takes a millisecond: the agent derives these
ids before it starts the wrapped command.
"""

from __future__ import annotations

try:  # hashlib loads OpenSSL (3 ms); the interpreter's own SHA-256 gives the same bytes.
    from _sha2 import sha256  # type: ignore[import-not-found,unused-ignore]
except ImportError:
    try:
        from _sha256 import sha256  # type: ignore[import-not-found,unused-ignore]
    except ImportError:
        from hashlib import sha256

# Environment variables cannot hold a NUL, so no two different tuples join to the same text.
_SEPARATOR = "\0"


def digest(*parts: str) -> str:
    """SHA-256 over the parts in hexadecimal; different parts never join to the same text."""
    return str(sha256(_SEPARATOR.join(parts).encode("utf-8", "surrogateescape")).hexdigest())


def run_trace_id(provider: str, repository: str, run_id: str, attempt: int) -> str:
    """The trace id of one attempt at one run: 32 hexadecimal digits, the first 16 bytes of the digest."""
    return digest(provider, repository, run_id, str(attempt))[:32]


def run_span_id(trace_id: str) -> str:
    """The id (16 hexadecimal digits) of the run's root span."""
    return digest(trace_id)[:16]


def job_span_id(trace_id: str, job: str) -> str:
    """The id of a job's span; `job` is the label from `job_label`."""
    return digest(trace_id, job)[:16]


def step_span_id(trace_id: str, job: str, step_path: str) -> str:
    """The id of a step's span; `step_path` is unique within the job."""
    return digest(trace_id, job, step_path)[:16]


def job_label(job: str, matrix: dict[str, object] | None) -> str:
    """A job's name with its matrix values in the order given, as GitHub shows it: `test (3.12, linux)`."""
    if not matrix:
        return job
    return f"{job} ({', '.join(str(value) for value in matrix.values())})"
