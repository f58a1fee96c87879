"""Following one traced step: reads strace's lines while it runs, and sums them up at its end."""

from __future__ import annotations

import os
import time
from threading import Event, Lock, Thread

from makespan_agent.file_trace.access_ledger import AccessLedger
from makespan_agent.file_trace.call_effects import FORKING, CallEffects
from makespan_agent.file_trace.content_digests import ContentDigests
from makespan_agent.file_trace.living_threads import LivingThreads
from makespan_agent.file_trace.path_arguments import WorkingDirectories
from makespan_agent.file_trace.strace_lines import LineReader, ProcessEnd

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Mapping

    from makespan_agent.file_trace.strace_lines import Call
    from makespan_agent.file_trace.traced_spawn import TracedCommand

_CHUNK_BYTES = 1024 * 1024
_MAX_TOOLS = 500
_MAX_SHEBANG_BYTES = 256
"""BINPRM_BUF_SIZE of linux/binfmts.h."""
_INTERPRETER_AND_COMMAND = 2
"""The command is the second program its process becomes: see `traced_spawn`."""
_WORKSPACE_VARIABLES = (
    "GITHUB_WORKSPACE",
    "CI_PROJECT_DIR",
    "BUILDKITE_BUILD_CHECKOUT_PATH",
    "BUILD_SOURCESDIRECTORY",
    "BITBUCKET_CLONE_DIR",
    "CI_WORKSPACE",
    "DRONE_WORKSPACE",
    "WORKSPACE",
)
"""Of GitHub, GitLab, Buildkite, Azure Pipelines, Bitbucket, Woodpecker, Drone and Jenkins."""


def find_workspace(environment: Mapping[str, str], directory: str) -> str:
    """The provider's workspace if the step stands in it, else the git work tree, else the directory itself."""
    directory = os.path.realpath(directory)
    for name in _WORKSPACE_VARIABLES:
        root = environment.get(name, "")
        if root.startswith("/"):
            root = os.path.realpath(root)
            if directory == root or directory.startswith(root.rstrip("/") + "/"):
                return root
    place = directory
    while not os.path.exists(os.path.join(place, ".git")):
        parent = os.path.dirname(place)
        if parent == place:
            return directory
        place = parent
    return place


