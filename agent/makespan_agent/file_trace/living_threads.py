"""Which threads of a step still live, by what strace says of their making and their end."""

from __future__ import annotations


class LivingThreads:
    """The threads that were made or seen and have not ended.

    The end of a short-lived child can be told before the call that made it returns in its parent.
    """

    def __init__(self) -> None:
        self._alive: set[int] = set()
        self._made: set[int] = set()
        self._ended_early: set[int] = set()

    def __len__(self) -> int:
        return len(self._alive)

    def see(self, pid: int) -> None:
        """A thread made a call."""
        self._alive.add(pid)

    def make(self, pid: int) -> None:
        """A call that makes a thread returned this one."""
        if pid in self._ended_early:
            self._ended_early.discard(pid)
        else:
            self._made.add(pid)
            self._alive.add(pid)

    def end(self, pid: int) -> None:
        """A thread has ended; its number may be given again."""
        self._alive.discard(pid)
        if pid in self._made:
            self._made.discard(pid)
        else:
            self._ended_early.add(pid)
