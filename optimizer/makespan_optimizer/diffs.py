"""Unified diffs of workflow files."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import SequenceMatcher

_CONTEXT_LINES = 3
# `str.splitlines` would also break at form feeds and U+2028, which no patch tool does.
_LINE = re.compile(r"[^\n]*\n|[^\n]+")


def unified_diff(before: str, after: str, *, file: str) -> str:
    """The diff that `patch` and `git apply` take; empty when the texts are equal.

    `difflib.unified_diff` is not used: it ignores lines that are frequent in long files, so that its
    hunks delete and add the same lines.
    """
    old, new = _LINE.findall(before), _LINE.findall(after)
    groups = list(SequenceMatcher(None, old, new, autojunk=False).get_grouped_opcodes(_CONTEXT_LINES))
    if not groups:
        return ""
    parts = [f"--- a/{file}\n+++ b/{file}\n"]
    for group in groups:
        old_range, new_range = _range(group[0][1], group[-1][2]), _range(group[0][3], group[-1][4])
        parts.append(f"@@ -{old_range} +{new_range} @@\n")
        for tag, start, end, new_start, new_end in group:
            if tag == "equal":
                parts += _marked(" ", old[start:end])
            else:
                parts += _marked("-", old[start:end])
                parts += _marked("+", new[new_start:new_end])
    return "".join(parts)


def _range(start: int, stop: int) -> str:
    """Line numbers of a hunk as POSIX `diff -u` writes them."""
    length = stop - start
    if length == 1:
        return f"{start + 1}"
    return f"{start + 1 if length else start},{length}"


def _marked(mark: str, lines: list[str]) -> Iterator[str]:
    for line in lines:
        ending = "" if line.endswith("\n") else "\n\\ No newline at end of file\n"
        yield f"{mark}{line}{ending}"
