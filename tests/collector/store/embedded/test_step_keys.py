from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from makespan_collector.store.embedded.step_keys import keys_of_sorted, step_keys

DIGITS = "0123456789abcdef"
IDS = st.tuples(
    st.text(DIGITS, min_size=32, max_size=32) | st.integers(0, 40).map("{:032x}".format),
    st.text(DIGITS, min_size=16, max_size=16) | st.integers(0, 40).map("{:016x}".format),
)


def arrays(ids: list[tuple[str, str]]) -> tuple[pa.Array, pa.Array]:
    return pa.array([trace for trace, _ in ids], pa.string()), pa.array([span for _, span in ids], pa.string())


def test_keys_stay_what_segments_have_been_written_with() -> None:
    ids = [("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"), ("0" * 32, "0" * 16), ("short", "s")]

    assert step_keys(*arrays(ids)).tolist() == [6347454673588762880, 15392322218792502188, 2005558733999200962]


def test_ids_that_only_count_up_have_keys_of_their_own() -> None:
    ids = [(f"{trace:032x}", f"{span:016x}") for trace in range(300) for span in range(300)]

    assert len(np.unique(step_keys(*arrays(ids)))) == len(ids)


@given(st.lists(IDS, min_size=1, max_size=30))
def test_a_key_depends_on_its_ids_alone(ids: list[tuple[str, str]]) -> None:
    keys = step_keys(*arrays(ids)).tolist()

    assert keys == [step_keys(*arrays([pair]))[0] for pair in ids]
    assert len(set(keys)) == len(set(ids))
    sliced = [ids_.slice(1) for ids_ in arrays(ids)]
    assert step_keys(*sliced).tolist() == keys[1:]
    in_order = sorted(ids * 2)
    assert keys_of_sorted(*arrays(in_order)).to_pylist() == step_keys(*arrays(in_order)).tolist()


def test_no_rows_have_no_keys() -> None:
    assert len(step_keys(*arrays([]))) == len(keys_of_sorted(*arrays([]))) == 0
