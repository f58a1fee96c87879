"""Starting a command under strace so that it stays our own child, with its own streams and environment.

`strace -DDD` traces from a session of its own and lets the process it was started as become the command:
the pid we spawn is the command's, its wait status and usage are the command's own, and neither Ctrl-C nor
a signal for the command reaches the tracer. strace would keep the step's stderr open and write its own
complaints there, so it is given a pipe instead, and a few lines of Python put the real stderr back just
before they become the command. They receive it through a socket (SCM_RIGHTS): the tracer would hold a
descriptor that they inherited, and a CI runner waits until nobody holds the step's pipes.
"""

from __future__ import annotations

import _socket
import os
import select
import sys

from makespan_agent.executables import IGNORED_BY_PYTHON, find_executable
from makespan_agent.file_trace.call_effects import TRACED

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_READY = b"\1"
_START_S = 10.0
"""For strace and a bare interpreter to start: 20 ms, on a machine that swaps a second."""
_PIPE_BYTES = 1024 * 1024
"""Room for 10,000 calls, so that the step is not held up whenever the reader is; the kernel's limit for users."""
_F_SETPIPE_SZ = 1031
"""linux/fcntl.h."""

_PRIVILEGED = frozenset({"sudo", "doas", "su", "pkexec"})
_MAX_SCRIPT_BYTES = 1024 * 1024

# Arguments: the socket with the real stderr, the trace's pipe, the file to execute, and the command's own words.
_BECOME_THE_COMMAND = """\
import os, sys, _signal, _socket
channel, trace, path, *words = sys.argv[1:]
channel = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, int(channel))
stderr = int.from_bytes(channel.recvmsg(1, 64)[1][0][2][:4], sys.byteorder)
channel.close()
os.write(2, b"\\1")
os.dup2(stderr, 2)
os.close(stderr)
os.close(int(trace))
for number in (_signal.SIGPIPE, _signal.SIGXFSZ):
    _signal.signal(number, _signal.SIG_DFL)
with open("/proc/self/environ", "rb") as file:
    pairs = [entry.partition(b"=") for entry in file.read().split(b"\\0") if b"=" in entry]
environment = {name: value for name, _, value in pairs}
try:
    try:
        os.execve(path, words, environment)
    except OSError as error:
        if error.errno != 8:
            raise
        os.execve("/bin/sh", ["sh", path, *words[1:]], environment)
except OSError as error:
    os.write(2, os.fsencode(f"makespan: {words[0]}: {error.strerror.lower()}\\n"))
    os._exit(127 if error.errno == 2 else 126)
"""


class CannotTraceError(Exception):
    """The command was not started; the message says why it cannot be traced."""


class TracedCommand:
    """A command that runs under strace.

    Attributes:
        pid: The command.
        tracer_pid: strace; None where it has ended already.
        trace: The descriptor that strace's lines are read from.
        failure: Why the command runs untraced; empty when it is traced.
    """

    __slots__ = ("complaints", "failure", "pid", "trace", "tracer_pid")

    def __init__(self, pid: int, tracer_pid: int | None, trace: int, complaints: int, failure: str) -> None:
        self.failure = failure
        self.pid = pid
        self.tracer_pid = tracer_pid
        self.trace = trace
        self.complaints = complaints

    def close(self) -> None:
        """Stop reading; strace goes on for what the step left running, and drops what it writes."""
        os.close(self.trace)
        os.close(self.complaints)


