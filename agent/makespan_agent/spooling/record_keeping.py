"""Keeping the record of a step from its start to the exporter; loaded once the command runs.

Nothing in here may fail the step: what goes wrong becomes a notice.
"""

from __future__ import annotations

from makespan_agent.spooling.spool import is_enclosed

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Callable

    from makespan_agent.measuring.measurement import Measurement
    from makespan_agent.signals import Ending
    from makespan_agent.spooling.recording import Recording


class RecordKeeping:
    """What becomes of one step's record.

    Args:
        new_recording: Makes the record of the step, at its start or, where that failed, at its end.
        spool: The spool directory.
        export: One of the launcher's export modes.
        environment: As the agent was given it, with the variables of its options.
        now_ns: The clock of the step's start.
        notices: Gets a line for everything that went wrong.
    """

    def __init__(
        self,
        new_recording: Callable[[], Recording],
        *,
        spool: str,
        export: str,
        environment: dict[str, str],
        now_ns: Callable[[], int],
        notices: list[str],
    ) -> None:
        self._new_recording = new_recording
        self._spool = spool
        self._export = export
        self._environment = environment
        self._now_ns = now_ns
        self._notices = notices
        self._recording: Recording | None = None

    def begin(self, measurement: Measurement) -> Callable[[], float]:
        """Leave the start of the step in the spool; returns what is to be done while it runs."""
        try:
            from makespan_agent.spooling.heartbeat import Heartbeat

            recording = self._new_recording()
            recording.begin()
            self._recording = recording
            return Heartbeat(measurement, recording, self._now_ns).wake
        except Exception as error:  # noqa: BLE001 - nothing in here may fail the step
            self._notices.append(f"the step is recorded at its end only: {error}")
            return measurement.take_reading

    def oom_kills(self) -> int:
        """Processes of the step's container that the kernel has killed for want of memory since it began."""
        return self._recording.oom_kills() if self._recording else 0

    def end(
        self,
        ending: Ending | None,
        usage: dict[str, object],
        samples: list[tuple[float | None, ...]],
        *,
        exit_code: int,
        error_type: str | None,
        evidence: dict[str, object],
    ) -> None:
        """Leave the whole record in the spool and start its exporter.

        Args:
            ending: None for a command that could not be started.
            usage: By the names of `makespan_model.records.Usage`.
            samples: As `SampleSeries.samples`.
            exit_code: As the agent will end with.
            error_type: None for success.
            evidence: As `Evidence.gather`.
        """
        try:
            recording = self._recording or self._new_recording()
            recording.finish(
                end_ns=ending.end_ns if ending else self._now_ns(),
                exit_code=exit_code,
                error_type=error_type,
                received_signal=ending.received_signal if ending else None,
                usage=usage,
                samples=samples,
                evidence=evidence,
            )
            self._start_exporter()
        except Exception as error:  # noqa: BLE001 - nothing in here may fail the step
            self._notices.append(f"the step is not recorded: {error}")

    def _start_exporter(self) -> None:
        if self._export in ("detached", "wait") and not is_enclosed(self._environment, self._spool):
            from makespan_agent.exporting.detaching import start_exporter, wait_for

            exporter = start_exporter(self._spool, self._environment)
            if self._export == "wait":
                wait_for(exporter, self._environment, self._notices)
