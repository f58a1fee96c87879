"""All test reports of a step within bounds: count, text, and time.

Reading happens in the agent, between the end of the command and its record. A record then holds the
tests whole whatever becomes of the workspace, of the detached exporter or of the network, and no raw
report (system-out and all) is ever copied. 10,000 cases take 0.1 s; the deadline bounds the rest.
"""

from __future__ import annotations

import time

from makespan_agent.junit.report_files import find_reports
from makespan_agent.junit.report_parser import ReportError, read_report

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from makespan_agent.junit.test_case import TestCase

MAX_CASES = 50_000
_MAX_TEXT = 8 * 1024 * 1024
"""Characters of names over all cases: an eighth of the default spool."""


class ReadReports:
    """What the reports of one step said.

    Attributes:
        cases: One list of values a test case, as `TestCase.fields`.
        cut: Test cases beyond the limits, as far as they were counted.
    """

    def __init__(self) -> None:
        self.cases: list[list[object]] = []
        self.cut = 0
        self._text = 0

    def keep(self, case: TestCase) -> None:
        """Take a case, or count it when there is no room."""
        length = len(case.suite) + len(case.class_name) + len(case.name) + len(case.file or "")
        if len(self.cases) >= MAX_CASES or self._text + length > _MAX_TEXT:
            self.cut += 1
            return
        self._text += length
        self.cases.append(case.fields())


def read_reports(
    patterns: Sequence[str],
    directory: str,
    *,
    start_ns: int,
    deadline_s: float,
    notices: list[str],
    clock: Callable[[], float] = time.monotonic,
) -> ReadReports:
    """Read every report the step wrote.

    Args:
        patterns: As `find_reports`.
        directory: Where the step ran.
        start_ns: Unix time of its start; older files are somebody else's.
        deadline_s: Seconds after which the rest is left.
        notices: Gets one line when something could not be read: the first place, and how many more.
        clock: For the deadline.
    """
    read = ReadReports()
    end_s = clock() + deadline_s
    faults = []

    def is_time_up() -> bool:
        return clock() >= end_s

    for path in find_reports(patterns, directory, start_ns, is_time_up):
        try:
            read_report(path, read.keep, is_time_up)
        except ReportError as error:
            faults.append(str(error))
    if faults:
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        notices.append(f"test report {faults[0]}{more}; the tests before that are kept")
    return read
