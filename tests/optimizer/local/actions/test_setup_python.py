"""The Python stand-in gives the job an interpreter of its own and leaves the machine's alone."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from support.stand_in_job import StandInJob

OWN_VERSION = ".".join(map(str, sys.version_info[:3]))
OWN_MINOR = ".".join(map(str, sys.version_info[:2]))


def _folder(job: StandInJob) -> Path:
    return Path((job.root / "path").read_text().strip())


def _run(job: StandInJob, *words: str) -> str:
    finished = subprocess.run(words, env=job.environment, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    return finished.stdout.strip()


@pytest.mark.parametrize("wanted", [OWN_MINOR, OWN_VERSION, f"{OWN_MINOR}.x", "3.x", "3", ""])
def test_a_version_that_fits_is_used_without_a_warning(job: StandInJob, wanted: str) -> None:
    answer = job.run("setup_python", "select", {"python-version": wanted})

    assert answer.exit_code == 0, answer.output
    assert answer.outputs["python-version"] == OWN_VERSION
    assert "::warning::" not in answer.output
    assert _run(job, str(_folder(job) / "python"), "--version") == f"Python {OWN_VERSION}"


@pytest.mark.parametrize("wanted", ["3.1", "2.7", f"pypy{OWN_MINOR}", "nonsense"])
def test_a_version_that_is_not_here_is_replaced_with_a_warning(job: StandInJob, wanted: str) -> None:
    answer = job.run("setup_python", "select", {"python-version": wanted})
    assert answer.exit_code == 0
    assert f"::warning::Python {wanted} is not installed here, using {OWN_VERSION}" in answer.output


def test_of_several_versions_the_last_comes_first_on_the_path(job: StandInJob) -> None:
    answer = job.run("setup_python", "select", {"python-version": f"2.7\n{OWN_MINOR}"})
    assert "::warning::" not in answer.output


def test_the_version_may_stand_in_a_file(job: StandInJob) -> None:
    job.write(".python-version", text=f"{OWN_VERSION}\n")
    answer = job.run("setup_python", "select", {"python-version-file": ".python-version"})
    assert answer.outputs["python-version"] == OWN_VERSION

    missing = job.run("setup_python", "select", {"python-version-file": "gone"})
    assert missing.exit_code == 1
    assert "python-version-file gone does not exist" in missing.output


def test_pip_installs_into_the_job_and_not_into_the_machine(job: StandInJob) -> None:
    job.run("setup_python", "select", {"python-version": OWN_MINOR})
    job.write(
        "own/pyproject.toml",
        text='[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "own-thing"\nversion = "1"\n',
    )

    where = _run(job, str(_folder(job) / "pip"), "--version")
    prefix = _run(job, str(_folder(job) / "python"), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))")

    assert str(job.shared / "tools") in where
    assert Path(prefix).is_relative_to(job.temporary)
    refused = subprocess.run(
        [str(_folder(job) / "pip"), "uninstall", "--yes", "pip"],
        env=job.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "outside environment" in refused.stdout + refused.stderr
    assert _run(job, str(_folder(job) / "pip"), "--version") == where


def test_an_environment_made_by_it_does_not_depend_on_the_jobs_folder(job: StandInJob) -> None:
    job.run("setup_python", "select", {"python-version": OWN_MINOR})
    venv = job.workspace / ".venv"

    _run(job, str(_folder(job) / "python"), "-m", "venv", "--without-pip", str(venv))

    assert not (venv / "bin" / "python").resolve().is_relative_to(job.root)
    assert str(job.root) not in (venv / "pyvenv.cfg").read_text().partition("command")[0]


def test_later_steps_find_the_place_in_the_environment(job: StandInJob) -> None:
    answer = job.run("setup_python", "select", {})
    exported = dict(line.split("=", 1) for line in (job.root / "env").read_text().splitlines())
    assert Path(exported["pythonLocation"]) / "bin" == _folder(job)
    assert answer.outputs["python-path"] == str(_folder(job) / "python")
