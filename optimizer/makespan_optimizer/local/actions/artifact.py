"""Stand-in for `actions/upload-artifact` and `actions/download-artifact` within one run."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from makespan_optimizer.local.actions.protocol import (
    ActionError,
    matching_paths,
    read_flag,
    read_input,
    run_action,
    shared_folder,
    workspace,
    write_output,
)

# actions/upload-artifact: names may not hold these, nor a path separator.
_FORBIDDEN = re.compile(r'["<>|*?\r\n:\\/]')


def upload() -> None:
    """Copy the matching files into the run's artifact folder."""
    name = _name(read_input("name", "artifact"))
    target = shared_folder("MAKESPAN_ARTIFACT_FOLDER") / name
    files = _files(matching_paths(read_input("path")))
    if not files:
        message = f"no files were found with the path {read_input('path')!r}"
        policy = read_input("if-no-files-found", "warn")
        if policy == "error":
            raise ActionError(message)
        if policy != "ignore":
            print(f"::warning::{message}")
        return
    if target.exists():
        if not read_flag("overwrite"):
            raise ActionError(f"an artifact named {name!r} exists already in this run")
        shutil.rmtree(target)
    root = _common_root(files)
    for file in files:
        copy = target / file.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(file, copy)
    print(f"Uploaded {len(files)} files as {name}")
    write_output("artifact-id", name)


def download() -> None:
    """Copy one artifact into `path`, or every artifact into a folder of its own name below it."""
    source = shared_folder("MAKESPAN_ARTIFACT_FOLDER")
    path = workspace() / Path(read_input("path", ".") or ".").expanduser()
    wanted = read_input("name")
    if wanted:
        folder = source / _name(wanted)
        if not folder.is_dir():
            raise ActionError(f"no artifact named {wanted!r} in this run")
        shutil.copytree(folder, path, dirs_exist_ok=True)
    else:
        pattern = read_input("pattern", "*")
        for folder in sorted(source.glob(pattern or "*")):
            target = path if read_flag("merge-multiple") else path / folder.name
            shutil.copytree(folder, target, dirs_exist_ok=True)
    write_output("download-path", str(path))


def _files(paths: list[Path]) -> list[Path]:
    """Files among `paths` and below its folders; hidden ones only when asked for, as the action does."""
    hidden = read_flag("include-hidden-files")
    found: dict[Path, None] = {}
    for path in paths:
        below = [path] if path.is_file() else sorted(entry for entry in path.rglob("*") if entry.is_file())
        for file in below:
            parts = Path(os.path.relpath(file, workspace())).parts
            if hidden or not any(part.startswith(".") and part != ".." for part in parts):
                found[file] = None
    return list(found)


def _common_root(files: list[Path]) -> Path:
    """The least common ancestor, which the action makes the artifact's root."""
    return Path(os.path.commonpath([file.parent for file in files]))


def _name(name: str) -> str:
    if not name or name in (".", "..") or _FORBIDDEN.search(name):
        raise ActionError(f"not a valid artifact name: {name!r}")
    return name


if __name__ == "__main__":
    run_action({"upload": upload, "download": download})
