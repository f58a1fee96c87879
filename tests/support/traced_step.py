"""A step under `--trace-files`, and what it said of its files."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from support.agent_process import Agent


@cache
def _reason_not_to_trace() -> str:
    if shutil.which("strace") is None:
        return "strace is not installed"
    command = ["strace", "-f", "--seccomp-bpf", "-o", "/dev/null", "-e", "trace=execve", "true"]
    finished = subprocess.run(command, capture_output=True, check=False)
    return "" if finished.returncode == 0 else f"strace may not trace here: {finished.stderr.decode()}"


def require_tracing() -> None:
    """Skip where nothing can be traced; fail there under MAKESPAN_REQUIRE_SERVICES=1."""
    reason = _reason_not_to_trace()
    if reason and os.environ.get("MAKESPAN_REQUIRE_SERVICES") == "1":
        pytest.fail(f"MAKESPAN_REQUIRE_SERVICES=1: {reason}")
    if reason:
        pytest.skip(reason)


def traced_files(agent: Agent, *command: str) -> dict[str, Any]:
    """Run a command with `--trace-files`; the record's files."""
    finished = agent.run("run", "--trace-files", "--", *command, MAKESPAN_SEND_DEADLINE_S="30")
    assert b"makespan:" not in finished.stderr, finished.stderr
    files: dict[str, Any] = agent.records()[-1]["evidence"]["files"]
    return files


def sha256(path: Path) -> str:
    """The digest of a file as it is now."""
    return hashlib.sha256(path.read_bytes()).hexdigest()
