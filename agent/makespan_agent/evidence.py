"""What a step is asked to tell beyond its usage: its tests, its files, its arguments, its environment.

Imported only when something of it is asked for.
"""

from __future__ import annotations

import os

from makespan_agent.command_line import EVIDENCE_OPTIONS

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from makespan_agent.file_trace.tracing import FileTracing
    from makespan_agent.signals import SignalRelay

JUNIT_VARIABLE = EVIDENCE_OPTIONS["--junit"]
TRACE_FILES_VARIABLE = EVIDENCE_OPTIONS["--trace-files"]
CAPTURE_ARGUMENTS_VARIABLE = EVIDENCE_OPTIONS["--capture-arguments"]
CAPTURE_ENVIRONMENT_VARIABLE = EVIDENCE_OPTIONS["--capture-environment"]
DEADLINE_VARIABLE = "MAKESPAN_SEND_DEADLINE_S"

CONSUMED_VARIABLES = (JUNIT_VARIABLE, TRACE_FILES_VARIABLE)
"""Not passed on to the command: an agent inside the step would report the same tests again, and a traced
process cannot be traced a second time."""

DEFAULT_DEADLINE_S = 1.0
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("", "0", "false", "no", "off")


class Evidence:
    """Gathers what was asked for; no failure in here reaches the step.

    Args:
        environment: The process's environment, with the variables that options stand for.
        words: The command and its arguments.
        notices: Gets a line for what is wrong with a setting, and for what could not be gathered.
    """

    def __init__(self, environment: Mapping[str, str], words: Sequence[str], notices: list[str]) -> None:
        self.consumed_variables = CONSUMED_VARIABLES
        self._environment = environment
        self._words = words
        self._notices = notices
        self._directory = _working_directory()
        self._patterns = _patterns(environment.get(JUNIT_VARIABLE, ""))
        self._captures_arguments = _switch(environment, CAPTURE_ARGUMENTS_VARIABLE, notices)
        self._traces_files = _switch(environment, TRACE_FILES_VARIABLE, notices)
        self._tracing: FileTracing | None = None
        names = environment.get(CAPTURE_ENVIRONMENT_VARIABLE, "").split(",")
        self._captured_names = [name.strip() for name in names if name.strip()]

    def spawn(self, environment: Mapping[str, str], relay: SignalRelay) -> int | None:
        """Start the command in the way that this evidence needs.

        Args:
            environment: The whole environment of the command.
            relay: Learns of the tracer.

        Returns:
            The command's pid; None when the usual way will do, or the other one is not possible.
        """
        if not self._traces_files or self._directory is None:
            return None
        from makespan_agent.file_trace.traced_spawn import CannotTraceError, spawn_traced
        from makespan_agent.file_trace.tracing import FileTracing, find_workspace

        workspace = find_workspace(self._environment, self._directory)
        try:
            command = spawn_traced(self._words, environment, relay.outer_mask)
        except CannotTraceError as error:
            if str(error):
                self._notices.append(f"the step's files are not traced: {error}")
            return None
        if command.failure:
            command.close()
            self._notices.append(f"the step's files are not traced: {command.failure}")
            return command.pid
        relay.tracer_pid = command.tracer_pid
        try:
            self._tracing = FileTracing(command, workspace, os.path.realpath(self._directory))
        except Exception as error:  # noqa: BLE001 - the command runs already
            command.close()  # strace drops what it cannot write.
            self._notices.append(f"the step's files are not traced: {error}")
        return command.pid

    def gather(self, start_ns: int, tracer_cpu_s: float | None) -> dict[str, object]:
        """Everything for the record, once the command has ended.

        Args:
            start_ns: Unix time of the step's start.
            tracer_cpu_s: As `SignalRelay.tracer_cpu_s`.
        """
        found: dict[str, object] = {}
        if self._tracing is not None:
            deadline_s = send_deadline_s(self._environment, self._notices)
            found["files"] = self._tracing.finish(deadline_s, tracer_cpu_s)
        if self._patterns and self._directory is not None:
            self._gather_tests(found, start_ns)
        if self._captures_arguments or self._captured_names:
            self._gather_command(found)
        return found

    def _gather_tests(self, found: dict[str, object], start_ns: int) -> None:
        from makespan_agent.junit.report_reading import read_reports

        assert self._directory is not None
        deadline_s = send_deadline_s(self._environment, self._notices)
        read = read_reports(
            self._patterns, self._directory, start_ns=start_ns, deadline_s=deadline_s, notices=self._notices
        )
        found["tests"] = read.cases
        found["tests_cut"] = read.cut

    def _gather_command(self, found: dict[str, object]) -> None:
        from makespan_agent.privacy.masking import Masking

        masking = Masking(self._environment)
        if self._captures_arguments:
            found["arguments"] = masking.arguments(self._words)
        if self._captured_names:
            found["environment"] = masking.variables(self._captured_names)


def send_deadline_s(environment: Mapping[str, str], notices: list[str]) -> float:
    """MAKESPAN_SEND_DEADLINE_S, else one second: what a step's end may be held up by the agent's own work."""
    text = environment.get(DEADLINE_VARIABLE, "")
    if not text:
        return DEFAULT_DEADLINE_S
    try:
        deadline_s = float(text)
    except ValueError:
        deadline_s = -1.0
    if 0 <= deadline_s < float("inf"):
        return deadline_s
    notices.append(f"{DEADLINE_VARIABLE} must be a number of seconds from 0 up, not {text!r}")
    return DEFAULT_DEADLINE_S


def _patterns(text: str) -> list[str]:
    separator = "\n" if "\n" in text else ":"
    return [pattern.strip() for pattern in text.split(separator) if pattern.strip()]


def _switch(environment: Mapping[str, str], name: str, notices: list[str]) -> bool:
    value = environment.get(name, "").strip().lower()
    if value not in _TRUE and value not in _FALSE:
        notices.append(f"{name} must be 1 or 0, not {environment[name]!r}")
    return value in _TRUE


def _working_directory() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        return None  # It was deleted; the command may still run.
