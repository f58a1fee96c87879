from __future__ import annotations

import json
from pathlib import Path

import pytest

from makespan_cli.main import main
from makespan_collector.store.opening import open_store
from makespan_model.errors import ExitCode
from support.span_rows import run_rows

TWICE = """\
on: push
jobs:
  test:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - name: Set up
        uses: actions/setup-node@v4
      - name: Set up again
        uses: actions/setup-node@v4
      - run: npm test
  docs:
    needs: test
    runs-on: ubuntu-latest
    steps:
      - run: make docs
"""
# Name, start and end in seconds of each recorded step.
STEPS = {
    "test": [
        ("Run actions/checkout@v4", 0, 1),
        ("Set up", 1, 3),
        ("Set up again", 3, 5),
        ("Run npm test", 5, 15),
    ],
    "docs": [("Run make docs", 15, 25)],
}
ONCE = TWICE.replace("      - name: Set up again\n        uses: actions/setup-node@v4\n", "")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "ci.yml"
    path.write_text(TWICE)
    return path


def test_without_write_nothing_is_written_and_what_is_held_back_names_its_flag(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["optimize", "ci.yml"]) == 0
    printed = capsys.readouterr().out
    assert "ci.yml:9 step 'Set up again' of job 'test' repeats the set-up of line 7" in printed
    assert "1 finding held back; --evidence assumed admits them:" in printed
    assert "No history" in printed
    assert "\x1b" not in printed
    assert file.read_text() == TWICE


def test_write_replaces_the_file_by_the_verified_rewrite(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["optimize", "ci.yml", "--write"]) == 0
    assert file.read_text() == ONCE
    assert "ci.yml was rewritten." in capsys.readouterr().out


def test_diff_prints_a_unified_diff(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["optimize", "ci.yml", "--diff"]) == 0
    assert "--- a/ci.yml\n+++ b/ci.yml\n@@ -6,8 +6,6 @@\n" in capsys.readouterr().out


def test_json_has_findings_verification_and_output(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["optimize", "ci.yml", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert [(each["pass"], each["line"], each["applied"], each["reason"]) for each in printed["findings"]] == [
        ("repeated_setup", 9, True, None),
        ("needless_needs", 13, False, "needs --evidence assumed"),
    ]
    assert (printed["output"], printed["written"], printed["predicted"]) == (ONCE, False, None)
    assert printed["verified"]["checks"][:4] == ["parse", "commands", "ordering", "untouched text"]


def test_a_broken_workflow_is_answered_with_its_place_and_nothing_is_written(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = TWICE.replace("needs: test", "needs: tset")
    file.write_text(broken)
    assert main(["optimize", "ci.yml", "--write"]) == 3
    assert capsys.readouterr().err == (
        "makespan: ci.yml:13:12: job 'docs' needs 'tset', which does not exist (did you mean 'test'?)\n"
    )
    assert file.read_text() == broken


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--runs", "0"], 2), (["--store", "nowhere"], 4), (["--pipeline", "x"], 4)],
)
def test_options_that_cannot_hold_are_refused(file: Path, arguments: list[str], code: int) -> None:
    assert main(["optimize", "ci.yml", *arguments]) == code


def test_a_missing_file_is_a_broken_input(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["optimize", "other.yml"]) == 3
    assert capsys.readouterr().err == "makespan: other.yml: No such file or directory\n"


def test_recorded_runs_are_the_evidence_and_the_prediction_is_made_from_them(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_store(Path("store")) as store:
        for number in range(4):
            store.append(spans=run_rows(str(number), STEPS, pipeline="ci"))
    capsys.readouterr()
    assert main(["optimize", "ci.yml", "--store", "store", "--evidence", "measured", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed["history"] == "History: 4 runs of 'ci'."
    assert [each["pass"] for each in printed["findings"] if each["applied"]] == ["repeated_setup", "needless_needs"]
    assert printed["predicted"]["unmeasured"] == []
    assert printed["predicted"]["after_warm_s"] < printed["predicted"]["before_s"]


@pytest.mark.parametrize("option", ["--pipeline", "--repository"])
def test_an_unknown_name_is_a_usage_error(file: Path, option: str) -> None:
    with open_store(Path("store")) as store:
        store.append(spans=run_rows("1", STEPS))
    assert main(["optimize", "ci.yml", "--store", "store", option, "nobody"]) == 2


def test_a_pipeline_of_several_repositories_asks_which(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_store(Path("store")) as store:
        store.append(spans=run_rows("1", STEPS, repository="a/b"))
        store.append(spans=run_rows("1", STEPS, repository="c/d"))
    assert main(["optimize", "ci.yml", "--store", "store"]) == 2
    assert "--repository: a/b, c/d" in capsys.readouterr().err
    assert main(["optimize", "ci.yml", "--store", "store", "--repository", "c/d"]) == 0
    assert "History: 1 run of 'ci'." in capsys.readouterr().out


def test_expressions_that_github_would_refuse_are_told_with_their_place(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(TWICE.replace("make docs", "make ${{ secret.x }}"))
    assert main(["optimize", "ci.yml"]) == 0
    assert (
        "GitHub would refuse ci.yml:16:23: 'secret' is not available here (available: env," in capsys.readouterr().out
    )
    assert main(["optimize", "ci.yml", "--json"]) == 0
    (fault,) = json.loads(capsys.readouterr().out)["faults"]
    assert (fault["line"], fault["column"]) == (16, 23)


def test_keys_that_are_not_understood_are_told_with_the_nearest_known_one(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(TWICE.replace("    needs: test", "    need: test"))
    assert main(["optimize", "ci.yml"]) == 0
    told = "ci.yml:13:5: job 'docs' has a key 'need' that is not understood (did you mean 'needs'?)"
    assert told in capsys.readouterr().out
    assert main(["optimize", "ci.yml", "--json"]) == 0
    (key,) = json.loads(capsys.readouterr().out)["not_understood"]
    assert (key["line"], key["column"]) == (13, 5)


def test_calls_that_github_would_refuse_are_told(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = file.parent / ".github" / "workflows"
    folder.mkdir(parents=True)
    inputs = "{workflow_call: {inputs: {os: {type: string, required: true}}}}"
    (folder / "build.yml").write_text(f"on: {inputs}\njobs: {{a: {{runs-on: x, steps: [{{run: x}}]}}}}\n")
    (folder / "ci.yml").write_text("on: push\njobs: {c: {uses: ./.github/workflows/build.yml}}\n")
    assert main(["optimize", ".github/workflows/ci.yml"]) == 0
    assert "ci.yml:2:18: job 'c' calls ./.github/workflows/build.yml and does not pass" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["optimize", "steps", "exec"])
def test_a_gitlab_configuration_is_told_from_a_broken_workflow(
    tmp_path: Path, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / ".gitlab-ci.yml"
    file.write_text("test:\n  script: make\n")

    assert main([command, str(file)]) == ExitCode.BAD_INPUT
    assert "a GitLab configuration" in capsys.readouterr().err
