from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from makespan_model.identity import RunIdentity
from makespan_model.span_ids import digest, job_label, job_span_id, run_span_id, run_trace_id, step_span_id


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0"))))
def test_the_digest_is_sha256_over_the_parts(parts: list[str]) -> None:
    assert digest(*parts) == hashlib.sha256("\0".join(parts).encode()).hexdigest()


def test_ids_stay_what_they_were_when_spans_were_stored_under_them() -> None:
    trace_id = run_trace_id("github", "a/b", "1", 2)

    assert trace_id == RunIdentity("github", "a/b", "1", 2).trace_id == "437a7b720aeb1fca362fda342f874aa6"
    assert len({run_span_id(trace_id), job_span_id(trace_id, "a"), step_span_id(trace_id, "a", "b")}) == 3
    assert all(len(id_) == 16 for id_ in (run_span_id(trace_id), job_span_id(trace_id, "a")))


def test_a_label_shows_matrix_values_in_their_order() -> None:
    assert job_label("test", {"python": 3.12, "os": "linux"}) == "test (3.12, linux)"
    assert job_label("test", {}) == job_label("test", None) == "test"
