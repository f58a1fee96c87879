from __future__ import annotations

import gzip
import io

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from makespan_collector.receiving.body import PayloadEncodingError, PayloadTooLargeError, decompressed, read_bounded

PACK = {"gzip": lambda data: gzip.compress(data, 1), "zstd": zstandard.ZstdCompressor().compress}
PACKED = pytest.mark.parametrize("encoding", sorted(PACK))


def unpack(encoding: str, body: bytes, limit_bytes: int = 10**6, max_ratio: int = 10**6) -> bytes:
    return decompressed(encoding, body, limit_bytes=limit_bytes, max_ratio=max_ratio)


@PACKED
@given(data=st.binary(max_size=300_000))
def test_what_was_packed_comes_out_unchanged(encoding: str, data: bytes) -> None:
    assert unpack(encoding, PACK[encoding](data), len(data)) == data


@PACKED
@given(data=st.binary(min_size=1, max_size=2000), draw=st.data())
def test_a_cut_off_body_is_refused(encoding: str, data: bytes, draw: st.DataObject) -> None:
    packed = PACK[encoding](data)
    cut = draw.draw(st.integers(0, len(packed) - 1))
    with pytest.raises(PayloadEncodingError):
        unpack(encoding, packed[:cut])


@PACKED
@given(garbage=st.binary(max_size=200))
def test_garbage_is_refused(encoding: str, garbage: bytes) -> None:
    with pytest.raises(PayloadEncodingError):
        unpack(encoding, b"not packed" + garbage)


@PACKED
def test_one_byte_over_the_limit_is_too_large(encoding: str) -> None:
    with pytest.raises(PayloadTooLargeError, match="more than 100 bytes"):
        unpack(encoding, PACK[encoding](b"x" * 101), 100)


@PACKED
def test_a_bomb_is_refused_by_its_ratio_long_before_the_limit(encoding: str) -> None:
    bomb = PACK[encoding](bytes(50_000_000))

    with pytest.raises(PayloadTooLargeError, match="200 times its size"):
        unpack(encoding, bomb, 10**9, 200)


@PACKED
def test_a_small_body_may_have_any_ratio(encoding: str) -> None:
    assert unpack(encoding, PACK[encoding](bytes(900_000)), max_ratio=10) == bytes(900_000)


@PACKED
def test_several_members_are_one_body(encoding: str) -> None:
    assert unpack(encoding, PACK[encoding](b"a") + PACK[encoding](b"b")) == b"ab"


@PACKED
def test_millions_of_empty_members_are_refused(encoding: str) -> None:
    with pytest.raises(PayloadTooLargeError, match="1000 parts"):
        unpack(encoding, PACK[encoding](b"") * 100_000)


def test_a_zstd_window_of_a_gigabyte_is_refused() -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=27, enable_ldm=True)
    stream = zstandard.ZstdCompressor(compression_params=parameters).compressobj()
    wide = stream.compress(bytes(100)) + stream.flush()

    with pytest.raises(PayloadEncodingError, match="zstd"):
        unpack("zstd", wide)


def test_an_unpacked_body_stays_as_it_is() -> None:
    assert unpack("identity", b"x") == b"x"


def test_a_body_is_read_to_the_limit_and_no_further() -> None:
    assert read_bounded(io.BytesIO(b"x" * 100), 100) == b"x" * 100
    with pytest.raises(PayloadTooLargeError):
        read_bounded(io.BytesIO(b"x" * 101), 100)
