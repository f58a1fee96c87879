from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from makespan_agent.spooling import spool
from makespan_agent.spooling.open_record import OpenRecord
from makespan_agent.spooling.spool import FAILURE_NOTE, spool_directory, take_failure_note, waiting


def _write(directory: Path, number: int, text: str = "{}", max_bytes: int = 1_000_000) -> int:
    record = OpenRecord(str(directory), text, start_ns=number, span_id=f"{number:016x}")
    return record.finish("{}", end_ns=number, max_bytes=max_bytes)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"MAKESPAN_SPOOL": "/a/b", "XDG_STATE_HOME": "/x"}, "/a/b"),
        ({"XDG_STATE_HOME": "/x"}, "/x/makespan/spool"),
        ({}, "/home/me/.local/state/makespan/spool"),
    ],
)
def test_the_spool_is_where_the_user_or_xdg_says(
    environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")

    assert spool_directory(environment) == expected


def test_a_record_is_sealed_lines_in_a_file_of_its_own_that_only_the_user_can_read(tmp_path: Path) -> None:
    directory = tmp_path / "deep" / "spool"
    _write(directory, 5, '{"a": 1}')

    (path,) = directory.iterdir()
    assert path.read_bytes() == spool.seal('{"a": 1}') + spool.seal("{}")
    assert path.name == f"{5:020d}-{5:016x}-{path.stat().st_size}.step"
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_records_wait_oldest_first(tmp_path: Path) -> None:
    for number in (30, 4, 100):
        _write(tmp_path, number)

    assert [int(name.split("-")[0]) for name in waiting(str(tmp_path))] == [4, 30, 100]


def test_the_spool_never_outgrows_its_bound_and_drops_the_oldest(tmp_path: Path) -> None:
    size = len(spool.seal("x" * 100) + spool.seal("{}"))

    dropped = [_write(tmp_path, number, "x" * 100, max_bytes=3 * size + 1) for number in range(1, 6)]

    assert dropped == [0, 0, 0, 1, 1]
    assert [int(name.split("-")[0]) for name in waiting(str(tmp_path))] == [3, 4, 5]


def test_a_disk_that_is_full_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "no space left on device")

    monkeypatch.setattr(os, "write", full)

    with pytest.raises(OSError, match="no space left"):
        _write(tmp_path, 1)

    assert list(tmp_path.iterdir()) == []


def test_a_failure_is_told_once(tmp_path: Path) -> None:
    _write(tmp_path, 1)
    (tmp_path / FAILURE_NOTE).write_text("http://127.0.0.1:4318\tconnection refused\n")

    assert take_failure_note(str(tmp_path)) == (
        "collector at http://127.0.0.1:4318 not reachable (connection refused), 1 step spooled; "
        "`makespan flush` sends them"
    )
    assert take_failure_note(str(tmp_path)) is None


def test_the_bound_on_the_spool_must_be_a_number() -> None:
    notices: list[str] = []

    assert spool.max_spool_bytes({"MAKESPAN_SPOOL_MAX_BYTES": "4096"}, notices) == 4096
    assert notices == []
    assert spool.max_spool_bytes({"MAKESPAN_SPOOL_MAX_BYTES": "-1"}, notices) == spool.DEFAULT_MAX_BYTES
    assert "MAKESPAN_SPOOL_MAX_BYTES" in notices[0]
