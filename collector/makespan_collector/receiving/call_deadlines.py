"""Gives up gRPC calls whose message does not come: each holds a thread as long as it waits."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import grpc

_CHECK_INTERVAL_S = 0.5


class CallDeadlines:
    """Cancels calls from a thread of its own; one timer a call would be one thread a call.

    Args:
        deadline_s: How long a message may take.
    """

    def __init__(self, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self._ends_s: dict[grpc.ServicerContext, float] = {}
        self._lock = threading.Lock()
        self._is_stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="makespan-grpc-deadlines", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """End; no call is cancelled any more."""
        self._is_stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    @contextmanager
    def limiting(self, context: grpc.ServicerContext) -> Iterator[None]:
        """Cancel this call if the block takes too long."""
        with self._lock:
            self._ends_s[context] = time.monotonic() + self._deadline_s
        try:
            yield
        finally:
            with self._lock:
                del self._ends_s[context]

    def _run(self) -> None:
        while not self._is_stopping.wait(min(_CHECK_INTERVAL_S, self._deadline_s)):
            now_s = time.monotonic()
            with self._lock:
                late = [context for context, end_s in self._ends_s.items() if end_s < now_s]
            for context in late:
                context.cancel()
