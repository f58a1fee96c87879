"""A repository for each test, and one for the tests of a module that share a run."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.local_project import LocalProject, new_project, require_act


@pytest.fixture
def project(tmp_path: Path) -> LocalProject:
    require_act()
    return new_project(tmp_path)


@pytest.fixture(scope="module")
def shared_project(tmp_path_factory: pytest.TempPathFactory) -> LocalProject:
    require_act()
    return new_project(tmp_path_factory.mktemp("shared"))
