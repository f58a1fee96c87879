"""Requests that arrive together are decoded and stored together.

Decoding into columns, and an append, cost milliseconds however few spans there are, so a crowd of small requests is
mostly that. So what waits for its turn is decoded and stored at once.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from google.protobuf.message import DecodeError

from makespan_collector.receiving.signals import Contents, NothingKeptError
from makespan_model.errors import UnavailableError

_MOST_BYTES = 4 * 1024 * 1024
"""Decoded at once: more are decoded no faster a span, and their senders wait for each other."""


@dataclass(slots=True, eq=False)
class _Group:
    """Requests that are decoded and stored at once.

    Attributes:
        is_split: Something of it was rejected: whose it is can only be told by decoding each alone.
        error: Why it could not be kept.
        done: Set when one of the three is certain: kept, split, failed.
    """

    is_split: bool = False
    error: Exception | None = None
    done: threading.Event = field(default_factory=threading.Event)


@dataclass(slots=True, eq=False)
class _Waiting:
    """A request in the queue, and the group that took it."""

    data: bytes
    group: _Group | None = None


class Combiner:
    """Joins requests.

    Args:
        decode: Gives the contents of requests; a `DecodeError` or `NothingKeptError` speaks of one of them.
        keep: Makes contents durable; called in the thread of one of the requests.
    """

    def __init__(self, decode: Callable[[Sequence[bytes]], Contents], keep: Callable[[Contents], None]) -> None:
        self._decode_together = decode
        self._keep = keep
        self._queue: list[_Waiting] = []
        self._queue_lock = threading.Lock()
        self._turn = threading.Lock()

    def take(self, data: bytes) -> Contents | None:
        """Return when the contents of a request are durable.

        Args:
            data: Has been found to be a message by itself.

        Returns:
            What was kept; None if it was the whole request, together with others.

        Raises:
            DecodeError: The message is one to protobuf only.
            NothingKeptError: None of its spans can be kept.
            UnavailableError: The store could not keep them.
        """
        mine = _Waiting(data)
        with self._queue_lock:
            self._queue.append(mine)
        led: _Group | None = None
        contents: Contents | None = None
        with self._turn:
            if mine.group is None:
                led, joined = self._next_group(mine)
                contents = self._decode(led, joined)
        # Outside the turn, so that the next group is decoded while this one is written.
        if led is not None:
            self._store(led, contents)
        group = mine.group
        assert group is not None
        group.done.wait()
        if group.is_split:
            return self._alone(data)
        if group.error is not None:
            raise UnavailableError(str(group.error)) from group.error
        return None

    def _next_group(self, mine: _Waiting) -> tuple[_Group, list[bytes]]:
        """A group of this request and of those that wait with it."""
        group = _Group()
        taken: list[bytes] = []
        size_bytes = 0
        with self._queue_lock:
            self._queue.remove(mine)
            waiting, self._queue = [mine, *self._queue], []
            for one in waiting:
                if taken and size_bytes + len(one.data) > _MOST_BYTES:
                    self._queue.append(one)
                    continue
                one.group = group
                size_bytes += len(one.data)
                taken.append(one.data)
        return group, taken

    def _decode(self, group: _Group, taken: list[bytes]) -> Contents | None:
        """The contents of a group; None if it has to be split."""
        try:
            contents = self._decode_together(taken)
        except (DecodeError, NothingKeptError):
            group.is_split = True
        except BaseException as error:
            group.error = error if isinstance(error, Exception) else RuntimeError("the decoding was stopped")
            group.done.set()
            raise
        else:
            group.is_split = bool(contents.rejected)
            if not group.is_split:
                return contents
        group.done.set()
        return None

    def _store(self, group: _Group, contents: Contents | None) -> None:
        if contents is None:
            return
        try:
            self._keep(contents)
        except BaseException as error:
            group.error = error if isinstance(error, Exception) else RuntimeError("the writing was stopped")
            raise
        finally:
            group.done.set()

    def _alone(self, data: bytes) -> Contents:
        contents = self._decode_together([data])
        self._keep(contents)
        return contents
