from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.github_history import GitHubRepository
from support.gitlab_history import GitLabProject
from support.provider_api import ProviderApi, provider_api


@pytest.fixture
def api() -> Iterator[ProviderApi]:
    with provider_api() as running:
        yield running


@pytest.fixture
def github(api: ProviderApi) -> GitHubRepository:
    return GitHubRepository(api)


@pytest.fixture
def gitlab(api: ProviderApi) -> GitLabProject:
    return GitLabProject(api)
