"""When to read the step's process tree and when to leave a heartbeat in its record."""

from __future__ import annotations

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Callable

    from makespan_agent.measuring.measurement import Measurement
    from makespan_agent.spooling.recording import Recording

_FIRST_BEAT_S = 1.0
"""A step that dies young should still have an end; from then on the time between two heartbeats doubles."""
_BEATS_UNTIL_RARER = 2048
"""The time between two heartbeats doubles after each such number: the file grows by 0.8 MB whenever the step's
duration doubles, 8.5 hours being the first time."""


class Heartbeat:
    """Takes readings and leaves heartbeats, each at its own time.

    Args:
        measurement: Follows the command.
        recording: The step's record.
        now_ns: Unix time that never runs backwards.
    """

    def __init__(self, measurement: Measurement, recording: Recording, now_ns: Callable[[], int]) -> None:
        self._measurement = measurement
        self._recording = recording
        self._now_ns = now_ns
        self._interval_s = min(_FIRST_BEAT_S, recording.heartbeat_s)
        self._longest_s = recording.heartbeat_s
        self._beats = 0
        self._next_reading_ns = 0
        self._next_beat_ns = now_ns() + _ns(self._interval_s)

    def wake(self) -> float:
        """Do what is due now; returns in how many seconds something is due again."""
        now_ns = self._now_ns()
        if now_ns >= self._next_reading_ns:
            self._next_reading_ns = now_ns + _ns(self._measurement.take_reading())
        if now_ns >= self._next_beat_ns:
            self._beat()
            self._schedule_beat(now_ns)
        return max(0.0, (min(self._next_reading_ns, self._next_beat_ns) - self._now_ns()) / 1e9)

    def _beat(self) -> None:
        samples = self._measurement.samples
        try:  # noqa: SIM105 - contextlib takes 2 ms to import
            self._recording.beat(self._measurement.usage_so_far(), samples[-1] if samples else None)
        except Exception:  # noqa: BLE001, S110 - the command goes on; the next heartbeat may succeed
            pass

    def _schedule_beat(self, now_ns: int) -> None:
        self._beats += 1
        if self._beats % _BEATS_UNTIL_RARER == 0:
            self._longest_s *= 2
        self._next_beat_ns = now_ns + _ns(self._interval_s)
        self._interval_s = min(self._interval_s * 2, self._longest_s)


def _ns(seconds: float) -> int:
    return int(seconds * 1e9)
