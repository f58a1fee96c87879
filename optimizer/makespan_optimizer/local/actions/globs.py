"""Path patterns of actions, as their toolkit reads them (npm @actions/glob 0.5).

One pattern a line; `!` takes away what the lines before it matched; `#` starts a comment line; `~` is
the home folder; `*`, `?` and `[…]` stay within one folder and `**` does not; hidden names match too.
"""

from __future__ import annotations

import glob
import itertools
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_MAGIC = re.compile(r"[*?[]")


@dataclass(frozen=True, slots=True)
class Pattern:
    """One line.

    Attributes:
        glob: The absolute pattern, without `!`.
        search_path: Its part before the first folder with a wildcard: where the toolkit starts to search.
    """

    glob: str
    search_path: Path
    excludes: bool


def read_patterns(text: str, workspace: Path) -> list[Pattern]:
    """The lines of a `path:` input."""
    lines = (line for line in map(str.strip, text.splitlines()) if line and not line.startswith("#"))
    return [_read(line, workspace) for line in lines]


def _read(line: str, workspace: Path) -> Pattern:
    written = Path(os.path.normpath(Path(line.removeprefix("!").strip()).expanduser()))
    # Only what was written is a pattern: the workspace's own name is none, whatever characters it holds.
    absolute = str(written) if written.is_absolute() else f"{glob.escape(str(workspace))}/{written}"
    literal = itertools.takewhile(lambda part: not _MAGIC.search(part), written.parts)
    return Pattern(absolute, Path(os.path.normpath(workspace.joinpath(*literal))), line.startswith("!"))


def matches(patterns: list[Pattern], *, with_descendants: bool) -> list[Path]:
    """Existing paths that match, each once, in the order they were found.

    Args:
        patterns: Later ones win.
        with_descendants: Whether a folder that matches stands for every file and folder below it.
    """
    found: dict[Path, None] = {}
    for pattern in patterns:
        for path in _expand(pattern.glob, with_descendants=with_descendants):
            if pattern.excludes:
                found.pop(path, None)
            else:
                found[path] = None
    return list(found)


def _expand(pattern: str, *, with_descendants: bool) -> Iterator[Path]:
    # Path.glob takes no absolute pattern.
    for match in sorted(glob.glob(pattern, recursive=True, include_hidden=True)):  # noqa: PTH207
        path = Path(os.path.normpath(match))
        yield path
        if with_descendants and path.is_dir() and not path.is_symlink():
            for folder, folders, files in os.walk(path):
                folders.sort()
                yield from (Path(folder, name) for name in sorted([*folders, *files]))
