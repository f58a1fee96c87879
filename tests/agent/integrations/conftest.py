from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from support.agent_process import Agent


@pytest.fixture
def ci_environment(agent: Agent, tmp_path: Path) -> dict[str, str]:
    """What a CI runner starts with: a home of its own, `makespan` on the PATH, steps that send nothing themselves."""
    for name in ("home", "tmp"):
        (tmp_path / name).mkdir()
    environment = agent.full_environment(
        HOME=str(tmp_path / "home"),
        TMPDIR=str(tmp_path / "tmp"),
        PATH=f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    )
    # `make test` runs us: a make below it would take itself for its child, and say so.
    return {name: value for name, value in environment.items() if name not in ("MAKELEVEL", "MAKEFLAGS", "MFLAGS")}
