"""A store in one file: a zstd-compressed tar with the digest of everything in it.

Taken while the store is written: the segments are pinned by hard links first, so that a compaction cannot take one
away, and a log that grows is taken as long as it was then (its last frame may be torn, which readers ignore).
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath
from typing import IO, Any

import zstandard

from makespan_collector.store.embedded.log_segment import sync_directory
from makespan_collector.store.embedded.segments import is_segment_name, list_segments
from makespan_collector.store.schema import TABLES
from makespan_model.errors import InputError, UnavailableError

_MANIFEST = "manifest.json"
_FORMAT = "format"
_CHUNK_BYTES = 1024 * 1024
_ATTEMPTS = 8
_MOST_MANIFEST_BYTES = 64 * 1024 * 1024

Progress = Callable[[int, int], None]
"""Called with the bytes done and the bytes in all."""


def _silent(done: int, total: int) -> None:
    """Report nothing."""


def back_up(root: Path, target: Path, progress: Progress = _silent) -> int:
    """Write a store into a new file; returns the bytes it holds before compression.

    Raises:
        UnavailableError: The file is there already, or cannot be written; nothing is left of it.
    """
    if target.exists():
        raise UnavailableError(f"{target} is there already; name another file, or remove it")
    temporary = target.with_name(f"{target.name}.{os.getpid()}.tmp")
    try:
        with _pinned(root) as files, temporary.open("wb") as file:
            total = sum(size for _, _, size in files)
            _write_archive(file, files, progress, total)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(target)
        sync_directory(target.resolve().parent)
    except OSError as error:
        raise UnavailableError(f"cannot back up {root} to {target}: {error.strerror or error}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return total


def restore(archive: Path, root: Path, progress: Progress = _silent) -> int:
    """Make a store of a backup; returns the bytes in it.

    Raises:
        UnavailableError: The directory is not empty, or cannot be written; nothing is left of what was restored.
        InputError: The file is no backup, cut off, or damaged.
    """
    if root.exists() and any(root.iterdir()):
        raise UnavailableError(f"{root} is not empty; restore into a new directory, then move it")
    partial = root.with_name(f"{root.name}.{os.getpid()}.restoring")
    try:
        partial.mkdir(parents=True)
        done = _extract(archive, partial, progress)
        if root.exists():
            root.rmdir()
        partial.rename(root)
        sync_directory(root.resolve().parent)
    except (tarfile.TarError, zstandard.ZstdError, EOFError, UnicodeDecodeError) as error:
        raise InputError(f"{archive}: not a backup of a store, or damaged: {error}") from error
    except OSError as error:
        raise UnavailableError(f"cannot restore {archive} to {root}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return done


_File = tuple[str, Path, int]


@contextlib.contextmanager
def _pinned(root: Path) -> Iterator[list[_File]]:
    """Hard links to all live files: name in the archive, path, and size as of now."""
    pins = root / f"backup.{os.getpid()}.tmp"
    pins.mkdir()
    try:
        files: list[_File] = [(_FORMAT, root / _FORMAT, (root / _FORMAT).stat().st_size)]
        for table in TABLES:
            folder = pins / table.name
            folder.mkdir()
            _pin_segments(root / table.name, folder)
            files += [(f"{table.name}/{pin.name}", pin, pin.stat().st_size) for pin in sorted(folder.iterdir())]
        yield files
    finally:
        shutil.rmtree(pins, ignore_errors=True)


def _pin_segments(folder: Path, pins: Path) -> None:
    """Link all live segments; a compaction may take one away meanwhile, then there is a newer one that covers it."""
    for _ in range(_ATTEMPTS):
        live = list_segments(folder).live
        for segment in live:
            with contextlib.suppress(FileNotFoundError, FileExistsError):
                (pins / segment.path.name).hardlink_to(segment.path)
        if all((pins / segment.path.name).exists() for segment in live):
            return
    raise UnavailableError(f"{folder}: changes faster than it can be backed up; try again")


def _write_archive(file: IO[bytes], files: list[_File], progress: Progress, total: int) -> None:
    digests: dict[str, str] = {}
    done = 0
    with (
        zstandard.ZstdCompressor().stream_writer(file, closefd=False) as packed,
        tarfile.open(fileobj=packed, mode="w|") as archive,
    ):
        for name, path, size in files:
            with path.open("rb") as content:
                reader = _Digesting(content, size)
                archive.addfile(_member(name, size), reader)
            digests[name] = reader.digest.hexdigest()
            done += size
            progress(done, total)
        manifest = json.dumps(digests).encode()
        archive.addfile(_member(_MANIFEST, len(manifest)), io.BytesIO(manifest))


def _extract(archive: Path, root: Path, progress: Progress) -> int:
    for table in TABLES:
        (root / table.name).mkdir()
    digests: dict[str, str] = {}
    manifest: dict[str, Any] | None = None
    done, total = 0, archive.stat().st_size
    with (
        archive.open("rb") as file,
        zstandard.ZstdDecompressor().stream_reader(file) as packed,
        tarfile.open(fileobj=packed, mode="r|") as members,
    ):
        for member in members:
            content = members.extractfile(member)
            if content is None or manifest is not None:
                raise InputError(f"{archive}: {member.name!r} does not belong into a backup")
            if member.name == _MANIFEST:
                manifest = json.loads(content.read(_MOST_MANIFEST_BYTES))
                continue
            if not _is_known(member.name) or member.name in digests:
                raise InputError(f"{archive}: {member.name!r} does not belong into a backup")
            digests[member.name] = _copy(content, root / member.name)
            done += member.size
            progress(file.tell(), total)
    if manifest != digests:
        raise InputError(f"{archive}: cut off, or its content is not what its manifest says")
    return done


def _copy(content: IO[bytes], target: Path) -> str:
    digest = hashlib.sha256()
    with target.open("xb") as file:
        while chunk := content.read(_CHUNK_BYTES):
            digest.update(chunk)
            file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def _is_known(name: str) -> bool:
    """Whether a member is a file a store has: nothing else of a stranger's archive is written anywhere."""
    if name == _FORMAT:
        return True
    parts = PurePosixPath(name).parts
    return len(parts) == 2 and parts[0] in {table.name for table in TABLES} and is_segment_name(parts[1])


def _member(name: str, size: int) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.size = size
    return member


class _Digesting:
    """Reads the first `size` bytes of a file and digests them on the way."""

    def __init__(self, content: IO[bytes], size: int) -> None:
        self._content = content
        self._left = size
        self.digest = hashlib.sha256()

    def read(self, count: int = -1) -> bytes:
        chunk = self._content.read(self._left if count < 0 else min(count, self._left))
        self._left -= len(chunk)
        self.digest.update(chunk)
        return chunk
