"""One disk flush for all the threads that wait for one.

The first thread to arrive leads: it writes everything that is pending, flushes once, and wakes those
whose items were in it. While it does so, later threads queue up for the next round.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(slots=True, eq=False)
class _Ticket(Generic[Item]):
    item: Item
    done: bool = False
    error: Exception | None = None


class GroupCommit(Generic[Item]):
    """Calls `commit` with all pending items, never twice at once.

    Args:
        commit: Makes the items durable, all or none; an error it raises reaches every thread of the round.
    """

    def __init__(self, commit: Callable[[Sequence[Item]], None]) -> None:
        self._commit = commit
        self._changed = threading.Condition()
        self._pending: list[_Ticket[Item]] = []
        self._leading = False

    def submit(self, item: Item) -> None:
        """Return when `item` is durable, or raise what `commit` raised for it."""
        ticket = _Ticket(item)
        with self._changed:
            self._pending.append(ticket)
            while self._leading and not ticket.done:
                self._changed.wait()
            if ticket.done:
                return self._settle(ticket)
            self._leading = True
            tickets, self._pending = self._pending, []
        self._lead(tickets)
        return self._settle(ticket)

    def _lead(self, tickets: list[_Ticket[Item]]) -> None:
        error: Exception | None = None
        try:
            self._commit([ticket.item for ticket in tickets])
        except Exception as failure:  # noqa: BLE001 (handed to every waiting thread, which raises it)
            error = failure
        finally:
            with self._changed:
                for ticket in tickets:
                    ticket.done, ticket.error = True, error
                self._leading = False
                self._changed.notify_all()

    @staticmethod
    def _settle(ticket: _Ticket[Item]) -> None:
        if ticket.error is not None:
            raise ticket.error
