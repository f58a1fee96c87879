"""Turning what is seen of a step into its spool record, from its start on."""

from __future__ import annotations

import os
import time

from makespan_agent.bare_json import render
from makespan_agent.identity.job_identity import JobIdentity
from makespan_agent.identity.step_identity import StepIdentity
from makespan_agent.measuring.cgroups import ControlGroups
from makespan_agent.measuring.oom_evidence import own_oom_counter
from makespan_agent.spooling.open_record import OpenRecord
from makespan_agent.spooling.spool import max_spool_bytes, take_failure_note

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

RECORD_VERSION = 1
DEFAULT_HEARTBEAT_S = 15.0

_ESSENTIAL = ("end_ns", "exit_code", "error_type", "received_signal", "usage", "overhead")
_RESOURCE_VARIABLES = ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES")


class Recording:
    """The record of one step.

    Args:
        job: The job around it.
        step: Its place in the job.
        spool: The spool directory.
        environment: The process's environment.
        start_ns: Unix time of the step's start.
        startup_s: CPU seconds this process had used when it started the command. Start-up is all
            computing, so they stand for its wall time, which /proc counts only in ticks of 10 ms.
        now_ns: The clock of `start_ns`.
        notices: Gets a line for every setting that is wrong, and for what was lost.
    """

    def __init__(
        self,
        job: JobIdentity,
        step: StepIdentity,
        *,
        spool: str,
        environment: Mapping[str, str],
        start_ns: int,
        startup_s: float,
        now_ns: Callable[[], int],
        notices: list[str],
    ) -> None:
        self._job = job
        self._step = step
        self._spool = spool
        self._environment = environment
        self._start_ns = start_ns
        self._startup_s = startup_s
        self._now_ns = now_ns
        self._notices = notices
        self.heartbeat_s = heartbeat_interval_s(environment, notices)
        self._oom_counter = own_oom_counter(ControlGroups())
        self._oom_kills_before = self._oom_counter.read() if self._oom_counter else None
        self._file: OpenRecord | None = None

    def begin(self) -> None:
        """Leave the start on the disk, so that the step is not lost with this process.

        A spool that cannot be written is told at the end, when writing is tried again.
        """
        try:
            self._file = self._open()
        except OSError:
            self._file = None

    def beat(self, usage: Mapping[str, object], sample: Sequence[object] | None) -> None:
        """Leave the usage until now and the last sample on the disk; a disk that is full now may not stay so."""
        if self._file is None:
            return
        line = {
            "heartbeat_ns": self._now_ns(),
            "usage": dict(usage),
            "overhead": {"cpu_s": time.process_time(), "wall_s": self._startup_s},
            "sample": sample,
            "oom_kills": self._oom_counter.read() if self._oom_counter else None,
        }
        try:  # noqa: SIM105 - contextlib takes 2 ms to import
            self._file.append(render(line))
        except OSError:
            pass

    def oom_kills(self) -> int:
        """Processes of this cgroup that the kernel has killed for want of memory since the start."""
        now = self._oom_counter.read() if self._oom_counter else None
        return 0 if now is None or self._oom_kills_before is None else now - self._oom_kills_before

    def finish(
        self,
        *,
        end_ns: int,
        exit_code: int,
        error_type: str | None,
        received_signal: int | None,
        usage: Mapping[str, object],
        samples: Sequence[tuple[float | None, ...]],
        evidence: Mapping[str, object],
    ) -> None:
        """Write the end of the step and hand its record to the sender.

        Args:
            end_ns: Unix time of its end.
            exit_code: As the agent will end with.
            error_type: None for success.
            received_signal: The INT, TERM, HUP or QUIT that came to the agent, if one did.
            usage: By the names of `makespan_model.records.Usage`.
            samples: As `SampleSeries.samples`.
            evidence: As `Evidence.gather`; empty when nothing more was asked for.

        Raises:
            OSError: The spool cannot be written.
        """
        overhead = {"cpu_s": time.process_time(), "wall_s": self._startup_s + (self._now_ns() - end_ns) / 1e9}
        record: dict[str, object] = {
            "end_ns": end_ns,
            "exit_code": exit_code,
            "error_type": error_type,
            "received_signal": received_signal,
            "usage": dict(usage),
            "overhead": overhead,
            "samples": samples,
            "evidence": dict(evidence),
        }
        dropped = self._write_end(record, end_ns)
        if dropped:
            self._notices.append(f"the spool {self._spool} is full: {dropped} of the oldest steps were dropped")
        note = take_failure_note(self._spool)
        if note:
            self._notices.append(note)

    def _open(self) -> OpenRecord:
        counter = self._oom_counter
        start = {
            "version": RECORD_VERSION,
            "job": self._job.facts(),
            "step": self._step.facts(),
            "start_ns": self._start_ns,
            "resource": {name: self._environment[name] for name in _RESOURCE_VARIABLES if self._environment.get(name)},
            "agent": {
                "pid": os.getpid(),
                "boot_id": boot_id(),
                "heartbeat_s": self.heartbeat_s,
                "oom_counter": None if counter is None else [counter.path, counter.inode],
            },
            "overhead": {"cpu_s": time.process_time(), "wall_s": self._startup_s},
            "oom_kills": self._oom_kills_before,
        }
        return OpenRecord(self._spool, render(start), start_ns=self._start_ns, span_id=self._step.span_id)

    def _write_end(self, record: dict[str, object], end_ns: int) -> int:
        file = self._file or self._open()
        max_bytes = max_spool_bytes(self._environment, self._notices)
        try:
            return file.finish(render(record), end_ns=end_ns, max_bytes=max_bytes)
        except OSError:
            # A full disk: the essentials still fit into the block that the start has taken.
            essentials = {name: record[name] for name in _ESSENTIAL} | {"samples": []}
            try:
                dropped = file.finish(render(essentials), end_ns=end_ns, max_bytes=max_bytes)
            except OSError:
                file.discard()
                raise
            self._notices.append(f"the disk of {self._spool} is full: the step is recorded without its details")
            return dropped


def heartbeat_interval_s(environment: Mapping[str, str], notices: list[str]) -> float:
    """MAKESPAN_HEARTBEAT_S, else 15 seconds."""
    text = environment.get("MAKESPAN_HEARTBEAT_S", "")
    if not text:
        return DEFAULT_HEARTBEAT_S
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if 0.01 <= seconds < float("inf"):
        return seconds
    notices.append(f"MAKESPAN_HEARTBEAT_S must be a number of seconds from 0.01 up, not {text!r}")
    return DEFAULT_HEARTBEAT_S


def boot_id() -> str | None:
    """What tells one boot of one machine from every other; None without /proc."""
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except (OSError, ValueError):
        return None
