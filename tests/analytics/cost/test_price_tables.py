from __future__ import annotations

from datetime import date

import pytest

from makespan_analytics.cost.price_tables import PROVIDERS, PriceTable, price_table, read_price_table
from makespan_model.errors import InputError

TABLE = """
provider = "github"
source = "a page"
as_of = "2026-01-01"
rounding_s = 60
notes = ""
[[classes]]
name = "small"
os = "linux"
arch = "x64"
cores = 2
memory_gb = 8
usd_per_minute = 0.006
labels = ["small"]
"""


def table_of(provider: str) -> PriceTable:
    table = price_table(provider)
    assert table is not None
    return table


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_table_says_where_and_when_it_was_read(provider: str) -> None:
    table = table_of(provider)
    assert table.provider == provider
    assert table.source
    assert date.fromisoformat(table.as_of).year >= 2026
    assert all(one.usd_per_minute > 0 and one.memory_bytes > 0 for one in table.classes)


@pytest.mark.parametrize("provider", PROVIDERS)
def test_no_label_stands_for_two_classes(provider: str) -> None:
    labels = [label for one in table_of(provider).classes for label in one.labels]
    assert len(labels) == len(set(labels))
    names = [one.name for one in table_of(provider).classes]
    assert len(names) == len(set(names))


def test_published_figures_are_read_as_they_stand_there() -> None:
    github, gitlab = table_of("github"), table_of("gitlab")
    prices = {one.name: one.usd_per_minute for one in github.classes}
    assert (prices["Linux 2-core"], prices["Linux 16-core"], prices["macOS 3-core"]) == (0.006, 0.042, 0.062)
    large = gitlab.class_of(("saas-linux-large-amd64",))
    assert large is not None
    assert large.usd_per_minute == pytest.approx(0.03)  # Cost factor 3 at 10 USD a thousand.
    assert (github.rounding_s, gitlab.rounding_s) == (60, 0)


def test_labels_that_contradict_or_are_unknown_have_no_class() -> None:
    table = table_of("github")
    assert table.class_of(("ubuntu-latest", "windows-latest")) is None
    assert table.class_of(("our-big-runner",)) is None
    assert table.class_of(()) is None
    found = table.class_of(("ubuntu-24.04", "linux"))
    assert found is not None
    assert found.name == "Linux 2-core"


def test_a_provider_without_a_table_has_none() -> None:
    assert price_table("jenkins") is None
    assert price_table("../github") is None


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ("cores = 2", "cores = -2", "cores must be a number of 0 or more, not -2"),
        ("cores = 2", "cores = true", "cores must be"),
        ("memory_gb = 8", "memory_gb = nan", "memory_gb must be"),
        ("usd_per_minute = 0.006", "", "'usd_per_minute' is missing"),
        ('name = "small"', "name = 3", "name must be text"),
        ("rounding_s = 60", "", "'rounding_s' is missing"),
        ("[[classes]]", "[classes]", "t.toml: "),
        ('notes = ""', 'notes = "', "t.toml: "),
    ],
)
def test_a_broken_table_is_told_with_its_place(old: str, new: str, why: str) -> None:
    assert read_price_table(TABLE, place="t.toml").classes[0].cores == 2
    with pytest.raises(InputError, match=r"^t\.toml: ") as caught:
        read_price_table(TABLE.replace(old, new), place="t.toml")
    assert why in str(caught.value)