def spawn_traced(words: Sequence[str], environment: Mapping[str, str], signal_mask: set[int]) -> TracedCommand:
    """Start a command under strace.

    Args:
        words: The command as typed, and its arguments.
        environment: The whole environment of the command.
        signal_mask: Signals the command starts with blocked.

    Raises:
        CannotTraceError: No strace, or it may not trace; the command has not run.
    """
    strace, path = find_executable("strace"), find_executable(words[0])
    if strace is None:
        raise CannotTraceError("strace is not installed")
    if path is None or not os.access(path, os.X_OK) or os.path.isdir(path):
        raise CannotTraceError("")  # The usual way of starting it says what is wrong.
    if os.geteuid() != 0 and gains_privileges(words):
        raise CannotTraceError("it calls sudo, which gives a traced process no privileges")
    trace, trace_writer = os.pipe()
    complaints, complaint_writer = os.pipe()
    _enlarge(trace)
    os.set_blocking(complaint_writer, False)  # Nobody reads on once the command runs.
    sender, receiver = _socket.socketpair()
    os.set_inheritable(trace_writer, True)
    os.set_inheritable(receiver.fileno(), True)
    python = [sys.executable, "-I", "-S", "-c", _BECOME_THE_COMMAND, str(receiver.fileno()), str(trace_writer)]
    try:
        # The message waits in the socket until the other side is there.
        sender.sendmsg([b"2"], [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, (2).to_bytes(4, sys.byteorder))])
        pid = os.posix_spawn(
            strace,
            [*_strace_words(trace_writer), "--", *python, path, *words],
            environment,
            file_actions=[(os.POSIX_SPAWN_DUP2, complaint_writer, 2)],
            setsigmask=signal_mask,
            setsigdef=IGNORED_BY_PYTHON,
        )
    except OSError as error:
        _close(trace, complaints)
        raise CannotTraceError(f"strace: {(error.strerror or str(error)).lower()}") from None
    finally:
        _close(trace_writer, complaint_writer)
        receiver.close()
        sender.close()
    is_ready, complaint = _wait_until_ready(complaints)
    if not is_ready:
        _give_up(pid)
        _close(trace, complaints)
        raise CannotTraceError(complaint)
    # A strace that may not attach lets the command run on without it. Other complaints (no seccomp) only make it slow.
    failure = complaint if "attach" in complaint else ""
    return TracedCommand(pid, None if failure else _tracer_of(pid), trace, complaints, failure)


def gains_privileges(words: Sequence[str]) -> bool:
    """Whether a command, or a script it runs, calls sudo or its like, as far as its text shows."""
    for word in words:
        if os.path.basename(word) in _PRIVILEGED or _calls_privileged(word):
            return True
        try:
            if os.path.isfile(word) and os.path.getsize(word) <= _MAX_SCRIPT_BYTES:
                with open(word, "rb") as file:
                    text = file.read()
                if b"\0" not in text and _calls_privileged(text.decode("utf-8", "replace")):
                    return True
        except (OSError, ValueError):
            continue
    return False


def _calls_privileged(text: str) -> bool:
    return not _PRIVILEGED.isdisjoint(text.split())


def _strace_words(trace_writer: int) -> list[str]:
    # A `?` lets strace pass over a call that this architecture does not have.
    traced = ",".join(f"?{name}" for name in TRACED)
    # Structures are left as addresses, which also spares their decoding; these two hold flags that matter.
    selection = ["-e", f"trace={traced}", "-e", "verbose=openat2,clone3"]
    output = ["-q", "-y", "-ttt", "-s", "0", "-o", f"/proc/self/fd/{trace_writer}"]
    return ["strace", "-DDD", "-f", "--seccomp-bpf", *output, *selection]


def _wait_until_ready(complaints: int) -> tuple[bool, str]:
    """Whether the command is about to start, and the last thing strace said before."""
    said = b""
    while select.select([complaints], [], [], _START_S)[0]:
        data = os.read(complaints, 4096)
        said += data
        if not data or _READY in data:
            lines = said.partition(_READY)[0].decode("utf-8", "replace").strip().splitlines()
            return bool(data), lines[-1] if lines else "" if data else "strace ended at once"
    return False, f"strace did not start the command within {_START_S:.0f} s"


def _tracer_of(pid: int) -> int | None:
    try:
        with open(f"/proc/{pid}/status", "rb") as file:
            for line in file:
                if line.startswith(b"TracerPid:"):
                    return int(line.split()[1]) or None
    except (OSError, ValueError):
        pass
    return None


def _give_up(pid: int) -> None:
    """Reap what became of the attempt; it ends by itself unless strace hangs."""
    if os.waitpid(pid, os.WNOHANG)[0] == 0:
        os.kill(pid, 9)
        os.waitpid(pid, 0)


def _enlarge(descriptor: int) -> None:
    import fcntl

    try:  # noqa: SIM105 - contextlib takes 2 ms to import
        fcntl.fcntl(descriptor, _F_SETPIPE_SZ, _PIPE_BYTES)
    except OSError:
        pass  # The user's pipes are at their limit: 64 KiB do as well.


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
