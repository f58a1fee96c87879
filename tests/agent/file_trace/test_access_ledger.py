from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from makespan_agent.file_trace import access_ledger
from makespan_agent.file_trace.access_ledger import AccessLedger


class Book:
    """A ledger of a directory, and what was to be digested."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.digested: list[str] = []
        self.ledger = AccessLedger(str(root), lambda path, _time_ns: self.digested.append(path))

    def path(self, name: str) -> str:
        return str(self.root / name)

    def summary(self) -> Any:
        return self.ledger.summary({self.path("a"): "ff"})


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path)


def test_only_the_first_read_is_digested_and_only_before_a_write(book: Book) -> None:
    book.ledger.read(book.path("a"), 1)
    book.ledger.read(book.path("a"), 2)
    book.ledger.write(book.path("b"), 3, keeps_content=False)
    book.ledger.read(book.path("b"), 4)

    assert book.digested == [book.path("a")]
    assert book.summary()["read"] == [["a", "ff"]]


def test_paths_outside_are_not_kept(book: Book) -> None:
    book.ledger.read("/etc/passwd", 1)
    book.ledger.read(f"{book.root}-beside/x", 1)

    assert book.summary()["read"] == []
    assert book.digested == []


def test_the_lists_are_sorted_and_what_does_not_fit_is_counted(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(access_ledger._LIMITS, "absent", 2)
    for name in ("c", "b", "d", "a"):
        book.ledger.miss(book.path(name))

    assert (book.summary()["absent"], book.summary()["cut"]) == (["a", "b"], 2)


def test_paths_beyond_the_memory_limit_are_counted(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access_ledger, "MAX_PATHS", 3)
    for number in range(5):
        book.ledger.miss(book.path(str(number)))
    book.ledger.miss(book.path("x" * 2000))

    assert (book.summary()["absent"], book.summary()["cut"]) == (["0", "1", "2"], 3)


def test_a_new_file_appended_to_is_no_input_but_an_old_one_is(book: Book) -> None:
    book.ledger.miss(book.path("new"))
    book.ledger.write(book.path("new"), 1, keeps_content=True)
    book.ledger.write(book.path("excl"), 1, keeps_content=True, is_new=True)
    book.ledger.write(book.path("old"), 1, keeps_content=True)

    assert book.summary()["read"] == [["old", None]]


def test_what_is_in_a_directory_that_the_step_made_is_made_as_well(book: Book) -> None:
    book.ledger.write(book.path("d"), 1, keeps_content=False, is_new=True)
    book.ledger.write(book.path("d/x"), 1, keeps_content=True)

    assert book.summary()["read"] == []


def test_a_step_that_lists_and_reads_its_own_directory_has_no_input_in_it(book: Book) -> None:
    book.ledger.write(book.path("d"), 1, keeps_content=False, is_new=True)
    book.ledger.list(book.path("d"))

    assert book.summary()["listed"] == []
