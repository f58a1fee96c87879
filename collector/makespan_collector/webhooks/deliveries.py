"""Deliveries that have been kept: one that comes again is told so, and costs no write."""

from __future__ import annotations

import threading
from collections import OrderedDict

_MOST = 100_000
"""Some 15 MB; a busy organisation sends as many in a day."""
_LONGEST_ID = 200


class Deliveries:
    """The last deliveries by their id.

    A restarted collector knows none of them any more. That is no danger: what is sent twice makes the same rows, which
    merge, and a run that has ended does not start again by hearing that it once started.
    """

    def __init__(self, most: int = _MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._kept: OrderedDict[str, None] = OrderedDict()

    def has(self, delivery: str) -> bool:
        """Whether it was kept."""
        with self._lock:
            return delivery in self._kept

    def add(self, delivery: str) -> None:
        """Remember that it was kept, and forget the oldest; without an id, or with an absurd one, nothing is."""
        if not delivery or len(delivery) > _LONGEST_ID:
            return
        with self._lock:
            self._kept[delivery] = None
            if len(self._kept) > self._most:
                self._kept.popitem(last=False)
