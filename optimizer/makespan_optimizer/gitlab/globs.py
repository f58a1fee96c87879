"""Path patterns: those of `changes` and `exists`, and the coarser ones of `include:local`."""

from __future__ import annotations

import re
from functools import lru_cache

_MAX_ALTERNATIVES = 1000
_BRACKET = re.compile(r"\[([!^]?)(\]?[^\]/]*)\]")


@lru_cache(maxsize=1024)
def path_pattern(glob: str) -> re.Pattern[str]:
    """A pattern of `rules:changes` or `rules:exists`, to be used with `fullmatch`.

    Source: Ruby's File.fnmatch with FNM_PATHNAME, FNM_DOTMATCH and FNM_EXTGLOB, which GitLab calls.
    """
    return re.compile("|".join(_translated(alternative) for alternative in _alternatives(glob)), re.DOTALL)


@lru_cache(maxsize=256)
def include_pattern(location: str) -> re.Pattern[str]:
    """A pattern of `include:local`, to be used with `fullmatch` on paths without a leading slash.

    Source: GitLab's Repository#search_files_by_wildcard_path.
    """
    text = re.escape(location).replace(r"\*\*/", "(?:.*?/)?").replace(r"\*\*", ".*?").replace(r"\*", "[^/]*?")
    return re.compile(text)


def _alternatives(glob: str) -> list[str]:
    """Braces expanded: `{a,b}c` is `ac` or `bc`."""
    done: list[str] = []
    waiting = [glob]
    while waiting and len(done) + len(waiting) <= _MAX_ALTERNATIVES:
        current = waiting.pop()
        inner = re.search(r"\{([^{}]*)\}", current)
        if inner is None:
            done.append(current)
        else:
            waiting += [current[: inner.start()] + part + current[inner.end() :] for part in inner[1].split(",")]
    return done + waiting


def _translated(glob: str) -> str:
    parts: list[str] = []
    at = 0
    while at < len(glob):
        starts_part = at == 0 or glob[at - 1] == "/"
        if starts_part and glob.startswith("**/", at):
            parts.append("(?:[^/]+/)*")
            at += 3
            continue
        character = glob[at]
        bracket = _BRACKET.match(glob, at)
        if character == "*":
            while glob.startswith("*", at + 1):
                at += 1
            parts.append("[^/]*")
        elif character == "?":
            parts.append("[^/]")
        elif bracket is not None:
            parts.append(_character_class(bracket))
            at = bracket.end() - 1
        elif character == "\\" and at + 1 < len(glob):
            at += 1
            parts.append(re.escape(glob[at]))
        else:
            parts.append(re.escape(character))
        at += 1
    return "".join(parts)


def _character_class(bracket: re.Match[str]) -> str:
    inner = re.sub(r"([\[\\&|~^])", r"\\\1", bracket[2])
    text = f"(?!/)[{'^' if bracket[1] else ''}{inner}]"
    try:
        re.compile(text)
    except re.error:
        # A range that runs backwards matches nothing.
        return "(?!)"
    return text
