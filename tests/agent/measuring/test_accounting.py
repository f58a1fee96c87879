from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from makespan_agent.measuring.accounting import ReapedIo, has_children, resident_peak_bytes


def test_the_resident_peak_is_that_of_this_process() -> None:
    peak = resident_peak_bytes()

    assert peak is not None
    assert 5_000_000 < peak < 4_000_000_000


def test_io_of_children_counts_and_this_threads_own_does_not(tmp_path: Path) -> None:
    io = ReapedIo()
    with (tmp_path / "own").open("wb") as file:
        file.write(bytes(4_000_000))
        file.flush()
        os.fsync(file.fileno())

    own = io.so_far()
    assert own is not None
    assert own[1] < 1_000_000


def test_children_are_seen_until_they_are_reaped() -> None:
    program = (
        "import os, sys\nfrom makespan_agent.measuring.accounting import has_children\nprint(has_children(os.getpid()))"
    )
    alone = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert alone.stdout == "False\n"

    child = subprocess.Popen(["cat"], stdin=subprocess.PIPE)
    assert has_children(os.getpid())
    child.communicate()
