from __future__ import annotations

import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from makespan_cli.commands.demo import refuse_difference
from makespan_cli.demo.experiment import Arm, Bench
from makespan_collector.server import BackgroundCollector
from makespan_collector.store.opening import open_store
from makespan_model.errors import MakespanError, RefusedError
from makespan_optimizer.local.execution import Progress
from makespan_optimizer.local.recording import find_checkout
from makespan_optimizer.workflow.reading import read_workflow
from support.local_project import require_act

QUIET = Progress(on_step=lambda *_: None, on_job=lambda *_: None, on_output=lambda *_: None)
WORKFLOW = """name: CI
on: push
jobs:
  a:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: echo lint
      - run: mkdir -p reports && cp report.xml reports/
      - uses: actions/upload-artifact@v4
        with: {name: reports, path: reports/}
"""
REPORT = '<testsuite><testcase classname="t" name="one"/><testcase classname="t" name="two"/></testsuite>'


def demo(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "makespan_cli.main", "demo", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | environment,
    )


@pytest.fixture
def bench(tmp_path: Path):  # type: ignore[no-untyped-def]
    require_act()
    root = tmp_path / "project"
    root.mkdir()
    (root / "report.xml").write_text(REPORT)
    git = ["git", "-C", str(root), "-c", "user.name=n", "-c", "user.email=e@localhost", "-c", "commit.gpgsign=false"]
    for words in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *words], check=True)
    store = tmp_path / "store"
    with BackgroundCollector(store) as collector:
        yield Bench(
            checkout=find_checkout(root),
            endpoint=collector.endpoint,
            open_store=partial(open_store, store, read_only=True),
            folder=tmp_path / "state",
            runners=2,
        )


@pytest.mark.service
def test_a_rewrite_that_loses_a_command_is_refused(bench: Bench) -> None:
    before = bench.run(Arm.BEFORE, read_workflow(WORKFLOW, file="ci.yml"), QUIET, cache="a")
    planted = WORKFLOW.replace("      - run: echo lint\n", "")
    after = bench.run(Arm.COLD, read_workflow(planted, file="ci.yml"), QUIET, cache="b")
    with pytest.raises(RefusedError, match="not run, or ended differently: echo lint"):
        refuse_difference(before, after)
    refuse_difference(before, before)


@pytest.mark.service
def test_a_rewrite_that_loses_a_test_is_refused(bench: Bench) -> None:
    before = bench.run(Arm.BEFORE, read_workflow(WORKFLOW, file="ci.yml"), QUIET, cache="a")
    assert before.verdict.tests == {("t::one", "passed"), ("t::two", "passed")}
    (bench.checkout.root / "report.xml").write_text(REPORT.replace('<testcase classname="t" name="two"/>', ""))
    after = bench.run(Arm.WARM, read_workflow(WORKFLOW, file="ci.yml"), QUIET, cache="a")
    with pytest.raises(RefusedError, match="1 tests were lost or ended differently, t::two among them"):
        refuse_difference(before, after)


@pytest.mark.service
def test_a_failing_step_ends_the_demo_with_its_name_and_output(bench: Bench) -> None:
    planted = WORKFLOW.replace("echo lint", "echo the linter says no; exit 3")
    with pytest.raises(MakespanError, match=r"(?s)job a failed at 'Run echo the linter.*the linter says no"):
        bench.run(Arm.BEFORE, read_workflow(planted, file="ci.yml"), QUIET, cache="a")


@pytest.mark.service
def test_without_a_package_index_the_demo_says_so_and_stops(tmp_path: Path) -> None:
    require_act()
    finished = demo(
        "--output",
        str(tmp_path / "out"),
        PIP_INDEX_URL="http://127.0.0.1:9/simple",
        PIP_EXTRA_INDEX_URL="",
        PIP_FIND_LINKS="",
        PIP_CONFIG_FILE=os.devnull,
        PIP_NO_CACHE_DIR="1",
        PIP_RETRIES="0",
    )
    assert finished.returncode == 4
    assert "could not fetch networkx 3.6.1 from the package index" in finished.stderr
    assert "check the network" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_a_folder_that_is_no_demo_result_is_left_alone(tmp_path: Path) -> None:
    require_act()
    (tmp_path / "precious").write_text("x")
    finished = demo("--output", str(tmp_path))
    assert finished.returncode == 2
    assert "is not the result of a demo; choose another --output" in finished.stderr
    assert (tmp_path / "precious").read_text() == "x"


def test_no_runs_is_a_usage_error(tmp_path: Path) -> None:
    finished = demo("--runs", "0", "--output", str(tmp_path / "out"))
    assert finished.returncode == 2
    assert "--runs must be 1 or more, not 0" in finished.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.service
@pytest.mark.slow
def test_the_whole_demo_leaves_a_page_and_figures(tmp_path: Path) -> None:
    require_act()
    output = tmp_path / "out"
    finished = demo("--runs", "1", "--output", str(output), "--json", str(output / "result.json"))
    assert finished.returncode == 0, finished.stderr
    result = json.loads((output / "result.json").read_text())
    assert result["project"] == "networkx 3.6.1"
    assert (len(result["before_s"]), len(result["after_s"]), len(result["after_warm_s"])) == (1, 1, 1)
    assert result["measured_ratio"] == pytest.approx(result["before_s"][0] / result["after_s"][0])
    assert result["measured_ratio"] > 1
    assert result["tests"]["same_in_every_run"]
    assert result["tests"]["executed"] > 2000
    assert {finding["pass"] for finding in result["findings"] if finding["applied"]} == {
        "needless_needs",
        "merged_small_jobs",
        "repeated_setup",
        "uncached_install",
        "superseded_runs",
    }
    page = (output / "index.html").read_text()
    assert "networkx 3.6.1" in page
    assert "<svg" in page
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    patch = subprocess.run(
        ["git", "-C", str(output / "project"), "apply", "--check", str(output / "ci.diff")], check=False
    )
    assert patch.returncode == 0
