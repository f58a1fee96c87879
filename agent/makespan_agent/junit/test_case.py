"""One `<testcase>` of a report, whoever wrote the report."""

from __future__ import annotations

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Mapping

PASSED, FAILED, ERROR, SKIPPED = "passed", "failed", "error", "skipped"
_MAX_TEXT = 512
"""Characters kept of a name: parametrized tests carry whole documents in theirs."""
_OUTCOMES = {"failure": FAILED, "error": ERROR, "skipped": SKIPPED}
_NOT_RUN = ("notrun", "disabled", "skipped", "ignored")
"""Values of GoogleTest's, CTest's and NUnit converters' `status` for a test that did not run."""
_SEVERITY = (PASSED, SKIPPED, FAILED, ERROR)


class TestCase:
    """One test's outcome.

    Attributes:
        suite, class_name, name: As in the report, shortened to 512 characters; empty where missing.
        file: The test's file; None where missing.
        duration_s: None where missing or no number.
        outcome: `passed`, `failed`, `error` or `skipped`.
        retries: Tries before the last one.
    """

    __slots__ = ("class_name", "duration_s", "file", "name", "outcome", "retries", "suite")
    __test__ = False  # pytest takes a class of this name for a suite.

    def __init__(self, attributes: Mapping[str, str], suite: str, suite_file: str | None) -> None:
        self.suite = suite[:_MAX_TEXT]
        self.class_name = attributes.get("classname", "")[:_MAX_TEXT]
        self.name = attributes.get("name", "")[:_MAX_TEXT]
        file = attributes.get("file") or suite_file
        self.file = file[:_MAX_TEXT] if file else None
        self.duration_s = seconds(attributes.get("time"))
        self.outcome = SKIPPED if attributes.get("status", "").lower() in _NOT_RUN else PASSED
        self.retries = 0

    @property
    def key(self) -> tuple[str, str, str, str | None]:
        """What two tries of one test share."""
        return self.suite, self.class_name, self.name, self.file

    def take_child(self, element: str) -> None:
        """Note a child element: an outcome, or one failed try.

        Surefire writes `flakyFailure` and `flakyError` into a test that passed in the end, `rerunFailure`
        and `rerunError` into one that did not (maven-surefire, surefire-test-report.xsd).
        """
        outcome = _OUTCOMES.get(element)
        if outcome is None:
            if element.startswith(("flaky", "rerun")):
                self.retries += 1
        elif _SEVERITY.index(outcome) > _SEVERITY.index(self.outcome):
            self.outcome = outcome

    def take_next_try(self, later: TestCase) -> bool:
        """Merge a later element for the same test; False when that one is a test of its own.

        Gradle's test-retry writes one element a try. pytest writes a second one, an error, when a test
        failed and its teardown failed as well: that is one try. Two that passed are two parametrizations
        of one name.
        """
        if self.outcome not in (FAILED, ERROR):
            return False
        if later.outcome != ERROR:
            self.retries += 1 + later.retries
            self.duration_s = later.duration_s
        self.outcome = later.outcome
        return True

    def fields(self) -> list[object]:
        """As the spool keeps it; `makespan_agent.exporting.step_evidence` reads it."""
        return [self.suite, self.class_name, self.name, self.file, self.duration_s, self.outcome, self.retries]


def seconds(text: str | None) -> float | None:
    """A report's `time`: seconds with a decimal point, or a decimal comma, or commas between thousands.

    `1,234` could be either: Surefire writes thousands so, and nobody writes just three decimals behind
    a comma unless the whole part is 0.
    """
    if not text:
        return None
    whole, comma, rest = text.strip().partition(",")
    if comma and "." not in text and "," not in rest and (len(rest) != 3 or whole.strip("0") == ""):
        text = f"{whole}.{rest}"
    try:
        value = float(text.replace(",", ""))
    except ValueError:
        return None
    return value if 0 <= value < 1e9 else None
