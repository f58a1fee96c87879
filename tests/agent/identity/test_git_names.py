from __future__ import annotations

import pytest

from makespan_agent.identity.git_names import repository_of, short_ref, without_credentials


@pytest.mark.parametrize(
    ("url", "repository"),
    [
        ("https://github.com/acme/shop.git", "acme/shop"),
        ("https://robot:hunter2@git.example.com/acme/shop", "acme/shop"),
        ("ssh://git@host:2222/group/sub/shop.git", "group/sub/shop"),
        ("git@github.com:acme/shop.git", "acme/shop"),
        ("host:shop.git", "shop"),
        ("/srv/git/shop.git", "srv/git/shop"),
        ("https://github.com/acme/shop/", "acme/shop"),
        ("https://github.com", ""),
        ("", ""),
    ],
)
def test_a_repository_is_named_by_the_path_of_its_clone_url(url: str, repository: str) -> None:
    assert repository_of(url) == repository


@pytest.mark.parametrize(
    ("url", "bare"),
    [
        ("https://robot:hunter2@git.example.com/acme/shop", "https://git.example.com/acme/shop"),
        ("https://robot:p@ss@git.example.com/a", "https://git.example.com/a"),
        ("https://git.example.com/a@b", "https://git.example.com/a@b"),
        ("https://token@git.example.com", "https://git.example.com"),
        ("git@github.com:acme/shop.git", None),
        ("", None),
    ],
)
def test_a_page_can_be_opened_by_a_url_without_its_credentials(url: str, bare: str | None) -> None:
    assert without_credentials(url) == bare


@pytest.mark.parametrize(
    ("ref", "short"),
    [
        ("refs/heads/users/raisa/topic", "users/raisa/topic"),
        ("refs/tags/v1", "v1"),
        ("refs/pull/1/merge", "refs/pull/1/merge"),
        ("", None),
    ],
)
def test_a_ref_is_named_as_people_name_it(ref: str, short: str | None) -> None:
    assert short_ref(ref) == short
