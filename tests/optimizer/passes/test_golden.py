"""Each case of `golden/` is a workflow before and after one pass; `case.json` holds its evidence."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import makespan_optimizer.passes
from makespan_optimizer.passes.registry import PASSES
from makespan_optimizer.plan import optimize
from support.measured_workflows import evidence, workflow

GOLDEN = Path(__file__).parent / "golden"
CASES = sorted(path.parent for path in GOLDEN.glob("*/*/before.yml"))
ROOT = Path(__file__).parents[3]
# Modules of the package that passes share.
SHARED = {
    "cache_plan",
    "evidence",
    "findings",
    "merged_steps",
    "needs_edits",
    "registry",
    "requirements",
    "setup_commands",
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_the_pass_makes_of_before_what_after_shows(case: Path) -> None:
    known = json.loads((case / "case.json").read_text())
    level = known.pop("level")
    before = workflow((case / "before.yml").read_text())
    chosen = [each for each in PASSES if each.PASS.name == case.parent.name]
    plan = optimize(before, evidence(before, **known), level=level, passes=chosen)
    assert plan.refused == ()
    assert plan.after.text == (case / "after.yml").read_text()


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_a_second_time_changes_nothing(case: Path) -> None:
    known = json.loads((case / "case.json").read_text())
    level = known.pop("level")
    after = workflow((case / "after.yml").read_text())
    chosen = [each for each in PASSES if each.PASS.name == case.parent.name]
    assert not optimize(after, evidence(after, **known), level=level, passes=chosen).changed


def test_every_pass_has_a_registry_line_a_docs_page_and_a_golden_pair_that_changes_something() -> None:
    package = Path(makespan_optimizer.passes.__file__).parent
    files = {path.stem for path in package.glob("*.py")} - SHARED - {"__init__"}
    names = [each.PASS.name for each in PASSES]
    assert sorted(names) == sorted(files)
    for each in PASSES:
        page = (ROOT / "docs" / each.PASS.docs).read_text()
        for heading in ("What", "Why it costs", "When it is safe", "Before", "After"):
            assert f"## {heading}\n" in page, (each.PASS.docs, heading)
        cases = [case for case in CASES if case.parent.name == each.PASS.name]
        assert any((case / "before.yml").read_text() != (case / "after.yml").read_text() for case in cases)
