"""Turning what was seen of a step into its spool record."""

from __future__ import annotations

import time

from makespan_agent.bare_json import render
from makespan_agent.identity.job_identity import JobIdentity
from makespan_agent.identity.step_identity import StepIdentity
from makespan_agent.spool import max_spool_bytes, take_failure_note, write_record

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

RECORD_VERSION = 1


def record_step(
    job: JobIdentity,
    step: StepIdentity,
    *,
    spool: str,
    environment: Mapping[str, str],
    start_ns: int,
    end_ns: int,
    exit_code: int,
    error_type: str | None,
    received_signal: int | None,
    usage: Mapping[str, object],
    samples: Sequence[tuple[int, float, int, int, float | None, float | None]],
    startup_s: float,
    now_ns: Callable[[], int],
    notices: list[str],
) -> None:
    """Write the record of a step that has ended.

    Args:
        job: The job around it.
        step: Its place in the job.
        spool: The spool directory.
        environment: The process's environment.
        start_ns: Unix time of its start.
        end_ns: Unix time of its end.
        exit_code: As the agent will end with.
        error_type: None for success.
        received_signal: The INT, TERM, HUP or QUIT that came to the agent, if one did.
        usage: By the names of `makespan_model.records.Usage`.
        samples: As `SampleSeries.samples`.
        startup_s: CPU seconds this process had used when it started the command. Start-up is all
            computing, so they stand for its wall time, which /proc counts only in ticks of 10 ms.
        now_ns: The clock of `end_ns`.
        notices: Gets a line when old records had to go, or when the last sending failed.

    Raises:
        OSError: The spool cannot be written.
    """
    overhead = {"cpu_s": time.process_time(), "wall_s": startup_s + (now_ns() - end_ns) / 1e9}
    record = {
        "version": RECORD_VERSION,
        "job": job.facts(),
        "step": step.facts(),
        "start_ns": start_ns,
        "end_ns": end_ns,
        "exit_code": exit_code,
        "error_type": error_type,
        "received_signal": received_signal,
        "usage": dict(usage),
        "overhead": overhead,
        "samples": samples,
    }
    dropped = write_record(
        spool,
        render(record),
        end_ns=end_ns,
        span_id=step.span_id,
        max_bytes=max_spool_bytes(environment, notices),
    )
    if dropped:
        notices.append(f"the spool {spool} is full: {dropped} of the oldest steps were dropped")
    note = take_failure_note(spool)
    if note:
        notices.append(note)
