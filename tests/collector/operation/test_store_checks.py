from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from makespan_collector.operation.store_checks import directory_checks, store_checks
from makespan_collector.store.contract import ReportsStatus, Store, StoreStatus
from makespan_collector.store.embedded.directory_store import EmbeddedStore
from makespan_collector.store.opening import open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    with open_store(tmp_path / "store") as opened:
        assert isinstance(opened, EmbeddedStore)
        yield opened


class Lagging(EmbeddedStore):
    """A store whose compaction does not keep up."""

    def __init__(self, status: StoreStatus) -> None:
        self._given = status

    def status(self) -> StoreStatus:
        return self._given


def test_a_directory_with_room_has_no_problem_and_keeps_nothing_of_the_probe(tmp_path: Path) -> None:
    assert {name: check() for name, check in directory_checks(tmp_path, 0).items()} == {"disk": None, "writing": None}
    assert list(tmp_path.iterdir()) == []


def test_too_little_room_is_said_in_numbers(tmp_path: Path) -> None:
    wanted = shutil.disk_usage(tmp_path).free + 2**40
    assert f"fewer than the {wanted / 2**20:g} MiB of min_free_bytes" in str(
        directory_checks(tmp_path, wanted)["disk"]()
    )


def test_a_directory_that_is_gone_is_said(tmp_path: Path) -> None:
    checks = directory_checks(tmp_path / "gone", 0)
    assert "No such file or directory" in str(checks["disk"]())
    assert "cannot be written" in str(checks["writing"]())


def test_a_disk_that_fails_when_it_is_flushed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("os.fsync", fail)

    assert "Input/output error" in str(directory_checks(tmp_path, 0)["writing"]())
    assert list(tmp_path.iterdir()) == []


def test_an_open_store_has_no_problem_and_a_closed_one_says_so(store: EmbeddedStore) -> None:
    check = store_checks(store)["store"]
    assert check() is None

    store.close()
    assert check() == "the store is closed"


def test_a_store_whose_directory_was_replaced_says_so(store: EmbeddedStore, tmp_path: Path) -> None:
    (tmp_path / "store").rename(tmp_path / "elsewhere")
    assert "replaced or deleted" in str(store_checks(store)["store"]())

    with open_store(tmp_path / "store"):
        assert "replaced or deleted" in str(store_checks(store)["store"]())


def test_a_store_that_lags_behind_is_a_problem_from_a_bound_on(store: EmbeddedStore) -> None:
    status = store.status()

    assert store_checks(Lagging(replace(status, closed_logs=32)))["store"]() is None
    assert "33 logs wait" in str(store_checks(Lagging(replace(status, closed_logs=33)))["store"]())


def test_a_reader_says_nothing_of_itself(store: Store, tmp_path: Path) -> None:
    with open_store(tmp_path / "store", read_only=True) as reader:
        assert not isinstance(reader, ReportsStatus)
        assert store_checks(reader) == {}
