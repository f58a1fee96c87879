from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_collector.importers.cursor import Kept, read_cursor
from makespan_model.errors import InputError

ORIGIN = "github https://api.github.com octo/app *"


def filled(folder: Path) -> Path:
    cursor = read_cursor(folder, ORIGIN)
    cursor.coverage.from_ns, cursor.coverage.to_ns, cursor.coverage.etags = 1, 100, ('W/"a"', None)
    cursor.save()
    cursor.add({"1": Kept("1 a", 10, is_over=True), "2": Kept("1 b", 90, is_over=False)})
    cursor.add({"2": Kept("1 c", 90, is_over=True), "3": Kept("1 d", 95, is_over=True)})
    return cursor.path


def test_what_was_kept_is_known_again_and_the_last_word_counts(tmp_path: Path) -> None:
    filled(tmp_path)
    cursor = read_cursor(tmp_path, ORIGIN)
    assert cursor.kept == {
        "1": Kept("1 a", 10, is_over=True),
        "2": Kept("1 c", 90, is_over=True),
        "3": Kept("1 d", 95, is_over=True),
    }
    assert (cursor.coverage.from_ns, cursor.coverage.to_ns, cursor.coverage.etags) == (1, 100, ('W/"a"', None))


def test_a_line_that_was_being_written_is_dropped_wherever_it_was_cut(tmp_path: Path) -> None:
    path = filled(tmp_path)
    whole = path.read_bytes()
    head = whole.index(b"\n") + 1
    for length in range(head, len(whole)):
        path.write_bytes(whole[:length])
        cursor = read_cursor(tmp_path, ORIGIN)
        assert len(cursor.kept) <= 3
        # And the next line does not grow out of the torn one.
        cursor.add({"9": Kept("1 z", 99, is_over=True)})
        assert read_cursor(tmp_path, ORIGIN).kept["9"].version == "1 z"


def test_old_runs_are_forgotten_unless_they_go_on(tmp_path: Path) -> None:
    cursor = read_cursor(tmp_path, ORIGIN)
    cursor.add({"1": Kept("a", 10, is_over=True), "2": Kept("b", 20, is_over=False), "3": Kept("c", 90, is_over=True)})
    cursor.save(forget_before_ns=50)
    assert set(read_cursor(tmp_path, ORIGIN).kept) == {"2", "3"}


def test_origins_that_look_alike_have_cursors_of_their_own(tmp_path: Path) -> None:
    paths = {read_cursor(tmp_path, origin).path for origin in ("github a/b", "github a_b", "github a b", "../../a", "")}
    assert len(paths) == 5
    assert all(path.parent == tmp_path for path in paths)


@given(st.binary(max_size=200))
def test_a_damaged_cursor_is_told_with_its_place(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    folder = tmp_path_factory.mktemp("cursor")
    path = filled(folder)
    path.write_bytes(content + b"\n" + path.read_bytes())
    with pytest.raises(InputError, match=r"\.jsonl:\d+: .*delete the file"):
        read_cursor(folder, ORIGIN)
