"""Waiting for the command while passing on the signals meant for it.

Nothing is handled asynchronously: every signal of interest is blocked and taken with sigtimedwait(2),
whose siginfo says who sent it. That tells Ctrl-C, which the terminal has already sent to the whole
foreground group, from `kill -INT <agent>`, which only the agent got: a command must not see one
Ctrl-C twice (pytest and npm give up hard on the second).
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]
import os
import time

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Callable
    from resource import struct_rusage

_SI_KERNEL = 0x80
"""si_code of a signal the kernel raised, such as a terminal's (asm-generic/siginfo.h)."""

_STOPPING = frozenset({_signal.SIGTSTP, _signal.SIGTTIN, _signal.SIGTTOU})
_FORWARDED = frozenset(
    {
        _signal.SIGHUP,
        _signal.SIGINT,
        _signal.SIGQUIT,
        _signal.SIGUSR1,
        _signal.SIGUSR2,
        _signal.SIGALRM,
        _signal.SIGTERM,
        _signal.SIGCONT,
        _signal.SIGPWR,
        _signal.SIGWINCH,
        *_STOPPING,
    }
)
_COUNTED = (
    ("ru_minflt", "minor_faults"),
    ("ru_majflt", "major_faults"),
    ("ru_nvcsw", "voluntary_switches"),
    ("ru_nivcsw", "involuntary_switches"),
)
_ENDING = frozenset({_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP, _signal.SIGQUIT})


class Ending:
    """How the command ended.

    Attributes:
        status: The wait status.
        rusage: Of the command and every descendant it waited for; None when somebody else reaped it.
        end_ns: Unix time.
        received_signal: The last INT, TERM, HUP or QUIT that came to the agent; None without one.
        orphans_cpu_s: User and system seconds of descendants that outlived their parents and were reaped here.
        orphans_counts: Their page faults and context switches, in the order of `_COUNTED`.
    """

    __slots__ = ("end_ns", "orphans_counts", "orphans_cpu_s", "received_signal", "rusage", "status")

    def __init__(self, status: int, rusage: struct_rusage | None, end_ns: int) -> None:
        self.status = status
        self.rusage = rusage
        self.end_ns = end_ns
        self.received_signal: int | None = None
        self.orphans_cpu_s = (0.0, 0.0)
        self.orphans_counts = [0] * len(_COUNTED)

    def fault_counts(self) -> dict[str, int]:
        """Page faults and context switches of the whole tree, by the names of `makespan_model.records.Usage`."""
        if self.rusage is None:
            return {}
        return {
            name: getattr(self.rusage, counter) + orphans
            for (counter, name), orphans in zip(_COUNTED, self.orphans_counts, strict=True)
        }


