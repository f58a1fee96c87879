"""Gets the demo's project: a pinned source distribution from the package index, with our workflow laid over it."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from makespan_model.errors import UnavailableError

_WORKFLOW = ".github/workflows/ci.yml"
_REQUIREMENTS = "requirements-ci.txt"
# Also fetched by the workflow: `python -m build` makes an environment with the project's build backend.
_BUILD_BACKEND = "setuptools>=77.0.3"


@dataclass(frozen=True, slots=True)
class Project:
    """The project as it was laid out.

    Attributes:
        name: Name and version.
        root: Its git work tree.
        workflow: Path of the workflow file.
    """

    name: str
    root: Path
    workflow: Path

    def read(self, path: str) -> str | None:
        """Text of a file of the project; None when absent."""
        try:
            return (self.root / path).read_text("utf-8")
        except (OSError, UnicodeDecodeError):
            return None


def fetch_project(root: Path) -> Project:
    """Download, unpack and commit the project into the empty folder `root`.

    Raises:
        UnavailableError: The package index does not answer, or pip or git is missing.
    """
    shipped = files("makespan_cli.demo") / "project"
    pinned = (shipped / "networkx.txt").read_text("utf-8").split()[0]
    name = pinned.replace("==", " ")
    with tempfile.TemporaryDirectory(prefix="makespan-demo-") as folder:
        requirement = Path(folder) / "requirement.txt"
        requirement.write_text((shipped / "networkx.txt").read_text("utf-8"), "utf-8")
        _pip_download(name, folder, "--no-deps", "--no-binary", ":all:", "--require-hashes", "-r", str(requirement))
        archive = next(Path(folder).glob("*.tar.gz"))
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
        unpacked = next(path for path in Path(folder).iterdir() if path.is_dir())
        root.mkdir(parents=True)
        for entry in unpacked.iterdir():
            # The two folders may lie on different file systems.
            subprocess.run(["cp", "-R", str(entry), str(root)], check=True)
    workflow = root / _WORKFLOW
    workflow.parent.mkdir(parents=True, exist_ok=True)
    workflow.write_text((shipped / "ci.yml").read_text("utf-8"), "utf-8")
    (root / _REQUIREMENTS).write_text((shipped / _REQUIREMENTS).read_text("utf-8"), "utf-8")
    _commit(root)
    return Project(name, root, workflow)


def prefetch_packages(project: Project) -> None:
    """Download what the workflow installs once, so that no run of the comparison pays for the network.

    Raises:
        UnavailableError: The package index does not answer.
    """
    with tempfile.TemporaryDirectory(prefix="makespan-demo-") as folder:
        _pip_download("the project's packages", folder, "-r", str(project.root / _REQUIREMENTS))
        _pip_download("the project's build backend", folder, _BUILD_BACKEND)


def _pip_download(what: str, folder: str, *arguments: str) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--dest", folder]
    finished = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if finished.returncode:
        said = [
            line for line in finished.stderr.splitlines() if line.startswith("ERROR")
        ] or finished.stderr.splitlines()
        reason = said[-1] if said else f"pip ended with {finished.returncode}"
        raise UnavailableError(
            f"could not fetch {what} from the package index: {reason}\n"
            "The demo needs pip and a package index; check the network or pip's index settings and run it again."
        )


def _commit(root: Path) -> None:
    """A commit of all files, whatever the user's git settings, hooks and templates."""
    environment = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    identity = ["-c", "user.name=makespan demo", "-c", "user.email=demo@localhost", "-c", "commit.gpgsign=false"]
    try:
        for command in (
            ["init", "--quiet", "--initial-branch", "main", "--template", ""],
            ["add", "--all"],
            [*identity, "commit", "--quiet", "--message", "The project and its pipeline"],
        ):
            subprocess.run(
                ["git", "-C", str(root), *command],
                check=True,
                env=environment,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
            )
    except FileNotFoundError as error:
        raise UnavailableError("git is not installed; the demo needs it") from error
    except subprocess.CalledProcessError as error:
        raise UnavailableError(f"git {error.cmd[3]} failed in {root}: {error.stderr.strip()}") from error
