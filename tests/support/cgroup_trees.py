"""Files of /proc and /sys/fs/cgroup: made up ones, and real groups where this user may make them."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest


def write_tree(root: Path, files: Mapping[str, str]) -> None:
    """Write files by their paths below `root`, making the folders."""
    for path, text in files.items():
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@contextmanager
def real_group(hierarchy: str) -> Iterator[Path]:
    """A control group of its own in a mounted hierarchy (`memory`, `cpu`, `unified`), removed in the end."""
    mounted = Path("/sys/fs/cgroup") / hierarchy
    if not (mounted / "cgroup.procs").exists():
        pytest.skip(f"no control groups are mounted at {mounted}")
    group = mounted / f"makespan-test-{os.getpid()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"no control group can be made in {mounted}: {error.strerror}")
    try:
        yield group
    finally:
        deadline_s = time.monotonic() + 10
        while True:
            try:
                group.rmdir()
                break
            except OSError:  # Its last process is still being taken apart.
                if time.monotonic() > deadline_s:
                    raise
