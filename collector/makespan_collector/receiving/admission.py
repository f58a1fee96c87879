"""Which requests are let in: as many bytes at once as memory allows, as many a second as a client may send."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from types import TracebackType
from typing import Self

ROOM_KEY = "makespan.room"
"""Where a WSGI environment holds the `Room` of its request."""
_BURST_S = 10.0
"""How many seconds' worth of requests may come at once: an agent flushes a job's steps together."""
_MOST_CLIENTS = 10_000
"""Clients remembered; the one heard of longest ago is forgotten first, and is then treated as new."""


class BusyError(Exception):
    """A request that has to come back later.

    Attributes:
        retry_after_s: When.
    """

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Admission:
    """Counts what is under way.

    Args:
        max_in_flight_bytes: Of all requests together; a single one is always let in when nothing else is under way.
        requests_per_s: Of one client in the long run; 0 for no limit.
        clock_s: Monotonic seconds.
    """

    def __init__(
        self, max_in_flight_bytes: int, requests_per_s: float, clock_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._max_bytes = max_in_flight_bytes
        self._rate = requests_per_s
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._clients: OrderedDict[str, tuple[float, float]] = OrderedDict()
        self.in_flight_bytes = 0

    def room(self) -> Room:
        """Room for one request, of no size yet."""
        return Room(self)

    def room_for(self, size_bytes: int) -> Room:
        """Room for a request of a known size.

        Raises:
            BusyError: There is none.
        """
        room = Room(self)
        room.grow(size_bytes)
        return room

    def take(self, size_bytes: int, held_bytes: int) -> None:
        """Count bytes of a request that holds some already.

        Raises:
            BusyError: They are too many for what other requests hold.
        """
        with self._lock:
            others_bytes = self.in_flight_bytes - held_bytes
            if others_bytes and self.in_flight_bytes + size_bytes > self._max_bytes:
                raise BusyError(f"{others_bytes} bytes of other requests are under way; send it again", 1.0)
            self.in_flight_bytes += size_bytes

    def give(self, size_bytes: int) -> None:
        """Count bytes no longer."""
        with self._lock:
            self.in_flight_bytes -= size_bytes

    def count(self, client: str) -> None:
        """Count a request of a client (token bucket).

        Raises:
            BusyError: It has sent more than its share.
        """
        if not self._rate:
            return
        most = max(1.0, self._rate * _BURST_S)
        with self._lock:
            now_s = self._clock_s()
            tokens, last_s = self._clients.pop(client, (most, now_s))
            tokens = min(most, tokens + (now_s - last_s) * self._rate)
            allowed = tokens >= 1.0
            self._clients[client] = (tokens - 1.0 if allowed else tokens, now_s)
            if len(self._clients) > _MOST_CLIENTS:
                self._clients.popitem(last=False)
        if not allowed:
            raise BusyError(f"more than {self._rate:g} requests a second", (1.0 - tokens) / self._rate)


class Room:
    """The memory of one request, given back at the end of a `with` block."""

    __slots__ = ("_admission", "held_bytes")

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self.held_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._admission.give(self.held_bytes)
        self.held_bytes = 0

    def grow(self, size_bytes: int) -> None:
        """Hold more.

        Raises:
            BusyError: There is no room for it.
        """
        self._admission.take(size_bytes, self.held_bytes)
        self.held_bytes += size_bytes
