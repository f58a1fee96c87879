"""Jobs that share their cache, artifacts and tools."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from support.stand_in_job import StandInJob


@pytest.fixture
def new_job(tmp_path: Path) -> Callable[[], StandInJob]:
    jobs: list[StandInJob] = []

    def make() -> StandInJob:
        jobs.append(StandInJob(tmp_path / f"job-{len(jobs)}", tmp_path / "shared"))
        return jobs[-1]

    return make


@pytest.fixture
def job(new_job: Callable[[], StandInJob]) -> StandInJob:
    return new_job()
