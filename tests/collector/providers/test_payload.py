from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_collector.providers.github_rows import job_facts, job_rows, run_facts, run_row
from makespan_collector.providers.payload import Payload, PayloadError, instant_ns, payload_of
from makespan_collector.store.schema import span_batch
from support.github_history import REPOSITORY, workflow_job, workflow_run

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("2026-01-01T00:00:00Z"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-20T12:00:00Z", datetime(2026, 11, 20, 12, tzinfo=UTC)),
        ("2026-11-20T13:00:00.250+01:00", datetime(2026, 11, 20, 12, 0, 0, 250_000, tzinfo=UTC)),
        ("2026-11-20 12:00:00 UTC", datetime(2026, 11, 20, 12, tzinfo=UTC)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
    ],
)
def test_times_of_both_providers_are_read_exactly(text: str, expected: datetime) -> None:
    assert instant_ns(text) == round(expected.timestamp() * 1_000_000) * 1_000


def test_the_year_1_is_no_time() -> None:
    assert instant_ns("0001-01-01T00:00:00Z") is None


@pytest.mark.parametrize("text", ["", "now", "2262-01-01", "9999-12-31T23:59:59-23:59", "2026-13-01"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises((ValueError, OverflowError)):
        instant_ns(text)


def test_a_value_of_another_kind_is_told_with_its_place() -> None:
    with pytest.raises(PayloadError, match=r"^run 7.jobs\[0\]: id must be a whole number from 0 up, not True$"):
        next(iter(Payload({"jobs": [{"id": True}]}, "run 7").parts("jobs"))).whole("id")


@given(st.dictionaries(st.sampled_from(sorted(workflow_job(1, 1))), JSON, max_size=3))
def test_whatever_a_job_holds_becomes_rows_that_can_be_stored_or_is_refused(changes: dict[str, Any]) -> None:
    job = payload_of({**workflow_job(70, 7), **changes}, "job")
    try:
        rows = job_rows(job, job_facts(job, REPOSITORY, "github-api"), heard_ns=2**62)
    except PayloadError:
        return
    assert span_batch(rows, 0).num_rows == len(rows)
    assert all(0 <= row.start_ns <= row.end_ns for row in rows)


@given(st.dictionaries(st.sampled_from(sorted(workflow_run(1))), JSON, max_size=3))
def test_whatever_a_run_holds_becomes_a_row_that_can_be_stored_or_is_refused(changes: dict[str, Any]) -> None:
    run = payload_of({**workflow_run(7), **changes}, "run")
    try:
        row = run_row(run, run_facts(run, REPOSITORY, "github-api"), heard_ns=2**62)
    except PayloadError:
        return
    assert span_batch([row], 0).num_rows == 1
    assert 0 <= row.start_ns <= row.end_ns
