from __future__ import annotations

from collections.abc import Iterator

import pytest

from support.github_parser import GithubParser, running_github_parser


@pytest.fixture(scope="session")
def github_parser() -> Iterator[GithubParser]:
    """GitHub's own parser."""
    with running_github_parser() as parser:
        yield parser
