"""`makespan run` and `makespan shell`: start the command first, then measure it while it runs.

Until the command runs, nothing is imported but what the interpreter has loaded anyway and this
package's own small modules; a test keeps the list.
"""

from __future__ import annotations

import os
import time

from makespan_agent.command_line import (
    EVIDENCE_OPTIONS,
    RUN_HELP,
    SHELL_HELP,
    Invocation,
    WrongUsageError,
    parse_command_line,
)
from makespan_agent.executables import CannotStartError, spawn
from makespan_agent.identity.job_identity import JobIdentity
from makespan_agent.identity.registry import identify
from makespan_agent.identity.step_identity import PATH_VARIABLE, StepIdentity, identify_step
from makespan_agent.measuring.accounting import adopt_orphans
from makespan_agent.shells import shell_words, text_words
from makespan_agent.signals import Ending, SignalRelay
from makespan_agent.spooling.spool import ENCLOSING_VARIABLE, spool_directory

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Callable

    from makespan_agent.evidence import Evidence
    from makespan_agent.spooling.record_keeping import RecordKeeping
    from makespan_agent.spooling.recording import Recording
    from makespan_agent.time_limit import TimeLimit

_USAGE_EXIT_CODE = 2
TIMEOUT_EXIT_CODE = 124
"""Of a command that was ended because its time was up (GNU coreutils `timeout`)."""
EXPORT_MODES = ("detached", "wait", "flush-only", "off")
"""`wait` starts the exporter as `detached` does, and gives it MAKESPAN_SEND_DEADLINE_S before the agent ends."""


def launch(command: str, arguments: list[str]) -> int:
    """Run one step.

    Args:
        command: `run` or `shell`.
        arguments: The command line after it.

    Returns:
        The command's exit code; 128 + N when signal N ended it, 127 when it does not exist, 126 when
        it cannot be executed, 2 when the agent's own command line is wrong.
    """
    try:
        invocation = parse_command_line(command, arguments)
        if invocation.wants_help:
            _write(1, RUN_HELP if command == "run" else SHELL_HELP)
            return 0
        words = invocation.words
        if invocation.text is not None:
            words = text_words(invocation.shell, invocation.text, words)
        elif command == "shell":
            words = shell_words(invocation.shell, words[0] if words else None)
    except WrongUsageError as error:
        say(str(error))
        return _USAGE_EXIT_CODE
    return _Step(invocation, words).run()


def say(line: str) -> None:
    """One line on stderr, if anybody can read it."""
    _write(2, f"makespan: {line}\n")


def _write(descriptor: int, text: str) -> None:
    try:  # noqa: SIM105 - contextlib takes 2 ms to import
        os.write(descriptor, text.encode("utf-8", "backslashreplace"))
    except OSError:
        pass  # Nobody reads it.


