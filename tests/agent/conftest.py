"""A wrapped command's surroundings: a spool of its own, a receiver, no CI provider."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.agent_process import FOREIGN_VARIABLES, Agent
from support.otlp_receiver import Receiver, receiving


@pytest.fixture
def agent(tmp_path: Path) -> Agent:
    directory = tmp_path / "work"
    directory.mkdir()
    return Agent(tmp_path / "spool", directory)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as running:
        yield running


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is tested in process sees no CI provider and no OTLP variables of the machine."""
    for name in list(os.environ):
        if name.startswith(FOREIGN_VARIABLES):
            monkeypatch.delenv(name)
