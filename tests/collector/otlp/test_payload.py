from __future__ import annotations

import gzip
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_collector.otlp.payload import PayloadEncodingError, PayloadTooLargeError, gunzip_bounded, read_bounded


@given(st.binary(max_size=300_000))
def test_what_gzip_packs_comes_out_unchanged(data: bytes) -> None:
    assert gunzip_bounded(gzip.compress(data, 1), len(data)) == data


@given(st.binary(min_size=1, max_size=2000), st.data())
def test_a_cut_off_body_is_refused(data: bytes, draw: st.DataObject) -> None:
    packed = gzip.compress(data)
    cut = draw.draw(st.integers(0, len(packed) - 1))
    with pytest.raises(PayloadEncodingError):
        gunzip_bounded(packed[:cut], len(data))


def test_one_byte_over_the_limit_is_too_large() -> None:
    with pytest.raises(PayloadTooLargeError):
        gunzip_bounded(gzip.compress(b"x" * 101), 100)


def test_several_gzip_members_are_one_body() -> None:
    assert gunzip_bounded(gzip.compress(b"a") + gzip.compress(b"b"), 2) == b"ab"


def test_a_body_is_read_to_the_limit_and_no_further() -> None:
    assert read_bounded(io.BytesIO(b"x" * 100), 100) == b"x" * 100
    with pytest.raises(PayloadTooLargeError):
        read_bounded(io.BytesIO(b"x" * 101), 100)
