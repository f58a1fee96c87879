from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_agent.measuring.executable_shares import ExecutableShares
from makespan_agent.measuring.process_files import ProcessFigures


def _process(name: str, cpu_s: float = 0.0, memory: int = 0) -> ProcessFigures:
    process = ProcessFigures()
    process.name, process.user_s, process.resident_bytes = name, cpu_s, memory
    return process


def test_processes_of_one_name_are_added_up_and_their_memory_peaks_together() -> None:
    shares = ExecutableShares()
    first, second = _process("cc1", 1.0, 100), _process("cc1", 2.0, 50)
    for now in (first, second), (first,):
        shares.begin_reading()
        for process in now:
            shares.add(process)

    assert shares.breakdown(3.0) == [("cc1", 3.0, 150, 2)]


def test_what_a_process_used_before_it_became_another_stays_with_the_first_name() -> None:
    shares = ExecutableShares()
    process = _process("sh", 0.5, 10)
    shares.begin_reading()
    shares.add(process)
    process.name, process.user_s = "make", 2.0
    shares.begin_reading()
    shares.add(process)

    assert shares.breakdown(2.0) == [("make", 1.5, 10, 1), ("sh", 0.5, 10, 1)]


def test_what_nobody_saw_is_unsampled() -> None:
    shares = ExecutableShares()
    shares.add(_process("cc1", 1.0, 100))

    assert shares.breakdown(1.25) == [("cc1", 1.0, 100, 1), ("unsampled", 0.25, None, None)]
    assert ExecutableShares().breakdown(0.5) == [("unsampled", 0.5, None, None)]


def test_beyond_the_largest_by_cpu_and_by_memory_the_rest_is_one_row() -> None:
    shares = ExecutableShares()
    for number in range(100):
        shares.add(_process(f"tool{number}", cpu_s=float(number), memory=1000 - number))

    rows = shares.breakdown(sum(range(100)))

    assert [row[0] for row in rows[:16]] == [f"tool{number}" for number in range(99, 83, -1)]
    assert {row[0] for row in rows[16:20]} == {"tool0", "tool1", "tool2", "tool3"}
    assert rows[20] == ("other", sum(range(4, 84)), 996, 80)
    assert len(rows) == 21


def test_names_made_up_at_random_do_not_fill_the_memory() -> None:
    shares = ExecutableShares()
    for number in range(3000):
        shares.add(_process(f"random{number}", cpu_s=0.01))

    rows = shares.breakdown(30.0)

    assert sum(row[3] or 0 for row in rows) == 3000
    assert len(shares._shares) <= 1001


@given(st.lists(st.floats(min_value=0, max_value=1e6), max_size=60), st.floats(min_value=0, max_value=1e8))
def test_the_shares_always_add_up_to_the_exact_total(cpu_s: list[float], total_s: float) -> None:
    shares = ExecutableShares()
    for number, used_s in enumerate(cpu_s):
        shares.add(_process(f"tool{number}", used_s))

    assert sum(row[1] for row in shares.breakdown(total_s)) == pytest.approx(total_s, abs=1e-6)
