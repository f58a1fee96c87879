"""The console that commands print their results on, and names made fit to be printed."""

from __future__ import annotations

import io
import sys

from rich.cells import cell_len, set_cell_size
from rich.console import Console


def result_console() -> Console:
    """Standard output: colour on a terminal only, never with NO_COLOR; names are printed as they are."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A name the terminal's encoding lacks must not end the command.
        sys.stdout.reconfigure(errors="replace")
    return Console(highlight=False, markup=False, emoji=False)


def printable(text: str) -> str:
    """A text without what could move the cursor or set a colour: control characters become `?`."""
    return "".join(character if character.isprintable() else "?" for character in text)


def fit(text: str, columns: int, *, ascii_only: bool) -> str:
    """A name in exactly so many columns: padded, or cut with an ellipsis; control characters become `?`.

    Names come from workflow files of other people, so none may move the cursor or set a colour.
    """
    shown = printable(text)
    if cell_len(shown) <= columns:
        return set_cell_size(shown, columns)
    ellipsis = "..." if ascii_only else "\u2026"
    return set_cell_size(shown, max(0, columns - len(ellipsis))) + ellipsis


def job_step(job: str, what: str, *, ascii_only: bool) -> str:
    """The two names with the sign for "inside" between them."""
    return f"{job} {'>' if ascii_only else chr(0x203A)} {what}"


def fit_job_step(job: str, what: str, columns: int, *, ascii_only: bool) -> str:
    """`job_step` in exactly so many columns; a long job's name is cut so far that the step has half of them."""
    whole = job_step(job, what, ascii_only=ascii_only)
    sign = cell_len(job_step("", "", ascii_only=ascii_only))
    half = columns - columns // 2 - sign
    left = columns - sign - min(cell_len(what), half)
    if cell_len(whole) > columns and cell_len(job) > left > 0:
        whole = job_step(fit(job, left, ascii_only=ascii_only), what, ascii_only=ascii_only)
    return fit(whole, columns, ascii_only=ascii_only)
