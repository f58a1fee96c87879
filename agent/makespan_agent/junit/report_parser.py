"""A streaming reader of one JUnit XML report that trusts nothing in it.

Expat reads; no document type is let in, so there are no entities to expand and nothing outside the
file is ever opened. Text between tags is never kept, a single tag and the nesting are bounded.
"""

from __future__ import annotations

import os
import pyexpat

from makespan_agent.junit.test_case import ERROR, FAILED, TestCase

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Callable

_CHUNK_BYTES = 64 * 1024
_MAX_FILE_BYTES = 256 * 1024 * 1024
"""A million test cases take 100 to 200 MB."""
_MAX_TAG_BYTES = 1024 * 1024
"""Expat holds a whole tag in memory before it reports it."""
_MAX_DEPTH = 64
"""Reports nest suites a few levels deep; properties and outputs add two more."""
_MAX_OPEN_TRIES = 10_000
"""Failed cases remembered in case a further try follows."""
_REGULAR_FILE, _FILE_TYPE = 0o100000, 0o170000


class ReportError(Exception):
    """A report cannot be read on; the message says where and why."""


def read_report(path: str, keep: Callable[[TestCase], None], is_time_up: Callable[[], bool]) -> None:
    """Hand every complete test case of a report to `keep`; the failed ones may come late, with their further tries.

    Args:
        path: The file.
        keep: Gets the cases; those before a fault are handed over before the fault is raised.
        is_time_up: Asked after every 64 KiB.

    Raises:
        ReportError: Not well-formed, a document type, over a bound, cut off, unreadable, or no time left.
    """
    reader = _Reader(path, keep)
    descriptor = None
    try:
        # O_NONBLOCK: the name may be a FIFO, whose opening would wait for a writer.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        status = os.fstat(descriptor)
        if status.st_mode & _FILE_TYPE != _REGULAR_FILE:
            raise ReportError(f"{path}: not a regular file")
        if status.st_size > _MAX_FILE_BYTES:
            raise ReportError(f"{path}: larger than {_MAX_FILE_BYTES >> 20} MiB")
        while chunk := os.read(descriptor, _CHUNK_BYTES):
            reader.feed(chunk)
            if is_time_up():
                raise ReportError(f"{path}: the time for reading test reports was up")
        reader.finish()
    except OSError as error:
        raise ReportError(f"{path}: {(error.strerror or str(error)).lower()}") from None
    finally:
        if descriptor is not None:
            os.close(descriptor)


class _Reader:
    """Expat's handlers, and what they know of the place they are at."""

    def __init__(self, path: str, keep: Callable[[TestCase], None]) -> None:
        self._path = path
        self._keep = keep
        self._depth = 0
        self._fed_bytes = 0
        self._suites: list[tuple[str, str | None]] = [("", None)]
        self._case: TestCase | None = None
        self._case_depth = 0
        self._last: dict[tuple[str, str, str, str | None], TestCase] = {}
        self._parser = pyexpat.ParserCreate()
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.StartDoctypeDeclHandler = self._refuse_doctype
        self._parser.SetParamEntityParsing(pyexpat.XML_PARAM_ENTITY_PARSING_NEVER)

    def feed(self, chunk: bytes) -> None:
        self._parse(chunk, is_final=False)
        self._fed_bytes += len(chunk)
        if self._fed_bytes - self._parser.CurrentByteIndex > _MAX_TAG_BYTES:
            raise self._error(f"a tag of more than {_MAX_TAG_BYTES >> 20} MiB")

    def finish(self) -> None:
        self._parse(b"", is_final=True)
        self._keep_open_tries()

    def _parse(self, chunk: bytes, *, is_final: bool) -> None:
        try:
            self._parser.Parse(chunk, is_final)
        except pyexpat.ExpatError as error:
            raise self._error(pyexpat.errors.messages[error.code]) from None
        except (LookupError, ValueError) as error:  # An encoding that Python does not know, or that has no 8-bit table.
            raise self._error(str(error)) from None

    def _error(self, what: str) -> ReportError:
        self._keep_open_tries()
        line, column = self._parser.CurrentLineNumber, self._parser.CurrentColumnNumber + 1
        return ReportError(f"{self._path}:{line}:{column}: {what}")

    def _refuse_doctype(self, *_declaration: object) -> None:
        raise self._error("a document type, which no test report needs, is not read")

    def _start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._error(f"elements nested deeper than {_MAX_DEPTH}")
        element = tag.rpartition(":")[2]
        if self._case is not None:
            if self._depth == self._case_depth + 1:
                self._case.take_child(element)
        elif element == "testcase":
            suite, file = self._suites[-1]
            self._case = TestCase(attributes, suite, file)
            self._case_depth = self._depth
        elif element in ("testsuite", "testsuites"):
            suite, file = self._suites[-1]
            name = attributes.get("name") if element == "testsuite" else None
            self._suites.append((name or suite, attributes.get("file") or attributes.get("filepath") or file))

    def _end(self, tag: str) -> None:
        element = tag.rpartition(":")[2]
        if self._case is not None:
            if self._depth == self._case_depth:
                self._settle(self._case)
                self._case = None
        elif element in ("testsuite", "testsuites"):
            self._suites.pop()
        self._depth -= 1

    def _settle(self, case: TestCase) -> None:
        """Keep the case, a failed one only once no later element can be a further try of it."""
        earlier = self._last.get(case.key)
        if earlier is not None and earlier.take_next_try(case):
            return
        if case.outcome in (FAILED, ERROR) and earlier is None:
            self._last[case.key] = case
            if len(self._last) > _MAX_OPEN_TRIES:
                self._keep_open_tries()
        else:
            self._keep(case)

    def _keep_open_tries(self) -> None:
        for case in self._last.values():
            self._keep(case)
        self._last.clear()
