"""Artifacts hold the files GitHub's action would take, in the folders it would put them in."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from support.stand_in_job import StandInJob

NewJob = Callable[[], StandInJob]


def _upload(job: StandInJob, path: str, name: str = "made", **inputs: str) -> str:
    answer = job.run("artifact", "upload", {"path": path, "name": name, **inputs})
    assert answer.exit_code == 0, answer.output
    return answer.output


def _stored(job: StandInJob, name: str = "made") -> list[str]:
    folder = job.shared / "artifacts" / name
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize(
    ("path", "stored"),
    [
        ("dist", ["app.js", "app.js.map", "deep/one.txt"]),
        ("dist/", ["app.js", "app.js.map", "deep/one.txt"]),
        ("dist/deep/one.txt", ["one.txt"]),
        ("dist/**/*.txt", ["deep/one.txt"]),
        ("dist\n!dist/**/*.map", ["app.js", "deep/one.txt"]),
        ("dist\n!dist/deep", ["app.js", "app.js.map"]),
        ("# comment\ndist/*.js\nother", ["dist/app.js", "other/o"]),
        ("dist/deep", ["one.txt"]),
        ("other", ["o"]),
        ("**/*.map", ["dist/app.js.map"]),
    ],
)
def test_the_root_is_where_the_search_started(job: StandInJob, path: str, stored: list[str]) -> None:
    job.write("dist/app.js", "dist/app.js.map", "dist/deep/one.txt", "other/o", "dist/.hidden", "dist/.d/x")
    _upload(job, path)
    assert _stored(job) == stored


def test_hidden_files_are_taken_only_when_asked_for(job: StandInJob) -> None:
    job.write("dist/.hidden", "dist/seen", ".coverage")
    _upload(job, "dist", **{"include-hidden-files": "true"})
    assert _stored(job) == [".hidden", "seen"]


def test_a_download_by_name_goes_into_the_path_itself(new_job: NewJob) -> None:
    job, later = new_job(), new_job()
    job.write("dist/a", "dist/d/b")
    _upload(job, "dist")
    later.write("in/kept", "in/a", text="old")

    answer = later.run("artifact", "download", {"name": "made", "path": "in"})

    assert later.files() == ["in/a", "in/d/b", "in/kept"]
    assert (later.workspace / "in/a").read_text() == "x"
    assert answer.outputs["download-path"] == str(later.workspace / "in")


def test_a_download_without_a_name_makes_a_folder_for_each_artifact(new_job: NewJob) -> None:
    job, later = new_job(), new_job()
    job.write("a", "b")
    for name in ("log-1", "log-2", "app"):
        _upload(job, "a", name)

    later.run("artifact", "download", {"pattern": "log-*"})
    assert later.files() == ["log-1/a", "log-2/a"]

    later.run("artifact", "download", {"path": "all", "merge-multiple": "true"})
    assert later.files() == ["all/a", "log-1/a", "log-2/a"]


def test_a_name_is_used_once_in_a_run_unless_overwritten(job: StandInJob) -> None:
    job.write("a", "b")
    _upload(job, "a")
    again = job.run("artifact", "upload", {"path": "b", "name": "made"})
    assert again.exit_code == 1
    assert "exists already in this run" in again.output
    assert _stored(job) == ["a"]

    _upload(job, "b", overwrite="true")
    assert _stored(job) == ["b"]


@pytest.mark.parametrize(("policy", "exit_code", "said"), [("warn", 0, "::warning::"), ("error", 1, "::error::")])
def test_no_matching_file_does_what_was_asked_for(job: StandInJob, policy: str, exit_code: int, said: str) -> None:
    answer = job.run("artifact", "upload", {"path": "gone", "if-no-files-found": policy})
    assert (answer.exit_code, said in answer.output) == (exit_code, True)


@pytest.mark.parametrize("name", ["../x", "a/b", "..", 'a"b', "a:b", "a\nb", "*"])
def test_a_name_cannot_be_a_path(job: StandInJob, name: str) -> None:
    job.write("a")
    for command in ("upload", "download"):
        answer = job.run("artifact", command, {"path": "a", "name": name})
        assert answer.exit_code == 1
        assert "not a valid artifact name" in answer.output


def test_a_pattern_does_not_lead_out_of_the_runs_artifacts(job: StandInJob) -> None:
    job.write("a")
    _upload(job, "a")
    (job.shared / "secret").mkdir()
    (job.shared / "secret" / "s").write_text("s")

    answer = job.run("artifact", "download", {"pattern": "../secre*", "path": "in"})

    assert answer.exit_code == 0
    assert job.files() == ["a"]


def test_an_artifact_of_another_run_is_refused_by_name(job: StandInJob) -> None:
    answer = job.run("artifact", "download", {"run-id": "12", "name": "made"})
    assert answer.exit_code == 1
    assert "run-id: only artifacts of this run" in answer.output


def test_a_missing_artifact_fails_the_download(job: StandInJob) -> None:
    answer = job.run("artifact", "download", {"name": "gone"})
    assert answer.exit_code == 1
    assert "no artifact named 'gone' in this run" in answer.output
