"""What a step did to each path of its workspace, in the order it did it.

The order decides what is an input: a file that the step wrote before it read it is none.
"""

from __future__ import annotations

import os

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MAX_PATHS = 50_000
"""Paths followed; one takes about 300 bytes."""
_MAX_PATH_CHARACTERS = 1024
_LIMITS = {"read": 10_000, "written": 5_000, "examined": 5_000, "absent": 5_000, "listed": 2_000}
"""Paths reported: 2 to 3 MB at most, half of what OTLP receivers accept in a request at least."""


class PathState:
    """One path.

    Attributes:
        read_ns: When its content was first read, before any write; None when it was not.
        is_written: Made, changed or removed.
        is_made: Known not to have been there before the step made it.
        is_examined, is_absent, is_listed: Looked up and found, looked up in vain, listed; before any write.
        is_kept: Written in a way that leaves older content in it: what was read can no longer be told.
    """

    __slots__ = ("is_absent", "is_examined", "is_kept", "is_listed", "is_made", "is_written", "read_ns")

    def __init__(self) -> None:
        self.read_ns: int | None = None
        self.is_written = False
        self.is_made = False
        self.is_examined = False
        self.is_absent = False
        self.is_listed = False
        self.is_kept = False


class AccessLedger:
    """All paths of one workspace.

    Args:
        workspace: Its root, absolute and without links.
        on_read: Called with a path (absolute) and a time when its content is first read.
    """

    def __init__(self, workspace: str, on_read: Callable[[str, int], None]) -> None:
        self.workspace = workspace
        self.refused = 0
        self._prefix = workspace.rstrip("/") + "/"
        self._on_read = on_read
        self._states: dict[str, PathState] = {}

    def holds(self, path: str) -> bool:
        """Whether a path is of the workspace."""
        return path == self.workspace or path.startswith(self._prefix)

    def read(self, path: str, time_ns: int) -> None:
        """The content of a file was read."""
        state = self._state(path)
        if state is not None and state.read_ns is None and not state.is_written:
            state.read_ns = time_ns
            self._on_read(path, time_ns)

    def write(self, path: str, time_ns: int, *, keeps_content: bool, is_new: bool = False) -> None:
        """A file was opened for writing, or changed in another way.

        Args:
            path: Absolute.
            time_ns: Unix time.
            keeps_content: Whether what was in it may stay in it (appending, changing its mode).
            is_new: Whether the call would have failed had it existed.
        """
        state = self._state(path)
        if state is None:
            return
        if not state.is_written:
            folder = self._states.get(os.path.dirname(path))
            # What is in a directory that the step made was made by it as well.
            state.is_made = is_new or state.is_absent or (folder is not None and folder.is_made)
            if keeps_content and not state.is_made and state.read_ns is None:
                state.read_ns = time_ns
                state.is_kept = True
        state.is_written = True

    def remove(self, path: str) -> None:
        """A file or an empty directory was removed."""
        state = self._state(path)
        if state is None:
            return
        if not state.is_written:
            state.is_examined = True  # It was there.
        state.is_written = True

    def move(self, source: str, target: str, time_ns: int) -> None:
        """A file or directory was renamed, with all that is in it."""
        self.read_moved(source, time_ns)
        self.write(target, time_ns, keeps_content=False)
        self.remove(source)
        inside = source.rstrip("/") + "/"
        if os.path.isdir(target):
            for path in [path for path in self._states if path.startswith(inside)]:
                if self._states[path].is_written:
                    self.write(target + path[len(inside) - 1 :], time_ns, keeps_content=False)

    def read_moved(self, path: str, time_ns: int) -> None:
        """The content of a file went elsewhere; where it was cannot be read any more."""
        state = self._state(path)
        if state is not None and not state.is_written and state.read_ns is None:
            state.read_ns = time_ns
            state.is_kept = True

    def examine(self, path: str) -> None:
        """A path was looked up and found; that the workspace is there says nothing."""
        if path == self.workspace:
            return
        state = self._state(path)
        if state is not None and not state.is_written:
            state.is_examined = True

    def miss(self, path: str) -> None:
        """A path was looked up in vain."""
        state = self._state(path)
        if state is not None and not state.is_written:
            state.is_absent = True

    def list(self, path: str) -> None:
        """A directory was listed."""
        state = self._state(path)
        if state is not None and not state.is_made:
            state.is_listed = True

    def summary(self, digests: Mapping[str, str | None]) -> dict[str, object]:
        """The lists of `makespan_model.evidence.FileAccesses`, paths relative and sorted, and how many were cut.

        Args:
            digests: Of what was read, by absolute path.
        """
        lists: dict[str, list[str]] = {name: [] for name in _LIMITS}
        for path, state in self._states.items():
            if state.is_listed:
                lists["listed"].append(path)
            if state.is_written and not (state.is_made and not os.path.lexists(path)):
                lists["written"].append(path)
            if state.read_ns is not None:
                if state.is_kept or not os.path.isdir(path):
                    lists["read"].append(path)
            elif state.is_examined and not state.is_listed:
                lists["examined"].append(path)
            elif state.is_absent and not state.is_written:
                # A path it made afterwards is an output; the outputs have a list of their own.
                lists["absent"].append(path)
        found: dict[str, object] = {}
        cut = self.refused
        for name, limit in _LIMITS.items():
            paths = sorted(lists[name])
            cut += max(0, len(paths) - limit)
            found[name] = [self._relative(path) for path in paths[:limit]]
            if name == "read":
                found[name] = [[self._relative(path), self._digest(path, digests)] for path in paths[:limit]]
        found["cut"] = cut
        return found

    def _digest(self, path: str, digests: Mapping[str, str | None]) -> str | None:
        return None if self._states[path].is_kept else digests.get(path)

    def _relative(self, path: str) -> str:
        return path[len(self._prefix) :] if path.startswith(self._prefix) else "."

    def _state(self, path: str) -> PathState | None:
        state = self._states.get(path)
        if state is None and self.holds(path):
            if len(self._states) >= MAX_PATHS or len(path) > _MAX_PATH_CHARACTERS:
                self.refused += 1
                return None
            state = self._states[path] = PathState()
        return state
