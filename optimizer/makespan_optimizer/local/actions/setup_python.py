"""Stand-in for `actions/setup-python`: puts an installed interpreter of the asked version first on PATH.

Nothing is downloaded. Where the asked version is not installed, the interpreter that runs makespan
takes its place and the step says so.
"""

from __future__ import annotations

import os
import re
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


def select() -> None:
    """Find the interpreter and export it the way the action does."""
    wanted = read_input("python-version") or _from_file(read_input("python-version-file"))
    interpreter = _installed(wanted) if wanted else None
    if interpreter is None:
        interpreter = str(Path(sys.executable).resolve())
        if wanted and not _version(interpreter).startswith(_minor(wanted) or wanted):
            print(f"::warning::Python {wanted} is not installed here, using {_version(interpreter)}")
    version = _version(interpreter)
    folder = _folder_on_path(interpreter, version)
    with Path(os.environ["GITHUB_PATH"]).open("a", encoding="utf-8") as file:
        file.write(f"{folder}\n")
    write_output("python-version", version)
    write_output("python-path", str(folder / "python"))
    print(f"Python {version}")


def _folder_on_path(interpreter: str, version: str) -> Path:
    """A folder with `python`: the interpreter's own, else one of links that is the same in every job and run.

    A virtual environment links to the path it was made by, and a cached one must find it again.
    """
    own = Path(interpreter).parent
    if (own / "python").exists() and _version(str(own / "python")) == version:
        return own
    folder = shared_folder("MAKESPAN_TOOL_FOLDER") / f"python-{version}"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("python", "python3", f"python{_minor(version)}"):
        unfinished = folder / f"{name}.{os.getpid()}"
        unfinished.symlink_to(interpreter)
        unfinished.rename(folder / name)
    return folder


def _from_file(name: str) -> str:
    if not name:
        return ""
    file = workspace() / name
    if not file.is_file():
        raise ActionError(f"python-version-file {name} does not exist")
    match = re.search(r"\d+\.\d+(\.\d+)?", file.read_text("utf-8"))
    return match.group() if match else ""


def _installed(wanted: str) -> str | None:
    minor = _minor(wanted)
    if minor is None:
        return None
    for candidate in (str(Path(sys.executable).resolve()), shutil.which(f"python{minor}")):
        if candidate and _minor(_version(candidate)) == minor:
            return candidate
    return None


def _minor(version: str) -> str | None:
    match = re.search(r"(\d+)\.(\d+)", version)
    return f"{match[1]}.{match[2]}" if match else None


def _version(interpreter: str) -> str:
    command = [interpreter, "-I", "-S", "-c", "import sys; print('.'.join(map(str, sys.version_info[:3])))"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    return finished.stdout.strip()


if __name__ == "__main__":
    run_action({"select": select})
