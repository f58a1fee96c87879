"""The cache stand-in keeps the rules of GitHub's cache and writes only where it was told to."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from support.stand_in_job import StandInJob

NewJob = Callable[[], StandInJob]


def _save(job: StandInJob, key: str, path: str = "kept") -> str:
    answer = job.run("cache", "save", {"key": key, "path": path})
    assert answer.exit_code == 0, answer.output
    return answer.output


def test_a_miss_is_saved_at_the_jobs_end_and_hit_by_the_next_job(new_job: NewJob) -> None:
    first, second = new_job(), new_job()
    missed = first.run("cache", "restore", {"key": "k-1", "path": "kept"})
    first.write("kept/deep/file", text="content")
    assert first.run("cache", "save-after").exit_code == 0

    hit = second.run("cache", "restore", {"key": "k-1", "path": "kept"})

    assert (missed.exit_code, missed.outputs["cache-hit"]) == (0, "")
    assert hit.outputs == {"cache-hit": "true", "cache-matched-key": "k-1", "cache-primary-key": "k-1"}
    assert (second.workspace / "kept/deep/file").read_text() == "content"
    assert "not saving" in second.run("cache", "save-after").output


def test_a_restore_key_is_a_prefix_and_the_newest_entry_wins(new_job: NewJob) -> None:
    job = new_job()
    for key in ("deps-1", "deps-2", "other-3"):
        job.write("kept/key", text=key)
        _save(job, key)

    later = new_job()
    answer = later.run("cache", "restore", {"key": "deps-9", "path": "kept", "restore-keys": "nothing-\ndeps-\noth"})

    assert (answer.outputs["cache-hit"], answer.outputs["cache-matched-key"]) == ("false", "deps-2")
    assert (later.workspace / "kept/key").read_text() == "deps-2"


def test_the_key_itself_is_a_prefix_before_the_restore_keys(new_job: NewJob) -> None:
    job = new_job()
    job.write("kept/key")
    _save(job, "deps-1-abc")
    _save(job, "other")

    answer = new_job().run("cache", "restore", {"key": "deps-1", "path": "kept", "restore-keys": "other"})

    assert (answer.outputs["cache-hit"], answer.outputs["cache-matched-key"]) == ("false", "deps-1-abc")


def test_what_was_restored_by_prefix_is_saved_under_the_full_key(new_job: NewJob) -> None:
    job = new_job()
    job.write("kept/a")
    _save(job, "deps-1")

    later = new_job()
    later.run("cache", "restore", {"key": "deps-2", "path": "kept", "restore-keys": "deps-"})
    later.run("cache", "save-after")

    assert new_job().run("cache", "restore", {"key": "deps-2", "path": "kept"}).outputs["cache-hit"] == "true"


def test_a_key_is_never_overwritten(new_job: NewJob) -> None:
    job = new_job()
    job.write("kept/key", text="first")
    _save(job, "k")
    job.write("kept/key", text="second")
    assert "exists already" in _save(job, "k")

    later = new_job()
    later.run("cache", "restore", {"key": "k", "path": "kept"})
    assert (later.workspace / "kept/key").read_text() == "first"


def test_an_entry_belongs_to_the_paths_it_was_made_of(new_job: NewJob) -> None:
    job = new_job()
    job.write("kept/key", "more/key")
    _save(job, "k")

    assert new_job().run("cache", "restore", {"key": "k", "path": "kept\nmore"}).outputs["cache-hit"] == ""


def test_a_lookup_restores_nothing(new_job: NewJob) -> None:
    job = new_job()
    job.write("kept/key")
    _save(job, "k")

    later = new_job()
    answer = later.run("cache", "restore", {"key": "k", "path": "kept", "lookup-only": "true"})

    assert answer.outputs["cache-hit"] == "true"
    assert later.files() == []


def test_a_miss_fails_the_step_only_when_asked_to(job: StandInJob) -> None:
    answer = job.run("cache", "restore", {"key": "k", "path": "kept", "fail-on-cache-miss": "true"})
    assert answer.exit_code == 1
    assert "::error::no cache entry for key k" in answer.output


def test_home_and_globs_and_odd_names_come_back_in_another_jobs_place(new_job: NewJob) -> None:
    job = new_job()
    (job.home / ".tool").mkdir()
    (job.home / ".tool" / "state").write_text("h")
    job.write(
        "a/one/target/x", "a/two/target/-rf", "a/two/target/new\nline", "a/two/target/ünï [*]?", "a/skip/target/x"
    )
    paths = "~/.tool\na/*/target\n!a/skip/target"
    _save(job, "k", paths)

    later = new_job()
    assert later.run("cache", "restore", {"key": "k", "path": paths}).outputs["cache-hit"] == "true"

    assert (later.home / ".tool" / "state").read_text() == "h"
    assert later.files() == [
        "a/one/target/x",
        "a/two/target/-rf",
        "a/two/target/new\nline",
        "a/two/target/ünï [*]?",
    ]


def test_a_virtual_environment_works_where_it_is_restored(new_job: NewJob) -> None:
    job = new_job()
    venv = job.workspace / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(venv)], check=True)
    (venv / "loop").symlink_to(venv / "bin")
    _save(job, "k", ".venv")

    later = new_job()
    later.run("cache", "restore", {"key": "k", "path": ".venv"})

    told = subprocess.run(
        [str(later.workspace / ".venv/bin/python"), "-c", "import sys; print(sys.prefix)"],
        check=True,
        capture_output=True,
        text=True,
    )
    assert told.stdout.strip() == str(later.workspace / ".venv")
    assert (later.workspace / ".venv/loop").readlink() == venv / "bin"


def test_executable_bits_and_times_are_kept(new_job: NewJob) -> None:
    job = new_job()
    job.write("kept/tool")
    (job.workspace / "kept/tool").chmod(0o755)
    os.utime(job.workspace / "kept/tool", (1_000_000_000, 1_000_000_000))
    _save(job, "k")

    later = new_job()
    later.run("cache", "restore", {"key": "k", "path": "kept"})

    found = (later.workspace / "kept/tool").stat()
    assert (found.st_mode & 0o777, int(found.st_mtime)) == (0o755, 1_000_000_000)


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"path": "kept"}, "the input key is required"),
        ({"key": "k"}, "the input path is required"),
        ({"key": "a,b", "path": "kept"}, "hold no comma"),
        ({"key": "k" * 513, "path": "kept"}, "at most 512 characters"),
        ({"key": "k", "path": "kept", "lookup-only": "yes"}, "lookup-only must be true or false"),
    ],
)
def test_wrong_inputs_fail_the_step_with_a_reason(job: StandInJob, inputs: dict[str, str], said: str) -> None:
    job.write("kept/x")
    _save(job, "k")
    answer = job.run("cache", "restore", inputs)
    assert answer.exit_code == 1
    assert said in answer.output
    assert "Traceback" not in answer.output


def test_nothing_to_save_is_a_warning(job: StandInJob) -> None:
    assert "::warning::none of the cached paths exists: gone" in _save(job, "k", "gone")


@pytest.mark.parametrize("text", ["{", "[]", '{"key": "k"}', '{"key": "k", "version": 1, "archives": 3}'])
def test_a_damaged_entry_is_a_miss(job: StandInJob, text: str) -> None:
    cache = job.shared / "cache"
    cache.mkdir()
    (cache / "x.json").write_text(text)

    answer = job.run("cache", "restore", {"key": "k", "path": "kept"})

    assert (answer.exit_code, answer.outputs["cache-hit"]) == (0, "")
    assert "damaged" in answer.output


def test_an_entry_cannot_name_the_archive_of_another_or_a_path(job: StandInJob) -> None:
    job.write("kept/x")
    _save(job, "k")
    (entry,) = (job.shared / "cache").glob("*.json")
    for archive in ("../outside.workspace.tar", "other.workspace.tar"):
        entry.write_text(json.dumps(json.loads(entry.read_text()) | {"archives": [archive]}))
        assert job.run("cache", "restore", {"key": "k", "path": "kept"}).outputs["cache-hit"] == ""


def _poison(job: StandInJob, members: list[tuple[tarfile.TarInfo, bytes]]) -> None:
    """Replace the archive of the only entry by one with these members."""
    (archive,) = (job.shared / "cache").glob("*.tar")
    with tarfile.open(archive, "w") as tar:
        for info, data in members:
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))


def _link(name: str, target: str) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = tarfile.SYMTYPE, target
    return info


def _through_a_link(outside: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [(_link("kept", str(outside)), b""), (tarfile.TarInfo("kept/stolen"), b"x")]


def _through_a_relative_link(outside: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [(_link("kept", f"../../{outside.name}"), b""), (tarfile.TarInfo("kept/stolen"), b"x")]


def _upwards(outside: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [(tarfile.TarInfo(f"../../{outside.name}/stolen"), b"x")]


def _absolute(outside: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    return [(tarfile.TarInfo(f"{outside}/stolen"), b"x")]


def _hard_link(outside: Path) -> list[tuple[tarfile.TarInfo, bytes]]:
    info = tarfile.TarInfo("kept")
    info.type, info.linkname = tarfile.LNKTYPE, f"{outside}/secret"
    return [(info, b"")]


@pytest.mark.parametrize("hostile", [_through_a_link, _through_a_relative_link, _upwards, _absolute, _hard_link])
def test_a_poisoned_archive_writes_nothing_outside_the_workspace(
    new_job: NewJob, tmp_path: Path, hostile: Callable[[Path], list[tuple[tarfile.TarInfo, bytes]]]
) -> None:
    job = new_job()
    job.write("kept/x")
    _save(job, "k")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_text("untouched")
    _poison(job, hostile(outside))

    later = new_job()
    answer = later.run("cache", "restore", {"key": "k", "path": "kept"})

    assert [path.name for path in outside.iterdir()] == ["secret"]
    assert (outside / "secret").stat().st_nlink == 1
    assert answer.exit_code == 1 or "stolen" in " ".join(later.files())
    assert "Traceback" not in answer.output
