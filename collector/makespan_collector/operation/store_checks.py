"""Whether a store can be written now."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from makespan_collector.operation.readiness import Check
from makespan_collector.store.contract import ReportsStatus, Store

_MOST_CLOSED_LOGS: Final = 32
"""Logs of 8 MiB that a query has to read whole; compaction begins at four, so at 32 it does not keep up."""
_PROBE_BYTES: Final = 4_096
_MIB: Final = 1024 * 1024


def directory_checks(directory: Path, min_free_bytes: int) -> Mapping[str, Check]:
    """Checks of the disk below a store's directory.

    Args:
        directory: The store's.
        min_free_bytes: What has to be free.
    """
    return {
        "disk": lambda: _disk_problem(directory, min_free_bytes),
        "writing": lambda: _writing_problem(directory),
    }


def store_checks(store: Store) -> Mapping[str, Check]:
    """Checks of what a store says of itself; none where it says nothing."""
    if not isinstance(store, ReportsStatus):
        return {}

    def problem() -> str | None:
        status = store.status()
        if status.problem is None and status.closed_logs > _MOST_CLOSED_LOGS:
            return f"{status.closed_logs} logs wait to be compacted, more than {_MOST_CLOSED_LOGS}"
        return status.problem

    return {"store": problem}


def _disk_problem(directory: Path, min_free_bytes: int) -> str | None:
    try:
        free_bytes = shutil.disk_usage(directory).free
    except OSError as error:
        return f"the store's directory: {error.strerror}"
    if free_bytes >= min_free_bytes:
        return None
    return f"{free_bytes // _MIB} MiB free, fewer than the {min_free_bytes / _MIB:g} MiB of min_free_bytes"


def _writing_problem(directory: Path) -> str | None:
    """Write and flush a small file: a full quota, a disk gone bad or read-only shows in no other way."""
    probe = directory / f"readiness.{os.getpid()}.tmp"
    try:
        descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, bytes(_PROBE_BYTES))
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
            probe.unlink()
    except OSError as error:
        return f"the store's directory cannot be written: {error.strerror}"
    return None
