"""Files of a configuration put together: local includes read from the repository, others named as unread."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from makespan_optimizer.gitlab.decisions import Situation, included
from makespan_optimizer.gitlab.fields import Fields, Unknown
from makespan_optimizer.gitlab.globs import include_pattern
from makespan_optimizer.gitlab.includes import Include, read_includes
from makespan_optimizer.gitlab.inputs import InputSpec, interpolated, read_inputs
from makespan_optimizer.gitlab.loading import Source, load
from makespan_optimizer.gitlab.triggers import Trigger
from makespan_optimizer.gitlab.values import Table, deep_merged
from makespan_optimizer.repository import Repository

# GitLab's default (application setting ci_max_includes), nested includes counted.
MAX_INCLUDES = 150
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)\})")

Status = Literal["read", "skipped", "unread"]


@dataclass(frozen=True, slots=True)
class Inclusion:
    """What became of one entry of `include`.

    Attributes:
        files: The paths it stands for, where they are in the repository.
        certain: Whether its rules are decided; an undecided one is read, or named as unread.
        reason: Why it is `skipped` or `unread`; empty when read.
    """

    include: Include
    status: Status
    files: tuple[str, ...]
    certain: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Assembly:
    """All files of a configuration.

    Attributes:
        config: Merged: later files over earlier ones, the file itself over all.
        sources: What was read, by path; the file itself first.
        inputs: What the file's own header declares.
    """

    config: Table
    sources: dict[str, Source]
    inclusions: tuple[Inclusion, ...]
    inputs: tuple[InputSpec, ...]

    @property
    def complete(self) -> bool:
        """Whether everything it includes was read."""
        return all(inclusion.status != "unread" for inclusion in self.inclusions)


def assemble(text: str, *, file: str, repository: Repository, situation: Situation, unknown: list[Unknown]) -> Assembly:
    """Read a file and what it includes.

    Raises:
        WorkflowError: A file that cannot be read, does not exist, includes itself, or is one of too many.
    """
    assembling = _Assembling(repository, situation, unknown)
    source = load(text, file=file)
    assembling.sources[file] = source
    inputs = read_inputs(source.header, unknown)
    config = assembling.expanded(interpolated(source.content, inputs, None, None, unknown), (file,))
    return Assembly(config, assembling.sources, tuple(assembling.inclusions), inputs)


def assemble_child(
    trigger: Trigger, *, repository: Repository, situation: Situation, unknown: list[Unknown]
) -> Assembly:
    """Read what a job's `trigger:include` names: the configuration of a child pipeline.

    Raises:
        WorkflowError: As `assemble`.
    """
    assembling = _Assembling(repository, situation, unknown)
    config = assembling.merged(trigger.includes, (), Table({}, {}, trigger.place))
    return Assembly(config, assembling.sources, tuple(assembling.inclusions), ())


class _Assembling:
    def __init__(self, repository: Repository, situation: Situation, unknown: list[Unknown]) -> None:
        self._repository = repository
        self._situation = situation
        self._unknown = unknown
        self._count = 0
        self._texts: dict[str, str | None] = {}
        self.sources: dict[str, Source] = {}
        self.inclusions: list[Inclusion] = []

    def expanded(self, config: Table, path: tuple[str, ...]) -> Table:
        """A file's configuration over what it includes."""
        includes = read_includes(Fields(config, "the configuration", self._unknown))
        return self.merged(includes, path, config.without("include"))

    def merged(self, includes: tuple[Include, ...], path: tuple[str, ...], own: Table) -> Table:
        """What is included, in order, and the file's own keys over it."""
        result: Table | None = None
        for include in includes:
            for table in self._tables(include, path):
                result = table if result is None else deep_merged(result, table)
        return own if result is None else deep_merged(result, own)

    def _tables(self, include: Include, path: tuple[str, ...]) -> list[Table]:
        decided = included(include.rules, self._situation_of(include))
        if decided is False:
            self.inclusions.append(Inclusion(include, "skipped", (), True, "its rules exclude it"))
            return []
        files, reason = self._files(include)
        if reason:
            self.inclusions.append(Inclusion(include, "unread", (), decided is True, reason))
            return []
        self.inclusions.append(Inclusion(include, "read", files, decided is True, ""))
        return [self._table(include, name, path) for name in files]

    def _situation_of(self, include: Include) -> Situation:
        """With the repository's files where a rule asks for them: listing a large repository takes its time."""
        if any(rule.exists is not None for rule in include.rules or ()):
            return replace(self._situation, files=self._repository.paths())
        return self._situation

    def _files(self, include: Include) -> tuple[tuple[str, ...], str]:
        """The files an entry stands for, or why they cannot be read."""
        if include.kind != "local":
            return (), "it does not lie in this repository"
        location, missing = self._filled(include.location)
        if missing:
            return (), f"the variable {missing} is not known"
        location = location.lstrip("/")
        if not location.lower().endswith((".yml", ".yaml")):
            raise include.place.error(f"the included file {location!r} has no YAML extension")
        if "*" not in location:
            absent = self._text(location) is None and self._repository.paths() is None
            return ((), "the repository is not at hand") if absent else ((location,), "")
        paths = self._repository.paths()
        if paths is None:
            return (), "the repository is not at hand"
        pattern = include_pattern(location)
        # GitLab leaves out what a pattern finds again.
        return tuple(name for name in paths if pattern.fullmatch(name) and name not in self.sources), ""

    def _text(self, name: str) -> str | None:
        if name not in self._texts:
            self._texts[name] = self._repository.read(name)
        return self._texts[name]

    def _filled(self, location: str) -> tuple[str, str | None]:
        """The location with known variables put in, and the first that is not known."""
        known = self._situation.known
        for plain, braced in _VARIABLE.findall(location):
            values = known.outcomes(plain or braced)
            if any(not isinstance(value, str) and value is not None for value in values):
                return location, plain or braced

        def value(found: re.Match[str]) -> str:
            return "".join(each for each in known.outcomes(found[1] or found[2]) if isinstance(each, str))

        return _VARIABLE.sub(value, location), None

    def _table(self, include: Include, name: str, path: tuple[str, ...]) -> Table:
        self._count += 1
        if self._count > MAX_INCLUDES:
            raise include.place.error(f"more than {MAX_INCLUDES} files are included")
        if name in path:
            raise include.place.error(f"{name!r} includes itself: {' -> '.join((*path, name))}")
        source = self.sources.get(name)
        if source is None:
            text = self._text(name)
            if text is None:
                raise include.place.error(f"the included file {name!r} does not exist in this repository")
            source = load(text, file=name)
            self.sources[name] = source
        specs = read_inputs(source.header, self._unknown)
        config = interpolated(source.content, specs, include.inputs, include.place, self._unknown)
        return self.expanded(config, (*path, name))
