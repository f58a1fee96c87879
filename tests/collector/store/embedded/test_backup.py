from __future__ import annotations

import io
import json
import tarfile
import threading
from pathlib import Path

import pytest
import zstandard

from makespan_collector.store.embedded.backup import back_up, restore
from makespan_collector.store.opening import open_store
from makespan_model.errors import InputError, UnavailableError
from support.span_rows import EPOCH, SECOND, run_rows

ONE_JOB = {"test": [("pytest", 1, 5)]}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "store"
    with open_store(root) as store:
        store.append(spans=run_rows("1", ONE_JOB))
        store.compact()
        store.append(spans=run_rows("2", ONE_JOB, start_ns=EPOCH + SECOND))
    return root


def _ids(root: Path) -> list[str]:
    with open_store(root, read_only=True) as store:
        return [run.identity.run_id for run in store.runs()]


def test_a_restored_backup_is_the_store_it_was_made_of(root: Path, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    back_up(root, tmp_path / "b.tar.zst", lambda done, total: seen.append((done, total)))
    restore(tmp_path / "b.tar.zst", tmp_path / "again")

    assert _ids(tmp_path / "again") == ["1", "2"]
    assert seen[-1][0] == seen[-1][1] > 0
    assert not list(root.glob("backup*"))
    with open_store(tmp_path / "again") as store:
        store.append(spans=run_rows("3", ONE_JOB, start_ns=EPOCH + 2 * SECOND))
    assert _ids(tmp_path / "again") == ["1", "2", "3"]


def test_a_backup_beside_a_writer_that_compacts_holds_all_that_was_acknowledged_before(tmp_path: Path) -> None:
    root = tmp_path / "store"
    stop = threading.Event()
    acknowledged: list[str] = []
    started = threading.Event()

    def write() -> None:
        with open_store(root) as store:
            number = 0
            while not stop.is_set():
                store.append(spans=run_rows(f"{number:05}", ONE_JOB, start_ns=EPOCH + number * SECOND))
                acknowledged.append(f"{number:05}")
                if number % 5 == 0:
                    store.compact()
                number += 1
                if number > 10:
                    started.set()

    writer = threading.Thread(target=write)
    writer.start()
    assert started.wait(60)
    for number in range(5):
        before = list(acknowledged)
        back_up(root, tmp_path / f"{number}.tar.zst")
        restore(tmp_path / f"{number}.tar.zst", tmp_path / f"again{number}")
        assert _ids(tmp_path / f"again{number}")[: len(before)] == before
    stop.set()
    writer.join()


def test_a_file_or_directory_that_is_there_is_not_overwritten(root: Path, tmp_path: Path) -> None:
    back_up(root, tmp_path / "b.tar.zst")

    with pytest.raises(UnavailableError, match="is there already"):
        back_up(root, tmp_path / "b.tar.zst")
    with pytest.raises(UnavailableError, match="not empty"):
        restore(tmp_path / "b.tar.zst", root)
    assert _ids(root) == ["1", "2"]


@pytest.mark.parametrize("place", [0.0, 0.3, 0.7, 0.99])
def test_a_damaged_or_cut_off_backup_is_refused_and_leaves_nothing(root: Path, tmp_path: Path, place: float) -> None:
    archive = tmp_path / "b.tar.zst"
    back_up(root, archive)
    data = bytearray(archive.read_bytes())
    spot = int(len(data) * place)
    data[spot] ^= 0xFF

    for content in (bytes(data), bytes(data[:spot])):
        archive.write_bytes(content)
        with pytest.raises(InputError):
            restore(archive, tmp_path / "again")
        assert not (tmp_path / "again").exists()
        assert not list(tmp_path.glob("*restoring*"))


def _archive(path: Path, members: dict[str, bytes], *, link: str | None = None) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        if link is not None:
            member = tarfile.TarInfo("spans/00000001.log")
            member.type, member.linkname = tarfile.SYMTYPE, link
            archive.addfile(member)
    path.write_bytes(zstandard.ZstdCompressor().compress(packed.getvalue()))


@pytest.mark.parametrize("name", ["../evil", "/etc/evil", "spans/../../evil", "spans/evil.sh", "other/00000001.log"])
def test_a_strangers_archive_writes_nothing_outside_of_a_stores_own_files(tmp_path: Path, name: str) -> None:
    _archive(tmp_path / "b", {name: b"x", "manifest.json": json.dumps({}).encode()})

    with pytest.raises(InputError, match="does not belong"):
        restore(tmp_path / "b", tmp_path / "again")


def test_links_in_an_archive_are_refused(tmp_path: Path) -> None:
    _archive(tmp_path / "b", {}, link="/etc/passwd")

    with pytest.raises(InputError):
        restore(tmp_path / "b", tmp_path / "again")
