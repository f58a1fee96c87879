"""Stand-in for `actions/upload-artifact` and `actions/download-artifact` within one run."""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path

from makespan_optimizer.local.actions.globs import Pattern, matches, read_patterns
from makespan_optimizer.local.actions.protocol import (
    ActionError,
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
    patterns = read_patterns(read_input("path"), workspace())
    if not patterns:
        raise ActionError("the input path is required")
    target = shared_folder("MAKESPAN_ARTIFACT_FOLDER") / name
    files = _visible(path for path in matches(patterns, with_descendants=True) if path.is_file())
    if not files:
        message = f"no files were found with the path {read_input('path')!r}"
        policy = read_input("if-no-files-found", "warn")
        if policy == "error":
            raise ActionError(message)
        if policy != "ignore":
            print(f"::warning::{message}")
        return
    _place(files, _root(patterns, files), target, overwrite=read_flag("overwrite"))
    print(f"Uploaded {len(files)} files as {name}")
    write_output("artifact-id", name)


def download() -> None:
    """Copy one artifact into `path`, or every artifact into a folder of its own name below it."""
    for elsewhere in ("run-id", "repository", "artifact-ids"):
        if read_input(elsewhere):
            raise ActionError(f"{elsewhere}: only artifacts of this run, by name or pattern, can be downloaded here")
    source = shared_folder("MAKESPAN_ARTIFACT_FOLDER")
    path = workspace() / Path(read_input("path") or ".").expanduser()
    wanted = read_input("name")
    if wanted:
        folder = source / _name(wanted)
        if not folder.is_dir():
            raise ActionError(f"no artifact named {wanted!r} in this run")
        shutil.copytree(folder, path, dirs_exist_ok=True)
    else:
        pattern = read_input("pattern") or "*"
        found = sorted(source.iterdir()) if source.is_dir() else []
        # Names are matched, not paths: a pattern must not lead out of the folder.
        for folder in (each for each in found if fnmatchcase(each.name, pattern)):
            target = path if read_flag("merge-multiple") else path / folder.name
            shutil.copytree(folder, target, dirs_exist_ok=True)
    write_output("download-path", str(path))


def _place(files: list[Path], root: Path, target: Path, *, overwrite: bool) -> None:
    """Copy beside the target and rename: nobody downloads half an artifact, and one of two equal names fails."""
    unfinished = target.parent.with_name(f"{target.parent.name}.unfinished-{os.getpid()}-{os.urandom(4).hex()}")
    try:
        for file in files:
            copy = unfinished / file.relative_to(root)
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(file, copy)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            if not overwrite:
                raise ActionError(f"an artifact named {target.name!r} exists already in this run")
            shutil.rmtree(target)
        unfinished.rename(target)
    except OSError as error:
        if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
            raise ActionError(f"an artifact named {target.name!r} exists already in this run") from error
        raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _visible(paths: Iterable[Path]) -> list[Path]:
    """Hidden files and files in hidden folders only when asked for, as the action does since version 4.4."""
    if read_flag("include-hidden-files"):
        return list(paths)
    here = workspace()
    return [
        path
        for path in paths
        if not any(part.startswith(".") and part != ".." for part in Path(os.path.relpath(path, here)).parts)
    ]


def _root(patterns: list[Pattern], files: list[Path]) -> Path:
    """What becomes the artifact's root (actions/upload-artifact, src/shared/search.ts).

    The place where the search started; with several, their least common ancestor; for one file its folder.
    """
    searched = {pattern.search_path for pattern in patterns if not pattern.excludes}
    if len(searched) == 1:
        only = searched.pop()
        return only.parent if only in files else only
    return Path(os.path.commonpath([path.parent if path in files else path for path in searched]))


def _name(name: str) -> str:
    if not name or name in (".", "..") or _FORBIDDEN.search(name):
        raise ActionError(f"not a valid artifact name: {name!r}")
    return name


if __name__ == "__main__":
    run_action({"upload": upload, "download": download})