class FileTracing:
    """The books of one step, kept by a thread that reads strace's pipe.

    Args:
        command: What runs under strace.
        workspace: Paths outside of it are counted as tools or not at all.
        directory: Where the step stands.
    """

    def __init__(self, command: TracedCommand, workspace: str, directory: str) -> None:
        self._command = command
        self._digests = ContentDigests()
        self._ledger = AccessLedger(workspace, self._digests.ask)
        self._directories = WorkingDirectories(directory)
        self._lines = LineReader()
        self._effects = CallEffects(self._ledger, self._directories, self._note_execution, self._lines.forking)
        self._tools: dict[str, None] = {}
        self._threads = LivingThreads()
        self._became = 0
        self._calls = 0
        self._cut_tools = 0
        self._reader_cpu_s = 0.0
        self._error = ""
        self._lock = Lock()
        self._is_over = False
        self._ended = Event()
        self._note_redirections()
        self._thread = Thread(target=self._read, name="makespan-file-trace", daemon=True)
        self._thread.start()

    def finish(self, deadline_s: float, tracer_cpu_s: float | None) -> dict[str, object]:
        """What the step used, once it has ended; nothing is read after this.

        Args:
            deadline_s: Seconds this may take. Beyond it, the last calls and digests are left out.
            tracer_cpu_s: What strace used, if it has ended and was reaped.
        """
        end_s = time.monotonic() + deadline_s
        ended = self._ended.wait(deadline_s)
        if tracer_cpu_s is None and self._command.tracer_pid is not None:
            tracer_cpu_s = _cpu_s(self._command.tracer_pid)
        digests = self._digests.finish(end_s - time.monotonic())
        with self._lock:
            self._is_over = True
            reasons = list(self._effects.incomplete)
            if not ended:
                reasons.append("the time for reading the trace was up")
            if len(self._threads):
                reasons.append(f"{len(self._threads)} of its threads were still running")
            if self._error:
                reasons.append(self._error)
            found = self._ledger.summary(digests)
            found["cut"] = int(str(found["cut"])) + self._cut_tools
            found["tools"] = [[path, digests.get(path)] for path in sorted(self._tools)]
            found["calls"] = self._calls
        found["incomplete"] = "; ".join(reasons)
        own_cpu_s = self._reader_cpu_s + self._digests.cpu_s
        found["overhead_cpu_s"] = None if tracer_cpu_s is None else tracer_cpu_s + own_cpu_s
        return found

    def _read(self) -> None:
        try:
            while not self._is_over:
                chunk = os.read(self._command.trace, _CHUNK_BYTES)
                if not chunk:
                    break
                with self._lock:
                    if self._is_over:
                        break
                    self._take(chunk)
                self._reader_cpu_s = time.thread_time()
        except Exception as error:  # noqa: BLE001 - whatever strace writes, the step goes on
            self._error = f"reading the trace failed: {error!r}"
        finally:
            self._ended.set()
            self._drain()

    def _take(self, chunk: bytes) -> None:
        for event in self._lines.feed(chunk):
            if isinstance(event, ProcessEnd):
                self._threads.end(event.pid)
                self._directories.forget(event.pid)
                if event.pid == self._command.pid:
                    # What it left running goes on being traced, and is no longer waited for.
                    self._ended.set()
            elif self._became >= _INTERPRETER_AND_COMMAND:
                self._calls += 1
                self._threads.see(event.pid)
                if event.name in FORKING and event.result is not None and event.result > 0:
                    self._threads.make(event.result)
                self._effects.take(event)
            else:
                self._take_before_the_command(event)

    def _take_before_the_command(self, call: Call) -> None:
        if call.pid == self._command.pid and call.name == "execve" and call.result == 0:
            self._became += 1
            if self._became == _INTERPRETER_AND_COMMAND:
                self._effects.take(call)

    def _drain(self) -> None:
        """After a fault in here the pipe must still be emptied: a full one would stop the step."""
        try:
            while not self._is_over and os.read(self._command.trace, _CHUNK_BYTES):
                pass
        except OSError:
            pass

    def _note_execution(self, path: str, time_ns: int) -> None:
        """A program was started: an input if it is of the workspace, else a tool; and its interpreter with it."""
        if self._ledger.holds(path):
            self._ledger.read(path, time_ns)
        real = os.path.realpath(path)
        if real in self._tools:
            return
        if not self._ledger.holds(real):
            self._note_tool(real, time_ns)
        elif real != path:
            self._ledger.read(real, time_ns)
        interpreter = _interpreter(real)
        if interpreter:
            self._note_tool(os.path.realpath(interpreter), time_ns)

    def _note_tool(self, path: str, time_ns: int) -> None:
        if self._ledger.holds(path):
            self._ledger.read(path, time_ns)
        elif path not in self._tools:
            if len(self._tools) >= _MAX_TOOLS:
                self._cut_tools += 1
                return
            self._tools[path] = None
            self._digests.ask(path, time_ns, is_tool=True)

    def _note_redirections(self) -> None:
        """`< file` and `> file` were opened by whoever started the step."""
        now_ns = time.time_ns()
        for descriptor in range(3):
            try:
                path = os.readlink(f"/proc/self/fd/{descriptor}")
                if (os.fstat(descriptor).st_mode & 0o170000) != 0o100000:
                    continue
            except OSError:
                continue
            if descriptor == 0:
                self._ledger.read(path, now_ns)
            else:
                self._ledger.write(path, now_ns, keeps_content=True)


def _interpreter(path: str) -> str | None:
    try:
        with open(path, "rb") as file:
            line = file.read(_MAX_SHEBANG_BYTES)
    except OSError:
        return None
    if not line.startswith(b"#!"):
        return None
    words = line[2:].split(b"\n", 1)[0].split()
    return os.fsdecode(words[0]) if words and words[0].startswith(b"/") else None


def _cpu_s(pid: int) -> float | None:
    """CPU seconds of a process that runs or is not reaped yet; None for one that is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None
