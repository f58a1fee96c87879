from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from makespan_optimizer.diffs import unified_diff

LINES = st.lists(st.sampled_from(["a", "b", "  c: d", "", "\u2028 e", "f\x0c"]), max_size=30)


def test_equal_texts_have_no_diff() -> None:
    assert unified_diff("a\n", "a\n", file="f") == ""


@settings(max_examples=30, deadline=None)
@given(LINES, LINES, st.booleans(), st.booleans())
def test_git_applies_the_diff(
    tmp_path_factory: pytest.TempPathFactory, old: list[str], new: list[str], ended: bool, still_ended: bool
) -> None:
    before, after = "\n".join(old) + "\n" * ended, "\n".join(new) + "\n" * still_ended
    if before == after or not before or not after:
        return
    folder: Path = tmp_path_factory.mktemp("diff")
    (folder / "f").write_bytes(before.encode())
    diff = unified_diff(before, after, file="f").encode()
    subprocess.run(["git", "apply", "--unidiff-zero", "-"], cwd=folder, input=diff, check=True)
    assert (folder / "f").read_bytes() == after.encode()


def test_lines_that_are_frequent_in_long_files_are_not_deleted_and_added_again() -> None:
    before = "".join(f"  - run: x\n    with: {n}\n" for n in range(300))
    diff = unified_diff(before, before.replace("with: 150\n", "with: y\n"), file="f")
    assert [line for line in diff.splitlines() if line[0] in "+-" and line[:3] not in ("+++", "---")] == [
        "-    with: 150",
        "+    with: y",
    ]
