"""Who owns a file, from CODEOWNERS, and so which team a run's cost belongs to.

The rules are GitHub's (About code owners) with GitLab's sections (Code Owners syntax). The package `codeowners` is not
used: it matches by regular expressions that backtrack, so that a rule with eight wildcards holds it up for
hours, and knows neither default owners of sections nor comments behind a rule. Here a path is matched segment by
segment, in time proportional to pattern times path.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from makespan_analytics.cost.pipeline_costs import UNKNOWN, CostShare, RunCost, cost_by_parts
from makespan_model.errors import InputError
from makespan_model.records import PipelineRun

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")
"""Where it is looked for, the first that exists wins (GitHub: About code owners; GitLab: Code Owners)."""
UNOWNED = "unowned"
"""The key of files that no rule gives to anybody."""
_MOST_BYTES = 3 * 1024 * 1024
"""GitHub does not load a larger one either."""
_OWNER = re.compile(r"^(?:@\S+|[^\s@]+@\S+)$")
_SECTION = re.compile(r"^\^?\[[^\]]+\](?:\[\d+\])?(?P<owners>(?:\s+\S+)*)\s*$")


class Owners:
    """The rules of one CODEOWNERS file.

    Args:
        text: Its content.
        place: What messages call it.

    Raises:
        InputError: It is too large.
    """

    def __init__(self, text: str, *, place: str = "CODEOWNERS") -> None:
        if len(text.encode("utf-8", "surrogateescape")) > _MOST_BYTES:
            raise InputError(f"{place} is larger than {_MOST_BYTES} bytes")
        self._rules = tuple(_rules(text))[::-1]
        self._known: dict[str, tuple[str, ...]] = {}

    def of(self, path: str) -> tuple[str, ...]:
        """Owners of a file by its path from the repository's root; the last rule that matches decides."""
        if path not in self._known:
            segments = tuple(path.strip("/").split("/"))
            self._known[path] = next((rule.owners for rule in self._rules if rule.matches(segments)), ())
        return self._known[path]

    def parts(self, paths: Iterable[str]) -> Mapping[str, float]:
        """How much of a change belongs to whom: each file counts alike, each of its owners alike."""
        parts: Counter[str] = Counter()
        found = list(paths)
        for path in found:
            owners = self.of(path) or (UNOWNED,)
            for owner in owners:
                parts[owner] += 1 / len(owners) / len(found)  # type: ignore[assignment]
        return parts or {UNKNOWN: 1.0}


def find_owners(root: Path) -> Owners | None:
    """The rules of a checkout; None where it has no CODEOWNERS.

    Raises:
        InputError: The file cannot be read, or is too large.
    """
    for name in PLACES:
        path = root / name
        if not path.is_file():
            continue
        try:
            if path.stat().st_size > _MOST_BYTES:
                raise InputError(f"{path} is larger than {_MOST_BYTES} bytes")
            text = path.read_text("utf-8", "surrogateescape")
        except OSError as error:
            raise InputError(f"{path}: {error}") from error
        return Owners(text, place=str(path))
    return None


def cost_by_owner(
    costs: Iterable[RunCost], owners: Owners, changed_paths: Callable[[PipelineRun], Iterable[str]]
) -> list[CostShare]:
    """Sums by owner of the files that the run's commit changed; `UNKNOWN` where nobody says which those are.

    Args:
        costs: Priced runs.
        owners: The rules.
        changed_paths: The files a run is about; empty when unknown.
    """
    return cost_by_parts(costs, lambda run: owners.parts(changed_paths(run)))


@dataclass(frozen=True, slots=True)
class _Rule:
    """One line: a pattern by its segments, and who owns what it matches.

    Attributes:
        is_directory: It ends with a slash and matches what is below alone.
        is_flat: It ends with `/*` and matches what is directly in there, not below.
    """

    segments: tuple[str, ...]
    is_directory: bool
    is_flat: bool
    owners: tuple[str, ...]

    def matches(self, path: tuple[str, ...]) -> bool:
        """Whether it matches the path or a directory the path is in."""
        reached = {0}
        for segment in self.segments:
            if segment == "**":
                reached = set(range(min(reached), len(path) + 1))
            else:
                reached = {place + 1 for place in reached if place < len(path) and fnmatchcase(path[place], segment)}
            if not reached:
                return False
        if self.is_flat:
            return len(path) in reached
        return not self.is_directory or min(reached) < len(path)


def _rules(text: str) -> Iterable[_Rule]:
    section_owners: tuple[str, ...] = ()
    for line in text.splitlines():
        # A comment begins at the start or after white space; `\\#` begins a file name.
        rule = re.sub(r"(^|\s)#.*$", "", line).strip()
        section = _SECTION.match(rule)
        if section:
            section_owners = _owners(section["owners"].split())
        elif rule:
            # White space that is escaped belongs to the name.
            pattern, *names = re.findall(r"(?:\\.|\S)+", rule)
            yield _rule(pattern, _owners(names) if names else section_owners)


def _rule(pattern: str, owners: tuple[str, ...]) -> _Rule:
    # Square brackets are no wildcard in CODEOWNERS.
    plain = re.sub(
        r"\\(.)", lambda found: f"[{found[1]}]" if found[1] in "*?" else found[1], pattern.replace("[", "[[]")
    )
    segments = tuple(part for part in plain.split("/") if part)
    is_anchored = "/" in plain.rstrip("/")
    return _Rule(
        segments=segments if is_anchored else ("**", *segments),
        is_directory=plain.endswith("/"),
        is_flat=plain.endswith("/*"),
        owners=owners,
    )


def _owners(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({name for name in names if _OWNER.match(name)}))
