"""What is seen inside a step beyond its usage: the tests it ran and the files it used."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import ClassVar


class TestOutcome(StrEnum):
    """How a test case ended: `failed` is an assertion, `error` anything else that went wrong."""

    __test__ = False  # pytest takes a class of this name for a suite.

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class TestRun:
    """One test case as a step's test report told it.

    Attributes:
        trace_id: The run it belongs to.
        step_span_id: The step whose report it was.
        suite: The innermost suite's name; empty when the report has none.
        class_name: The class or module; empty when the report has none.
        name: The test's own name, parameters included.
        file: The test's file as the report spells it; None when it does not.
        duration_s: Seconds of the last try; None when the report has none.
        retries: Tries before the last one.
    """

    __test__: ClassVar[bool] = False  # pytest takes a class of this name for a suite.

    trace_id: str
    step_span_id: str
    suite: str
    class_name: str
    name: str
    outcome: TestOutcome
    duration_s: float | None = None
    retries: int = 0
    file: str | None = None

    @property
    def is_flaky(self) -> bool:
        """Whether it failed and then passed without any change."""
        return self.outcome is TestOutcome.PASSED and self.retries > 0


@dataclass(frozen=True, slots=True)
class FileDigest:
    """A file and what was in it.

    Attributes:
        path: Relative to the workspace; absolute outside of it.
        sha256: Of the content, in hexadecimal; `partial:` before a digest of size, head and tail of a large
            executable; None when nobody can say what the step read (changed meanwhile, too large, gone).
    """

    path: str
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class FileAccesses:
    """Which files a step used, as its system calls told it; every list is sorted by path.

    Attributes:
        read: Files of the workspace whose content it read before it had written them: its inputs.
        written: Paths of the workspace it made, changed or removed; what was made and removed again is left out.
        examined: Paths it only looked up and found.
        absent: Paths it looked up in vain: their appearance would be a change of its inputs.
        listed: Directories it listed.
        tools: Executables from outside the workspace.
        cut: Paths left out because a list was full.
        incomplete: Why something may be missing; empty when nothing is known to be.
        calls: System calls seen.
        overhead_cpu_s: CPU seconds that tracing used.
    """

    read: tuple[FileDigest, ...] = ()
    written: tuple[str, ...] = ()
    examined: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    listed: tuple[str, ...] = ()
    tools: tuple[FileDigest, ...] = ()
    cut: int = 0
    incomplete: str = ""
    calls: int = 0
    overhead_cpu_s: float | None = None
