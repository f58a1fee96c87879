"""A step's tests, files, arguments and environment as the sending side reads them from its record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from makespan_model import vocabulary as names
from makespan_model.evidence import FileAccesses, FileDigest, TestOutcome, TestRun


@dataclass(frozen=True, slots=True)
class StepEvidence:
    """What a step told beyond its usage; empty where it was not asked.

    Attributes:
        tests: The test cases of its reports.
        tests_cut: Test cases beyond the limit.
        files: The files it used; None unless they were traced.
        arguments: The command line, masked; None unless asked for.
        environment: The variables asked for that were set, masked.
    """

    tests: tuple[TestRun, ...] = ()
    tests_cut: int = 0
    files: FileAccesses | None = None
    arguments: tuple[str, ...] | None = None
    environment: Mapping[str, str] = field(default_factory=dict)

    def step_attributes(self) -> dict[str, int | tuple[str, ...] | str]:
        """What of it the step's own span carries."""
        found: dict[str, int | tuple[str, ...] | str] = {
            f"{names.PROCESS_ENVIRONMENT_VARIABLE}.{name}": value for name, value in self.environment.items()
        }
        if self.arguments is not None:
            found[names.PROCESS_COMMAND_ARGS] = self.arguments
        if self.tests_cut:
            found[names.TESTS_CUT] = self.tests_cut
        return found


def decode_evidence(data: Mapping[str, Any], trace_id: str, span_id: str) -> StepEvidence:
    """Read the evidence of one record.

    Args:
        data: As `Evidence.gather` left it.
        trace_id: Of the step.
        span_id: Of the step.

    Raises:
        ValueError, TypeError, KeyError: It is not what this release writes.
    """
    arguments = data.get("arguments")
    return StepEvidence(
        tests=tuple(_test_run(values, trace_id, span_id) for values in data.get("tests", ())),
        tests_cut=int(data.get("tests_cut", 0)),
        files=_file_accesses(data["files"]) if "files" in data else None,
        arguments=None if arguments is None else tuple(map(printable, arguments)),
        environment={printable(name): printable(value) for name, value in data.get("environment", {}).items()},
    )


def printable(value: object) -> str:
    """Text that protobuf accepts: bytes that are no UTF-8 become the replacement sign."""
    return str(value).encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def _test_run(values: list[Any], trace_id: str, span_id: str) -> TestRun:
    suite, class_name, name, file, duration_s, outcome, retries = values
    return TestRun(
        trace_id=trace_id,
        step_span_id=span_id,
        suite=suite,
        class_name=class_name,
        name=name,
        outcome=TestOutcome(outcome),
        duration_s=duration_s,
        retries=retries,
        file=file,
    )


def _file_accesses(data: Mapping[str, Any]) -> FileAccesses:
    return FileAccesses(
        read=_digests(data["read"]),
        written=_paths(data["written"]),
        examined=_paths(data["examined"]),
        absent=_paths(data["absent"]),
        listed=_paths(data["listed"]),
        tools=_digests(data["tools"]),
        cut=data["cut"],
        incomplete=data["incomplete"],
        calls=data["calls"],
        overhead_cpu_s=data["overhead_cpu_s"],
    )


def _digests(pairs: list[tuple[str, str | None]]) -> tuple[FileDigest, ...]:
    return tuple(FileDigest(printable(path), digest) for path, digest in pairs)


def _paths(paths: list[str]) -> tuple[str, ...]:
    return tuple(map(printable, paths))
