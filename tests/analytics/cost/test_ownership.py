from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_analytics.cost.ownership import UNOWNED, Owners, cost_by_owner, find_owners
from makespan_analytics.cost.pipeline_costs import UNKNOWN, run_costs
from makespan_model.errors import InputError
from support.priced_runs import linux, of_provider

RULES = """
# Comments and empty lines are nothing.
*            @octo/everyone
/docs/       @octo/writers docs@example.com   # @not/this
*.py         @octo/python
/build/logs/ @octo/build
apps/        @octo/apps
apps/free
"""


@pytest.mark.parametrize(
    ("path", "owners"),
    [
        ("README", ("@octo/everyone",)),
        ("docs/a/b.md", ("@octo/writers", "docs@example.com")),
        ("docs/conf.py", ("@octo/python",)),
        ("/docs/a.md", ("@octo/writers", "docs@example.com")),
        ("other/build/logs/x", ("@octo/everyone",)),
        ("deep/apps/x", ("@octo/apps",)),
        ("apps/free", ()),
    ],
)
def test_the_last_rule_that_matches_decides(path: str, owners: tuple[str, ...]) -> None:
    assert Owners(RULES).of(path) == owners


def test_a_section_of_gitlab_gives_its_owners_to_rules_without_any() -> None:
    owners = Owners("[Docs] @octo/writers\n/docs/\n/api/ @octo/api\n^[Optional][2] @octo/two\n/x/\n[Bare]\n/y/\n")
    assert owners.of("docs/a") == ("@octo/writers",)
    assert owners.of("api/a") == ("@octo/api",)
    assert owners.of("x/a") == ("@octo/two",)
    assert owners.of("y/a") == ()


def test_a_change_belongs_to_the_owners_of_its_files_in_equal_parts() -> None:
    parts = Owners(RULES).parts(["docs/a.md", "x.py", "apps/free", "y.py"])
    assert parts == {"@octo/writers": 0.125, "docs@example.com": 0.125, "@octo/python": 0.5, UNOWNED: 0.25}
    assert Owners(RULES).parts([]) == {UNKNOWN: 1.0}


def test_cost_is_divided_by_what_a_run_changed() -> None:
    costs = run_costs([of_provider(linux("a", 0, 60), run_id="1"), of_provider(linux("a", 0, 60), run_id="2")], {})
    shares = cost_by_owner(costs, Owners(RULES), lambda run: ["x.py"] if run.identity.run_id == "1" else [])
    assert {share.key: share.usd for share in shares} == {
        "@octo/python": pytest.approx(0.006),
        UNKNOWN: pytest.approx(0.006),
    }


def test_the_first_place_with_a_file_wins(tmp_path: Path) -> None:
    assert find_owners(tmp_path) is None
    (tmp_path / "CODEOWNERS").write_text("* @octo/root\n")
    (tmp_path / ".github").mkdir()
    (tmp_path / ".github" / "CODEOWNERS").write_text("* @octo/github\n")
    found = find_owners(tmp_path)
    assert found is not None
    assert found.of("x") == ("@octo/github",)


def test_names_with_spaces_hashes_and_brackets_are_names() -> None:
    owners = Owners("/my\\ file @a\n\\#x @b\n/a[b] @c\n/dir/* @d\n/s\\*r @e\n")
    assert (owners.of("s*r"), owners.of("star")) == (("@e",), ())
    assert owners.of("my file") == ("@a",)
    assert owners.of("#x") == ("@b",)
    assert owners.of("a[b]") == ("@c",)
    assert owners.of("ab") == ()
    assert owners.of("dir/x") == ("@d",)
    assert owners.of("dir/sub/x") == ()


def test_two_stars_match_any_depth() -> None:
    owners = Owners("/a/**/z @a\n**/logs @b\n/c/** @c\n")
    assert [owners.of(path) for path in ("a/z", "a/b/c/z", "b/z")] == [("@a",), ("@a",), ()]
    assert owners.of("x/y/logs/file") == ("@b",)
    assert owners.of("c/d/e") == ("@c",)


def test_a_file_larger_than_github_takes_is_refused() -> None:
    with pytest.raises(InputError, match="larger than"):
        Owners("# " + "x" * 3 * 1024 * 1024)


@given(st.text(max_size=200), st.text(max_size=60))
def test_any_text_is_rules_or_an_error_of_ours(text: str, path: str) -> None:
    try:
        owners = Owners(text)
    except InputError:
        return
    assert all(owner.strip() == owner for owner in owners.of(path))


def test_hostile_wildcards_end_soon() -> None:
    """A matcher that backtracks would take years, and the test run would be ended by its time limit."""
    owners = Owners("**/" * 40 + "x @a\n" + "*a" * 40 + "b @c\n")
    assert owners.of("a" * 2000 + "/" + "a/" * 500) == ()
