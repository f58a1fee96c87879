from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_collector.store.embedded.log_segment import LogWriter, read_log, repair_log
from makespan_model.errors import InputError

SCHEMA = pa.schema([("n", pa.int64()), ("text", pa.string())])


def batch(*numbers: int) -> pa.RecordBatch:
    return pa.RecordBatch.from_pydict({"n": list(numbers), "text": [str(n) * 5 for n in numbers]}, schema=SCHEMA)


def write(path: Path, *batches: pa.RecordBatch) -> list[int]:
    """The segment's size after each batch."""
    path.unlink(missing_ok=True)
    writer = LogWriter(path, SCHEMA)
    ends = [writer.size_bytes]
    for item in batches:
        writer.append(item)
        ends.append(writer.size_bytes)
    writer.close()
    return ends


def numbers(path: Path) -> list[int]:
    return [value for item in read_log(path, SCHEMA).batches for value in item.column("n").to_pylist()]


def test_what_was_appended_is_read_back(tmp_path: Path) -> None:
    ends = write(tmp_path / "a.log", batch(1, 2), batch(3))
    contents = read_log(tmp_path / "a.log", SCHEMA)
    assert contents.batches == (batch(1, 2), batch(3))
    assert (contents.valid_bytes, contents.torn) == (ends[-1], False)


@given(cut=st.integers(min_value=0))
def test_after_any_cut_exactly_the_whole_frames_before_it_are_there(
    tmp_path_factory: pytest.TempPathFactory, cut: int
) -> None:
    path = tmp_path_factory.mktemp("log") / "a.log"
    ends = write(path, batch(1), batch(2, 3), batch(4))
    data = path.read_bytes()[: cut % (ends[-1] + 1)]
    path.write_bytes(data)
    whole = sum(end <= len(data) for end in ends[1:])
    assert numbers(path) == [1, 2, 3, 4][: [0, 1, 3, 4][whole]]


def test_zeros_after_the_last_frame_are_a_torn_end(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    ends = write(path, batch(1))
    path.write_bytes(path.read_bytes() + b"\0" * 4096)
    contents = read_log(path, SCHEMA)
    assert (numbers(path), contents.valid_bytes, contents.torn) == ([1], ends[-1], True)


def test_a_last_frame_with_a_wrong_checksum_is_a_torn_end(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    write(path, batch(1), batch(2))
    data = bytearray(path.read_bytes())
    data[-20] ^= 1
    path.write_bytes(data)
    assert numbers(path) == [1]


def test_damage_before_other_frames_is_an_error_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    first, second, _ = write(path, batch(1), batch(2))
    data = bytearray(path.read_bytes())
    data[(first + second) // 2] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=rf"a\.log: damaged at byte {first},"):
        read_log(path, SCHEMA)


def test_damage_to_the_columns_is_an_error_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    write(path, batch(1))
    data = bytearray(path.read_bytes())
    data[40] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"a\.log: damaged at byte 8,"):
        read_log(path, SCHEMA)


def test_columns_a_segment_does_not_have_yet_read_as_null(tmp_path: Path) -> None:
    write(tmp_path / "a.log", batch(1, 2))
    later = pa.schema([SCHEMA.field("n"), ("added", pa.float64()), SCHEMA.field("text")])

    (read,) = read_log(tmp_path / "a.log", later).batches

    assert read.to_pydict() == {"n": [1, 2], "added": [None, None], "text": ["11111", "22222"]}


def test_a_segment_of_the_first_format_is_read_with_the_columns_of_its_time(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    payload = batch(7).serialize().to_pybytes()
    path.write_bytes(b"MKSPLOG1" + struct.pack("<II", len(payload), zlib.crc32(payload)) + payload)
    later = pa.schema([*SCHEMA, ("added", pa.float64())])

    (read,) = read_log(path, later, SCHEMA).batches

    assert read.to_pydict() == {"n": [7], "text": ["77777"], "added": [None]}
    assert not repair_log(path, later, SCHEMA)


def test_a_file_of_another_kind_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(b"hello world")
    with pytest.raises(InputError, match="not a log segment"):
        read_log(path, SCHEMA)


def test_repair_cuts_a_torn_end_off_once(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    ends = write(path, batch(1), batch(2))
    path.write_bytes(path.read_bytes()[:-3])
    assert repair_log(path, SCHEMA)
    assert path.stat().st_size == ends[1]
    assert not repair_log(path, SCHEMA)


def test_an_existing_segment_is_never_written_over(tmp_path: Path) -> None:
    write(tmp_path / "a.log", batch(1))
    with pytest.raises(FileExistsError):
        LogWriter(tmp_path / "a.log", SCHEMA)


def test_a_batch_of_many_rows_is_written_without_its_empty_columns(tmp_path: Path) -> None:
    rows = pa.RecordBatch.from_pydict({"n": list(range(100)), "text": [None] * 100}, schema=SCHEMA)
    ends = write(tmp_path / "a.log", rows, batch(1))

    assert ends[1] - ends[0] < rows.nbytes + 700
    assert read_log(tmp_path / "a.log", SCHEMA).batches == (rows, batch(1))
    shown = [item.schema.names for item in read_log(tmp_path / "a.log", SCHEMA, fill=False).batches]
    assert shown == [["n"], ["n", "text"]]


def test_a_batch_of_nothing_but_empty_columns_keeps_its_rows(tmp_path: Path) -> None:
    rows = pa.RecordBatch.from_pydict({"n": [None] * 100, "text": [None] * 100}, schema=SCHEMA)
    write(tmp_path / "a.log", rows)

    assert read_log(tmp_path / "a.log", SCHEMA).batches == (rows,)


def test_a_segment_of_the_second_format_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    payloads = [SCHEMA.serialize().to_pybytes(), batch(7).serialize().to_pybytes()]
    frames = [struct.pack("<II", len(payload), zlib.crc32(payload)) + payload for payload in payloads]
    path.write_bytes(b"MKSPLOG2" + b"".join(frames))

    assert read_log(path, SCHEMA).batches == (batch(7),)


def test_a_batch_may_leave_out_columns_by_itself(tmp_path: Path) -> None:
    write(tmp_path / "a.log", batch(1).select(["n"]), batch(2))

    (first, second) = read_log(tmp_path / "a.log", SCHEMA).batches
    assert (first.to_pydict(), second) == ({"n": [1], "text": [None]}, batch(2))