class SignalRelay:
    """Owns the agent's signals from before the command starts until after it ends."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        # What the agent was told to ignore (nohup, a background job of sh), the command ignores too: leave both alone.
        heard = {number for number in _FORWARDED if _signal.getsignal(number) != _signal.SIG_IGN}
        self._waited_for = heard | {_signal.SIGCHLD}
        self._child_handler = _signal.getsignal(_signal.SIGCHLD)
        if self._child_handler == _signal.SIG_IGN:
            # An inherited SIG_IGN would make the kernel discard the command's exit status.
            _signal.signal(_signal.SIGCHLD, _signal.SIG_DFL)
        self.outer_mask: set[int] = _signal.pthread_sigmask(_signal.SIG_BLOCK, self._waited_for)
        self._child = 0
        self._received: int | None = None
        self._stop_requested = False
        self._child_stopped = False
        self._orphans_user_s = 0.0
        self._orphans_system_s = 0.0
        self._orphans_counts = [0] * len(_COUNTED)
        self.tracer_pid: int | None = None
        """A child that is the agent's own helper: what it uses is no part of the step."""
        self.tracer_cpu_s: float | None = None
        """CPU seconds of that child once it is reaped."""
        self.before_reaping: Callable[[int], None] | None = None
        """Called with the pid of a child that has ended, while /proc still holds its figures."""

    @property
    def orphans_cpu_s(self) -> float:
        """CPU seconds of the orphans reaped so far."""
        return self._orphans_user_s + self._orphans_system_s

    @property
    def orphans_user_and_system_s(self) -> tuple[float, float]:
        """The same in two parts."""
        return self._orphans_user_s, self._orphans_system_s

    def wait(self, child: int, next_reading_s: Callable[[], float]) -> Ending:
        """Wait until the command ends, calling `next_reading_s` whenever the time it gave last has passed.

        Args:
            child: The command's process id.
            next_reading_s: Does what is due, and says in how many seconds something is due again.
        """
        self._child = child
        due_s = time.monotonic() + next_reading_s()
        while True:
            ending = self._reap()
            if ending is not None:
                ending.received_signal = self._received
                ending.orphans_cpu_s = (self._orphans_user_s, self._orphans_system_s)
                ending.orphans_counts = self._orphans_counts
                return ending
            self._stop_with_the_command()
            # A tree that never stops reaping must not keep readings, heartbeats and the time limit from their turn.
            if time.monotonic() >= due_s:
                due_s = time.monotonic() + next_reading_s()
            signal_info = _signal.sigtimedwait(self._waited_for, max(0.0, due_s - time.monotonic()))
            if signal_info is not None and signal_info.si_signo != _signal.SIGCHLD:
                self._pass_on(signal_info.si_signo, signal_info.si_code)

    def restore(self) -> None:
        """Give the signals back; what arrived after the command's end is dropped, the command being gone."""
        while _signal.sigtimedwait(self._waited_for, 0) is not None:
            pass
        _signal.pthread_sigmask(_signal.SIG_SETMASK, self.outer_mask)

    def _reap(self) -> Ending | None:
        """Collect whatever ended; orphans of the command are our children (PR_SET_CHILD_SUBREAPER)."""
        while True:
            self._look_at_the_dead()
            try:
                pid, status, rusage = os.wait4(-1, os.WNOHANG | os.WUNTRACED | os.WCONTINUED)
            except ChildProcessError:
                # Somebody else reaped the command; its status is lost, which no shell would call a success.
                return Ending(1 << 8, None, self._now_ns())
            if pid == 0:
                return None
            if os.WIFSTOPPED(status) or os.WIFCONTINUED(status):
                if pid == self._child:
                    self._child_stopped = os.WIFSTOPPED(status)
            elif pid == self._child:
                return Ending(status, rusage, self._now_ns())
            elif pid == self.tracer_pid:
                self.tracer_cpu_s = rusage.ru_utime + rusage.ru_stime
            else:
                self._orphans_user_s += rusage.ru_utime
                self._orphans_system_s += rusage.ru_stime
                for place, (counter, _) in enumerate(_COUNTED):
                    self._orphans_counts[place] += getattr(rusage, counter)

    def _look_at_the_dead(self) -> None:
        if self.before_reaping is None:
            return
        try:
            dead = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if dead is not None:
            self.before_reaping(dead.si_pid)

    def _pass_on(self, number: int, code: int) -> None:
        if number in _ENDING:
            self._received = number
        if number in _STOPPING:
            self._stop_requested = True
        elif number == _signal.SIGCONT:
            self._stop_requested = False
        if code == _SI_KERNEL:
            return
        try:  # noqa: SIM105 - contextlib takes 2 ms to import
            os.kill(self._child, number)
        except PermissionError:
            pass  # sudo: whoever signals the agent may not signal root's command either.

    def _stop_with_the_command(self) -> None:
        """Ctrl-Z: stop once the command did, so that the shell gets its prompt back; `fg` continues both."""
        if self._stop_requested and self._child_stopped:
            self._stop_requested = False
            os.kill(os.getpid(), _signal.SIGSTOP)
