from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from makespan_analytics.fleet.pipeline_chunks import Chunk, chunks_of

_KEYS = st.tuples(st.sampled_from(["a", "b"]), st.text("xyz", min_size=1, max_size=4))


@given(st.dictionaries(_KEYS, st.integers(1, 50)), st.integers(1, 4), st.integers(1, 100))
def test_every_pipeline_is_in_one_chunk_in_order_and_none_holds_more_than_it_may(
    rows: dict[tuple[str, str], int], workers: int, at_once: int
) -> None:
    chunks = chunks_of(rows, workers=workers, rows_at_once=at_once)

    assert [key for chunk in chunks for key in chunk.pipelines] == sorted(rows)
    for chunk in chunks:
        assert len(chunk.pipelines) == 1 or sum(rows[key] for key in chunk.pipelines) <= at_once


def test_few_pipelines_are_shared_by_all_workers() -> None:
    assert len(chunks_of({("r", str(number)): 10 for number in range(16)}, workers=2)) == 8


def test_a_repository_that_fits_is_in_one_chunk() -> None:
    many = {(f"{number:02}", pipeline): 10 for number in range(20) for pipeline in ("ci", "cd")}
    assert [len({key[0] for key in chunk.pipelines}) for chunk in chunks_of(many, workers=1, rows_at_once=30)] == [
        1
    ] * 20


def test_a_chunk_is_called_by_its_first_and_last_pipeline() -> None:
    assert str(Chunk((("octo/a", "ci"),))) == "'ci' of octo/a"
    assert str(Chunk((("octo/a", "ci"), ("octo/b", "cd")))) == "2 pipelines, 'ci' of octo/a to 'cd' of octo/b"
