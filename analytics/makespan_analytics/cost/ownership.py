"""Who owns a file, from CODEOWNERS, and so which team a run's cost belongs to.

The patterns are matched by the package `codeowners`, which does not know GitLab's sections with default owners nor
comments behind a rule; those are resolved here before it sees the file.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from codeowners import CodeOwners

from makespan_analytics.cost.pipeline_costs import UNKNOWN, CostShare, RunCost, cost_by_parts
from makespan_model.errors import InputError
from makespan_model.records import PipelineRun

PLACES = (".github/CODEOWNERS", "CODEOWNERS", "docs/CODEOWNERS", ".gitlab/CODEOWNERS")
"""Where it is looked for, the first that exists wins (GitHub: About code owners; GitLab: Code Owners)."""
UNOWNED = "unowned"
"""The key of files that no rule gives to anybody."""
_MOST_BYTES = 3 * 1024 * 1024
"""GitHub does not load a larger one either."""
_MOST_STARS = 8
"""Each run of stars becomes a repetition in a regular expression, and many of them take time without bound."""
_SECTION = re.compile(r"^\^?\[[^\]]+\](?:\[\d+\])?(?P<owners>(?:\s+\S+)*)\s*$")


class Owners:
    """The rules of one CODEOWNERS file.

    Args:
        text: Its content.
        place: What messages call it.

    Raises:
        InputError: It is too large, or a pattern cannot be; with its line.
    """

    def __init__(self, text: str, *, place: str = "CODEOWNERS") -> None:
        if len(text.encode("utf-8", "surrogateescape")) > _MOST_BYTES:
            raise InputError(f"{place} is larger than {_MOST_BYTES} bytes")
        self._rules = CodeOwners("\n".join(_plain_rules(text, place)))
        self._known: dict[str, tuple[str, ...]] = {}

    def of(self, path: str) -> tuple[str, ...]:
        """Owners of a file by its path from the repository's root; the last rule that matches decides."""
        if path not in self._known:
            self._known[path] = tuple(sorted({name for _, name in self._rules.of(path.lstrip("/"))}))
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
        InputError: The file cannot be read or a pattern cannot be.
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


def _plain_rules(text: str, place: str) -> Iterable[str]:
    """One rule or empty line for each line, so that line numbers stay."""
    section_owners = ""
    for number, line in enumerate(text.splitlines(), 1):
        # A comment begins at the start or after white space; `\\#` begins a file name.
        rule = re.sub(r"(^|\s)#.*$", "", line).strip()
        section = _SECTION.match(rule)
        if section:
            section_owners = section["owners"]
            yield ""
            continue
        pattern, _, names = rule.replace("\\ ", "\0").partition(" ")
        if rule and not names.strip():
            rule += section_owners
        if len(re.findall(r"\*+", pattern)) > _MOST_STARS:
            raise InputError(f"{place}:{number}: {pattern!r} has more than {_MOST_STARS} wildcards")
        try:
            CodeOwners(rule)
        except (re.error, ValueError, IndexError) as error:
            raise InputError(f"{place}:{number}: {error}") from error
        yield rule