class _Step:
    """One wrapped command, from its command line to its spool record."""

    def __init__(self, invocation: Invocation, words: list[str]) -> None:
        self._invocation = invocation
        self._words = words
        self._notices: list[str] = []
        self._environment = inherited_environment() | invocation.variables
        self._spool = ""
        self._export = self._environment.get("MAKESPAN_EXPORT") or _usual_export(self._environment)
        if self._export not in EXPORT_MODES:
            self._notices.append(f"MAKESPAN_EXPORT must be one of {', '.join(EXPORT_MODES)}, not {self._export!r}")
            self._export = EXPORT_MODES[0]
        self._start_ns = time.time_ns()
        self._start_monotonic_ns = time.monotonic_ns()
        self._job: JobIdentity | None = None
        self._step: StepIdentity | None = None
        self._startup_s = 0.0
        self._keeping: RecordKeeping | None = None
        self._evidence: Evidence | None = None
        self._tracer_cpu_s: Callable[[], float | None] = lambda: None
        self._time_limit: TimeLimit | None = None

    def run(self) -> int:
        """Start, wait, record."""
        if self._export != "off":
            self._identify()
            self._prepare_evidence()
        relay = SignalRelay(self._now_ns)
        if self._step is not None:
            adopt_orphans()
        self._startup_s = time.process_time()
        try:
            child = self._spawn(relay)
        except CannotStartError as error:
            relay.restore()
            say(str(error))
            self._notices.clear()  # One line at most.
            self._keeping = self._keep_record()
            self._record(None, {}, [], exit_code=error.exit_code, error_type=error.error_type)
            return error.exit_code
        ending, usage, samples = self._follow(child, relay)
        code = os.waitstatus_to_exitcode(ending.status)
        exit_code = 128 - code if code < 0 else code
        if self._time_limit is not None and self._time_limit.is_over:
            exit_code = TIMEOUT_EXIT_CODE
        self._record(ending, usage, samples, exit_code=exit_code, error_type=self._error_type(code))
        relay.restore()
        return exit_code

    def _spawn(self, relay: SignalRelay) -> int:
        environment = self._child_environment()
        if self._evidence is not None:
            try:
                child = self._evidence.spawn(environment, relay)
            except Exception as error:  # noqa: BLE001 - nothing was started; the usual way is left
                self._notices.append(f"the step's files are not traced: {error}")
                child = None
            if child is not None:
                self._tracer_cpu_s = lambda: relay.tracer_cpu_s
                return child
        return spawn(self._words, environment, relay.outer_mask)

    def _now_ns(self) -> int:
        """Unix time that does not jump when somebody sets the clock during the step."""
        return self._start_ns + time.monotonic_ns() - self._start_monotonic_ns

    def _identify(self) -> None:
        try:
            self._spool = spool_directory(self._environment)
            self._job = identify(self._environment, self._notices)
            self._step = identify_step(
                self._job,
                self._environment,
                is_shell=self._invocation.command == "shell" and self._invocation.text is None,
                given_name=self._invocation.step,
                executable=os.path.basename(self._words[0]),
                start_ns=self._start_ns,
                notices=self._notices,
            )
        except Exception as error:  # noqa: BLE001 - a strange environment must not fail the step
            self._notices.append(f"the step is not recorded: {error}")

    def _prepare_evidence(self) -> None:
        """Find out what is to be recorded beyond the usage; imports nothing unless something is."""
        if self._step is None or not any(name in self._environment for name in EVIDENCE_OPTIONS.values()):
            return
        try:
            from makespan_agent.evidence import Evidence

            self._evidence = Evidence(self._environment, self._words, self._notices)
        except Exception as error:  # noqa: BLE001 - a strange setting must not fail the step
            self._notices.append(f"only the usage is recorded: {error}")

    def _gathered_evidence(self) -> dict[str, object]:
        if self._evidence is None:
            return {}
        try:
            return self._evidence.gather(self._start_ns, self._tracer_cpu_s())
        except Exception as error:  # noqa: BLE001 - the usage is recorded without it
            self._notices.append(f"only the usage is recorded: {error}")
            return {}

    def _child_environment(self) -> dict[str, str]:
        if self._job is None or self._step is None:
            return self._environment
        added = {
            "TRACEPARENT": self._step.traceparent,
            PATH_VARIABLE: self._step.path,
            ENCLOSING_VARIABLE: f"{os.getpid()},{self._spool}",
        }
        if self._job.provider == "plain":
            # A nested agent may stand in another work tree (a submodule), and still belongs to this run.
            added["MAKESPAN_RUN_ID"] = self._job.run_id
            added["MAKESPAN_REPOSITORY"] = self._job.repository
        environment = self._environment | added
        if self._evidence is not None:
            for name in self._evidence.consumed_variables:
                environment.pop(name, None)
        return environment

    def _follow(
        self, child: int, relay: SignalRelay
    ) -> tuple[Ending, dict[str, object], list[tuple[float | None, ...]]]:
        self._keeping = self._keep_record()
        if self._keeping is None:
            return relay.wait(child, self._limited(lambda: 86_400.0, child)), {}, []
        from makespan_agent.measuring.measurement import Measurement

        measurement = Measurement(relay, self._now_ns, self._start_ns)
        relay.before_reaping = measurement.look_at_the_dead
        ending = relay.wait(child, self._limited(self._keeping.begin(measurement), child))
        return ending, measurement.usage(ending), measurement.samples

    def _limited(self, wake: Callable[[], float], child: int) -> Callable[[], float]:
        if self._invocation.timeout_s is None:
            return wake
        from makespan_agent.time_limit import TimeLimit

        self._time_limit = TimeLimit(self._invocation.timeout_s, child, os.getpid())
        return self._time_limit.around(wake)

    def _keep_record(self) -> RecordKeeping | None:
        """Loaded only now that the command runs, or cannot; None when the step is not recorded."""
        job, step = self._job, self._step
        if job is None or step is None:
            return None

        def new_recording() -> Recording:
            from makespan_agent.spooling.recording import Recording

            return Recording(
                job,
                step,
                spool=self._spool,
                environment=self._environment,
                start_ns=self._start_ns,
                startup_s=self._startup_s,
                now_ns=self._now_ns,
                notices=self._notices,
            )

        try:
            from makespan_agent.spooling.record_keeping import RecordKeeping

            return RecordKeeping(
                new_recording,
                spool=self._spool,
                export=self._export,
                environment=self._environment,
                now_ns=self._now_ns,
                notices=self._notices,
            )
        except Exception as error:  # noqa: BLE001 - nothing in here may fail the step
            self._notices.append(f"the step is not recorded: {error}")
            return None

    def _record(
        self,
        ending: Ending | None,
        usage: dict[str, object],
        samples: list[tuple[float | None, ...]],
        *,
        exit_code: int,
        error_type: str | None,
    ) -> None:
        """Hand the end of the step to its record, and tell what went wrong in one line."""
        if self._keeping is not None:
            self._keeping.end(
                ending, usage, samples, exit_code=exit_code, error_type=error_type, evidence=self._gathered_evidence()
            )
        if self._notices and error_type not in ("not_found", "not_executable"):
            say("; ".join(self._notices).replace("\n", " "))

    def _error_type(self, code: int) -> str | None:
        from makespan_agent.endings import error_type

        return error_type(
            code,
            executable=os.path.basename(self._words[0]),
            timed_out=self._time_limit is not None and self._time_limit.is_over,
            oom_kills=self._keeping.oom_kills() if self._keeping else 0,
        )


def _usual_export(environment: dict[str, str]) -> str:
    # OpenTelemetry specification, "General SDK configuration": only "true" in any case means true.
    if environment.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return "off"
    # The first process of a container takes every other one with it when it ends.
    return "wait" if os.getpid() == 1 else EXPORT_MODES[0]


def inherited_environment() -> dict[str, str]:
    """The environment as it was given to us: a copy, without what Python itself added.

    Under the C locale Python sets LC_CTYPE for its children (PEP 538); an unwrapped command would not
    have seen that.
    """
    environment = dict(os.environ)
    if "LC_CTYPE" in environment:
        try:
            with open("/proc/self/environ", "rb") as file:
                if b"\0LC_CTYPE=" not in b"\0" + file.read():
                    del environment["LC_CTYPE"]
        except OSError:
            pass
    return environment
