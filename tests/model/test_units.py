"""Numbers as people read them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_model.units import format_bytes, format_duration, format_ratio


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.00 s"),
        (0.424, "0.42 s"),
        (0.996, "1.0 s"),
        (1, "1.0 s"),
        (12.34, "12.3 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (60, "1 min 00 s"),
        (185, "3 min 05 s"),
        (3599.4, "59 min 59 s"),
        (3599.6, "1 h 00 min"),
        (7620, "2 h 07 min"),
        (-75, "-1 min 15 s"),
        (-0.001, "0.00 s"),
    ],
)
def test_durations(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1536, "1.5 KiB"),
        (230 * 2**20, "230 MiB"),
        (2**20 - 1, "1.0 MiB"),
        (3 * 2**40, "3.0 TiB"),
        (-2048, "-2.0 KiB"),
    ],
)
def test_bytes(count: float, text: str) -> None:
    assert format_bytes(count) == text


@pytest.mark.parametrize(
    ("ratio", "text"), [(2.1, "2.10×"), (0.5, "0.50×"), (9.994, "9.99×"), (9.999, "10×"), (12.4, "12×")]
)
def test_ratios(ratio: float, text: str) -> None:
    assert format_ratio(ratio) == text


@given(st.floats(0, 1e7))
def test_no_duration_shows_sixty_of_a_smaller_unit(seconds: float) -> None:
    text = format_duration(seconds)
    assert not re.search(r"(^| )60(\.0)? (s|min)", text)
    assert not text.startswith("60 min")
    assert text != "1.00 s"


@given(st.integers(0, 2**42 - 1))
def test_no_size_shows_1024_of_a_smaller_unit(count: int) -> None:
    assert not format_bytes(count).startswith("1024")
