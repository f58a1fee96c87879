from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from support.agent_process import Agent

# Prints how many SIGINTs arrive: a second one is waited for, so that "one" is a finding, not a race.
_COUNTER = """
import signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
print("ready", flush=True)
signal.sigwait([signal.SIGINT])
again = signal.sigtimedwait([signal.SIGINT], 0.4)
print("once" if again is None else "twice", flush=True)
sys.exit(42)
"""

_IN_TERMINAL = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""

# An interactive shell in short: one job in the foreground; says when it stopped, continues it, says how it ended.
_JOB_CONTROL = """
import fcntl, os, signal, subprocess, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
job = subprocess.Popen(sys.argv[1:], process_group=0)
os.tcsetpgrp(0, job.pid)
pid, status = os.waitpid(job.pid, os.WUNTRACED)
print("stopped" if os.WIFSTOPPED(status) else f"ended {status}", flush=True)
os.killpg(job.pid, signal.SIGCONT)
pid, status = os.waitpid(job.pid, 0)
print("exit", os.waitstatus_to_exitcode(status), flush=True)
"""


class Terminal:
    """A pseudo-terminal with a program on it."""

    def __init__(self, program: list[str], environment: dict[str, str]) -> None:
        self.master, slave = os.openpty()
        self.process = subprocess.Popen(
            program, stdin=slave, stdout=slave, stderr=slave, env=environment, start_new_session=True
        )
        os.close(slave)
        self.seen = b""

    def read_until(self, text: bytes) -> None:
        while text not in self.seen:
            try:
                data = os.read(self.master, 4096)
            except OSError:  # EIO: the last program on the terminal has gone.
                data = b""
            assert data, f"{text!r} never came; the terminal shows {self.seen!r}"
            self.seen += data

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def close(self) -> int:
        code = self.process.wait(timeout=30)
        os.close(self.master)
        return code


def test_ctrl_c_on_a_terminal_reaches_the_command_exactly_once(agent: Agent) -> None:
    program = [sys.executable, "-c", _IN_TERMINAL, *agent.command("run", "--", sys.executable, "-c", _COUNTER)]
    terminal = Terminal(program, agent.full_environment())
    terminal.read_until(b"ready")

    terminal.type(b"\x03")

    terminal.read_until(b"ce\r\n")
    assert b"once" in terminal.seen
    assert terminal.close() == 42
    assert agent.records()[0]["received_signal"] == signal.SIGINT


def test_an_interrupt_sent_to_the_agent_alone_is_passed_on_once(agent: Agent) -> None:
    process = agent.start("run", "--", sys.executable, "-c", _COUNTER)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"

    process.send_signal(signal.SIGINT)

    assert process.communicate(timeout=30)[0] == b"once\n"
    assert process.returncode == 42


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2])
def test_signals_sent_to_the_agent_reach_the_command(agent: Agent, number: int) -> None:
    script = f"trap 'echo got; exit 9' {int(number)}; echo ready; while :; do read -r line; done"
    process = agent.start("run", "--", "sh", "-c", script, stdin=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"

    process.send_signal(number)
    # dash runs a trap once the foreground read is interrupted; closing its input ends the read in any case.
    assert process.stdout.readline() == b"got\n"
    process.communicate(timeout=30)
    assert process.returncode == 9


def test_ctrl_z_stops_the_command_and_the_agent_and_fg_continues_both(agent: Agent) -> None:
    script = "echo ready; read -r line; echo read $line; exit 5"
    program = [sys.executable, "-c", _JOB_CONTROL, *agent.command("run", "--", "sh", "-c", script)]
    terminal = Terminal(program, agent.full_environment())
    terminal.read_until(b"ready")

    terminal.type(b"\x1a")
    terminal.read_until(b"stopped")
    terminal.type(b"words\n")

    terminal.read_until(b"exit 5")
    assert b"read words" in terminal.seen
    terminal.close()


def test_the_agent_ends_with_the_command_even_when_its_daemon_lives_on(agent: Agent, tmp_path: Path) -> None:
    stop = tmp_path / "stop"
    os.mkfifo(stop)
    script = f"(read -r line < {stop}) </dev/null >/dev/null 2>&1 & echo $!"

    finished = agent.run("run", "--", "sh", "-c", script)

    assert finished.returncode == 0
    daemon = int(finished.stdout)
    os.kill(daemon, 0)  # It still runs: the agent must not kill what a step leaves running for later steps.
    stop.write_text("now\n")


def test_orphans_are_reaped_while_the_command_goes_on(agent: Agent) -> None:
    script = "(sh -c 'echo $$' &) ; sleep 0.8; ps -o stat= --ppid $PPID | grep -c Z"

    finished = agent.run("run", "--", "sh", "-c", script)

    assert finished.stdout.split()[-1] == b"0"
