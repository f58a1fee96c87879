from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from makespan_agent.file_trace import content_digests
from makespan_agent.file_trace.content_digests import ContentDigests


def digest_of(path: Path, read_ns: int, *, is_tool: bool = False) -> str | None:
    digests = ContentDigests()
    digests.ask(str(path), read_ns, is_tool=is_tool)
    return digests.finish(30)[str(path)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    return path


def later_ns() -> int:
    return time.time_ns() + 1_000_000_000


def test_a_file_that_has_not_changed_since_it_was_read_is_digested(file: Path) -> None:
    assert digest_of(file, later_ns()) == hashlib.sha256(b"content").hexdigest()


def test_a_file_that_changed_after_it_was_read_is_not_vouched_for(file: Path) -> None:
    read_ns = file.stat().st_ctime_ns + 1
    file.write_bytes(b"other")
    # Setting the modification time back hides nothing: no program can set the change time.
    os.utime(file, (0, 0))

    assert digest_of(file, read_ns) is None


def test_a_file_that_is_gone_a_directory_and_a_fifo_have_no_digest(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")

    for path in (tmp_path / "gone", tmp_path, tmp_path / "fifo"):
        assert digest_of(path, later_ns()) is None


def test_the_bytes_digested_are_bounded(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(content_digests, "MAX_FILE_BYTES", 6)
    assert digest_of(file, later_ns()) is None

    monkeypatch.setattr(content_digests, "MAX_FILE_BYTES", 100)
    monkeypatch.setattr(content_digests, "MAX_TOTAL_BYTES", 10)
    digests = ContentDigests()
    (file.parent / "second").write_bytes(b"content")
    for name in ("file", "second"):
        digests.ask(str(file.parent / name), later_ns())
    assert [digest is not None for digest in digests.finish(30).values()] == [True, False]


def test_a_large_program_is_known_by_its_size_head_and_tail(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for path, tail in ((first, b"a"), (second, b"b")):
        with path.open("wb") as file:
            file.truncate(20 * 1024 * 1024)
            file.seek(0, os.SEEK_END)
            file.write(tail)

    digests = [digest_of(path, 0, is_tool=True) for path in (first, second, first)]

    assert digests[0] == digests[2] != digests[1]
    assert digests[0] is not None
    assert digests[0].startswith("partial:")


def test_finishing_does_not_wait_beyond_its_time(tmp_path: Path) -> None:
    digests = ContentDigests()
    for number in range(50):
        path = tmp_path / str(number)
        with path.open("wb") as file:
            file.truncate(60 * 1024 * 1024)
        digests.ask(str(path), later_ns())

    assert len(digests.finish(0.0)) < 50
