from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from makespan_cli.rendering.consoles import fit_job_step


@given(st.text(max_size=60), st.text(max_size=60), st.integers(16, 80), st.booleans())
def test_job_and_step_take_exactly_their_columns(job: str, what: str, columns: int, ascii_only: bool) -> None:
    assert cell_len(fit_job_step(job, what, columns, ascii_only=ascii_only)) == columns


def test_a_long_job_leaves_half_of_the_columns_to_its_step() -> None:
    shown = fit_job_step("ASan + LSan + UBSan + integer, no depends, USDT", "functional tests", 40, ascii_only=False)
    assert shown.endswith("… › functional tests")


def test_what_fits_is_not_cut() -> None:
    assert fit_job_step("test", "pytest", 20, ascii_only=True) == "test > pytest       "
