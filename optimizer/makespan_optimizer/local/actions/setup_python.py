"""Stand-in for `actions/setup-python`: puts an installed interpreter of the asked version first on PATH.

Nothing is downloaded. Where the asked version is not installed, the interpreter that runs makespan
takes its place and the step says so. The job gets a virtual environment of it in its temporary folder.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from makespan_optimizer.local.actions.protocol import (
    ActionError,
    read_input,
    run_action,
    shared_folder,
    workspace,
    write_output,
)

# The interpreter that runs makespan, outside its virtual environment.
_OWN = str(Path(sys.executable).resolve())

_PRINT_DISTRIBUTIONS = """
import importlib.metadata, json
found = {}
for name in ("pip", "setuptools", "wheel"):
    try:
        files = importlib.metadata.distribution(name).files
    except importlib.metadata.PackageNotFoundError:
        continue
    if files:
        tops = {file.parts[0]: file.locate().parents[len(file.parts) - 2] if len(file.parts) > 1 else file.locate()
                for file in files if file.parts[0] != ".."}
        found[name] = [str(path) for path in tops.values()]
print(json.dumps(found))
"""


def select() -> None:
    """Find the interpreter and export it the way the action does."""
    wanted = _wanted()
    interpreter = _installed(wanted)
    if interpreter is None:
        interpreter = _OWN
        print(f"::warning::Python {wanted} is not installed here, using {_version(interpreter)}")
    version = _version(interpreter)
    folder = _environment(interpreter, version)
    with Path(os.environ["GITHUB_PATH"]).open("a", encoding="utf-8") as file:
        file.write(f"{folder / 'bin'}\n")
    with Path(os.environ["GITHUB_ENV"]).open("a", encoding="utf-8") as file:
        file.writelines(f"{name}={folder}\n" for name in ("pythonLocation", "Python_ROOT_DIR", "Python3_ROOT_DIR"))
    write_output("python-version", version)
    write_output("python-path", str(folder / "bin" / "python"))
    print(f"Python {version}")


def _wanted() -> str:
    """The version asked for; of several lines the last, which the action puts first on PATH."""
    lines = read_input("python-version").split()
    return lines[-1] if lines else _from_file(read_input("python-version-file"))


def _environment(interpreter: str, version: str) -> Path:
    """A virtual environment of this job alone: its `pip install` must not change the machine's interpreter."""
    folder = Path(os.environ["RUNNER_TEMP"]) / f"python-{version}"
    if folder.exists():
        return folder
    _run([interpreter, "-I", "-m", "venv", "--without-pip", str(folder)])
    python = str(folder / "bin" / "python")
    packages = _packages(interpreter, version)
    if packages is None:
        _run([python, "-I", "-m", "ensurepip", "--default-pip"])
        return folder
    # pip removes nothing that lies outside the environment, so an upgrade leaves the shared copy alone.
    site = Path(_run([python, "-I", "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip())
    (site / "makespan-packages.pth").write_text(f"{packages}\n", "utf-8")
    for name in ("pip", "pip3", f"pip{version.rpartition('.')[0]}"):
        script = folder / "bin" / name
        script.write_text('#!/bin/sh\nexec "$(dirname "$0")/python" -m pip "$@"\n', "utf-8")
        script.chmod(0o755)
    return folder


def _packages(interpreter: str, version: str) -> Path | None:
    """A copy of the interpreter's pip and setuptools for all jobs: ensurepip would take each two seconds.

    Returns:
        The folder, or None when the interpreter has no pip of its own.
    """
    folder = shared_folder("MAKESPAN_TOOL_FOLDER") / f"python-{version}-packages"
    if folder.is_dir():
        return folder
    found: dict[str, list[str]] = json.loads(_run([interpreter, "-I", "-c", _PRINT_DISTRIBUTIONS]))
    if "pip" not in found:
        return None
    unfinished = folder.with_name(f"{folder.name}.{os.getpid()}")
    for entry in {Path(entry) for entries in found.values() for entry in entries}:
        if entry.is_dir():
            shutil.copytree(entry, unfinished / entry.name, dirs_exist_ok=True)
        elif entry.suffix != ".pth":
            unfinished.mkdir(parents=True, exist_ok=True)
            shutil.copy2(entry, unfinished / entry.name)
    try:
        unfinished.rename(folder)
    except OSError:
        shutil.rmtree(unfinished)
        if not folder.is_dir():
            raise  # Not because another job was faster.
    return folder


def _run(command: list[str]) -> str:
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise ActionError(f"{shlex.join(command)} failed: {(finished.stderr or finished.stdout).strip()}")
    return finished.stdout


def _from_file(name: str) -> str:
    if not name:
        return ""
    file = workspace() / name
    if not file.is_file():
        raise ActionError(f"python-version-file {name} does not exist")
    match = re.search(r"\d+\.\d+(\.\d+)?", file.read_text("utf-8"))
    return match.group() if match else ""


def _installed(wanted: str) -> str | None:
    """An interpreter that the version fits: `3.12`, `3.12.4`, `3.x`, `3` or nothing; None where there is none."""
    if wanted in ("", "3", "3.x", "3.*"):
        return _OWN
    match = re.fullmatch(r"(\d+\.\d+)(\.(\d+|x|\*))?(-dev)?", wanted)
    if match is None:
        return None
    for candidate in (_OWN, shutil.which(f"python{match[1]}")):
        if candidate and _version(candidate).rpartition(".")[0] == match[1]:
            return candidate
    return None


def _version(interpreter: str) -> str:
    command = [interpreter, "-I", "-S", "-c", "import sys; print('.'.join(map(str, sys.version_info[:3])))"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    return finished.stdout.strip()


if __name__ == "__main__":
    run_action({"select": select})
