"""Errors carry their exit codes, and the picture of the tree is the tree."""

from __future__ import annotations

import re

import pytest

from makespan_model import errors
from makespan_model.errors import ExitCode, MakespanError, WorkflowError
from makespan_model.matching import did_you_mean, nearest


def _tree(root: type[MakespanError]) -> list[type[MakespanError]]:
    return [root, *(found for child in root.__subclasses__() for found in _tree(child))]


def test_the_picture_in_the_docstring_shows_every_error_with_its_code() -> None:
    drawn = dict(re.findall(r"(\w+Error) \.+ (\d+)", errors.__doc__ or ""))
    own = [found for found in _tree(MakespanError) if found.__module__ == errors.__name__]
    assert drawn == {found.__name__: str(int(found.exit_code)) for found in own}


def test_exit_codes_are_different() -> None:
    assert len({int(code) for code in ExitCode}) == len(list(ExitCode))


def test_only_what_may_work_later_is_retryable() -> None:
    assert [found.__name__ for found in _tree(MakespanError) if found.retryable] == ["UnavailableError"]


def test_a_broken_workflow_is_told_with_its_place() -> None:
    error = WorkflowError("no 'on'", file="ci.yml", line=3, column=7)
    assert str(error) == "ci.yml:3:7: no 'on'"
    assert (error.what, error.file, error.line, error.column) == ("no 'on'", "ci.yml", 3, 7)


@pytest.mark.parametrize(("word", "match"), [("stor", "store"), ("store", "store"), ("zzz", None), ("", None)])
def test_a_word_is_matched_only_when_it_is_near(word: str, match: str | None) -> None:
    assert nearest(word, ["store", "runners"]) == match


def test_a_suggestion_can_be_appended_to_a_sentence() -> None:
    assert did_you_mean("stor", ["store"]) == " (did you mean 'store'?)"
    assert did_you_mean("zzz", ["store"]) == ""
