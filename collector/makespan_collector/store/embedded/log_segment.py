"""An append-only log of Arrow batches in which a torn end is recognised and ignored.

Layout: the eight bytes of `MAGIC`, then frames. A frame is `<u32 payload length><u32 CRC-32 of the
payload>` (little endian) and the payload. The first frame holds the columns (an Arrow IPC schema message),
every other one either an Arrow IPC record batch message with all of them, or, where that is shorter, an Arrow IPC
stream of one batch that names the columns it has. One frame is one group commit, so a broken frame can
only be the last one; a broken frame that others follow is damage.

A table may gain columns: a segment or frame that lacks some reads as if they were empty. Segments of the second
format (`SECOND_MAGIC`) have no streams, those of the first (`FIRST_MAGIC`) no frame for their columns either.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from makespan_collector.store.schema import empty_column
from makespan_model.errors import InputError

FIRST_MAGIC = b"MKSPLOG1"
SECOND_MAGIC = b"MKSPLOG2"
MAGIC = b"MKSPLOG3"
_STREAM_FROM_ROWS = 64
"""In a batch of fewer rows an empty column takes no more than its name in a stream's own list of columns would."""
_HEADER = struct.Struct("<II")


@dataclass(frozen=True, slots=True)
class LogContents:
    """Whole batches of a segment, and where the last whole one ends."""

    batches: tuple[pa.RecordBatch, ...]
    valid_bytes: int
    torn: bool


class LogWriter:
    """Appends to one new segment file.

    Args:
        path: Must not exist.
        schema: The columns of the batches to come.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path = path
        self._schema = schema
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o644)
        payload = memoryview(schema.serialize())
        frame = _HEADER.pack(len(payload), zlib.crc32(payload))
        _write_all(self._descriptor, MAGIC, frame, payload)
        self.size_bytes = len(MAGIC) + len(frame) + len(payload)
        self.rows = 0
        sync_directory(path.parent)

    def append(self, batch: pa.RecordBatch) -> None:
        """Write one frame and flush it to the disk.

        Args:
            batch: Has all columns of the segment in their order, or some of them by their names.

        Raises:
            OSError: The frame is not durable; it was cut off again where the disk allowed it.
        """
        payload = memoryview(_payload(batch, self._schema))
        frame = _HEADER.pack(len(payload), zlib.crc32(payload))
        try:
            _write_all(self._descriptor, frame, payload)
            os.fdatasync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, self.size_bytes)
            raise
        self.size_bytes += len(frame) + len(payload)
        self.rows += batch.num_rows

    def close(self) -> None:
        """Close the file; its frames are durable already."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def read_log(path: Path, schema: pa.Schema, first_schema: pa.Schema | None = None, *, fill: bool = True) -> LogContents:
    """Every whole batch of a segment, also of one that is being written.

    Args:
        path: The segment.
        schema: The columns the batches shall have; those the segment lacks are null.
        first_schema: The columns of a segment of the first format; None where there can be none.
        fill: Give every batch all columns of `schema`; without, it has those that were written.

    Raises:
        FileNotFoundError: The segment was compacted in the meantime.
        InputError: Damage before the end of the file, with its place.
    """
    data = path.read_bytes()
    magic = data[: len(MAGIC)]
    if magic not in (MAGIC, SECOND_MAGIC) and (magic != FIRST_MAGIC or first_schema is None):
        if any(known.startswith(data) for known in (MAGIC, SECOND_MAGIC, FIRST_MAGIC)):
            return LogContents((), len(data), torn=True)
        raise InputError(f"{path}: not a log segment of this store (its first bytes are {data[:8]!r})")
    stored = first_schema if magic == FIRST_MAGIC else None
    batches = []
    end = len(MAGIC)
    for payload, end in _frames(path, data):  # noqa: B007 - the end of the last whole frame is wanted
        message = pa.py_buffer(payload)
        if stored is None:
            stored = pa.ipc.read_schema(message)
        else:
            batch = _batch_of(message, stored)
            batches.append(_with_columns(batch, schema) if fill else batch)
    return LogContents(tuple(batches), end, torn=end < len(data))


def _frames(path: Path, data: bytes) -> Iterator[tuple[memoryview, int]]:
    """The payload of every whole frame and where the frame ends."""
    view = memoryview(data)
    offset = len(MAGIC)
    while offset + _HEADER.size <= len(data):
        length, checksum = _HEADER.unpack_from(view, offset)
        start = offset + _HEADER.size
        payload = view[start : start + length]
        # A length of zero is what an unflushed, already extended end of a file reads as after a loss of power.
        if length == 0 or len(payload) < length:
            break
        if zlib.crc32(payload) != checksum:
            if start + length < len(data) and any(view[start + length :]):
                raise InputError(
                    f"{path}: damaged at byte {offset}, with data after it; restore this file from a backup"
                )
            break
        offset = start + length
        yield payload, offset


def _payload(batch: pa.RecordBatch, schema: pa.Schema) -> pa.Buffer:
    if batch.num_columns == len(schema):
        if batch.num_rows < _STREAM_FROM_ROWS:
            return batch.serialize()
        batch = _without_empty_columns(batch)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as stream:
        stream.write_batch(batch)
    return sink.getvalue()


def _without_empty_columns(batch: pa.RecordBatch) -> pa.RecordBatch:
    columns = batch.columns
    # A batch without any column would have no rows either.
    places = [place for place, column in enumerate(columns) if not place or column.null_count < len(batch)]
    names = batch.schema.names
    return pa.RecordBatch.from_arrays([columns[place] for place in places], names=[names[place] for place in places])


def _batch_of(payload: pa.Buffer, stored: pa.Schema) -> pa.RecordBatch:
    message = pa.ipc.read_message(payload)
    if message.type == "schema":
        with pa.ipc.open_stream(payload) as stream:
            return stream.read_next_batch()
    return pa.ipc.read_record_batch(message, stored)


def _with_columns(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    if batch.schema.equals(schema):
        return batch
    there = set(batch.schema.names)
    columns = [
        batch.column(field.name) if field.name in there else empty_column(batch.num_rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def repair_log(path: Path, schema: pa.Schema, first_schema: pa.Schema | None = None) -> bool:
    """Cut off a torn end, which was never acknowledged; True when there was one."""
    contents = read_log(path, schema, first_schema)
    if contents.torn:
        with path.open("r+b") as file:
            file.truncate(contents.valid_bytes)
            os.fsync(file.fileno())
    return contents.torn


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable: a new file's content is not found without its name."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, *parts: bytes | memoryview) -> None:
    for part in parts:
        view = memoryview(part)
        while view:
            view = view[os.write(descriptor, view) :]
