"""Whether rules let something run, as far as the situation is known.

Rules are taken in order; the first that matches decides. One that may or may not match leaves both ways open, so
a decision is the set of ways it can go.

Source: GitLab's Gitlab::Ci::Build::Rules, Gitlab::Ci::Build::Policy and its clauses.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from makespan_optimizer.gitlab.conditions import Condition
from makespan_optimizer.gitlab.evaluation import Anything, Known, holds
from makespan_optimizer.gitlab.events import Event
from makespan_optimizer.gitlab.globs import path_pattern
from makespan_optimizer.gitlab.patterns import PatternError, parse_pattern
from makespan_optimizer.gitlab.rules import Paths, Policy, Rule

# Past this many comparisons GitLab takes a clause for met.
_MAX_COMPARISONS = 50_000


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known where rules are looked at.

    Attributes:
        known: The variables, those of the event among them.
        event: What starts the pipeline; None when that is not known.
        files: Paths of the repository's files, for `exists`; None when not known.
        given: The variables that win over those in the file.
    """

    known: Known = field(default_factory=lambda: Known({}))
    event: Event | None = None
    files: tuple[str, ...] | None = None
    given: Mapping[str, str | None] = field(default_factory=dict)

    def within(self, values: Mapping[str, str | Anything | None]) -> Situation:
        """The same where the file sets variables: over predefined ones, under given ones."""
        known = Known({**self.known.values, **values, **self.given}, self.known.closed, self.known.inputs)
        return Situation(known, self.event, self.files, self.given)


@dataclass(frozen=True, slots=True)
class Way:
    """One way a decision can go.

    Attributes:
        when: The rule's, or the default; `never` for "not there".
        rule: The rule that decides; None when none matches or there are none.
    """

    when: str
    rule: Rule | None

    @property
    def allow_failure(self) -> bool | None:
        """What the rule says; None when it says nothing."""
        return None if self.rule is None else self.rule.allow_failure


@dataclass(frozen=True, slots=True)
class Decision:
    """All ways a decision can go; one when the situation decides it."""

    ways: tuple[Way, ...]

    @property
    def runs(self) -> bool | None:
        """Whether it is there; None when that depends on something unknown."""
        answers = {way.when != "never" for way in self.ways}
        return answers.pop() if len(answers) == 1 else None


def decide(rules: Iterable[Rule] | None, default_when: str, situation: Situation) -> Decision:
    """Which rule decides; without rules, the default."""
    if rules is None:
        return Decision((Way(default_when, None),))
    ways: dict[Way, None] = {}
    for rule in rules:
        matched = matches(rule, situation)
        if matched is False:
            continue
        ways[Way(rule.when or default_when, rule)] = None
        if matched:
            return Decision(tuple(ways))
    ways[Way("never", None)] = None
    return Decision(tuple(ways))


def included(rules: tuple[Rule, ...] | None, situation: Situation) -> bool | None:
    """Whether an include's rules let it in; None when that depends on something unknown."""
    return decide(rules, "always", situation).runs


def matches(rule: Rule, situation: Situation) -> bool | None:
    """Whether all clauses of a rule hold; None when that depends on something unknown."""
    answers: list[bool | None] = [None] if rule.unresolved else []
    if rule.condition is not None:
        answers.append(holds(rule.condition, situation.known))
    if rule.changes is not None:
        answers.append(_changed(rule.changes, situation))
    if rule.exists is not None:
        answers.append(_exists(rule.exists, situation))
    return all_hold(answers)


def admitted(only: Policy | None, excluded: Policy | None, situation: Situation) -> bool | None:
    """Whether `only` and `except` let a job in; a missing policy says nothing."""
    asked = [] if only is None else _clauses(only, situation)
    refused = None if excluded is None else any_holds(_clauses(excluded, situation))
    return all_hold([*asked, False if refused else None if refused is None and excluded is not None else True])


def all_hold(answers: Iterable[bool | None]) -> bool | None:
    """Three-valued "and"; True for none."""
    found = set(answers)
    return False if False in found else None if None in found else True


def any_holds(answers: Iterable[bool | None]) -> bool | None:
    """Three-valued "or"; False for none."""
    found = set(answers)
    return True if True in found else None if None in found else False


def _changed(clause: Paths, situation: Situation) -> bool | None:
    event = situation.event
    if event is None or clause.compare_to is not None:
        return None
    if not event.has_changes:
        # GitLab takes `changes` for met where there is nothing to compare with: tags, schedules, runs by hand.
        return True
    return _any_path(clause.paths, event.changed_paths, situation)


def _exists(clause: Paths, situation: Situation) -> bool | None:
    if clause.project is not None:
        return None
    return _any_path(clause.paths, situation.files, situation)


def _any_path(globs: tuple[str, ...], paths: tuple[str, ...] | None, situation: Situation) -> bool | None:
    if paths is None or any("$" in glob for glob in globs):
        filled = [_filled(glob, situation) for glob in globs]
        if paths is None or None in filled:
            return None
        globs = tuple(glob for glob in filled if glob is not None)
    if len(globs) * len(paths) > _MAX_COMPARISONS:
        return True
    return any(_matches_path(glob, path) for glob in globs for path in paths)


def _matches_path(glob: str, path: str) -> bool:
    if glob.endswith("/") and not any(mark in glob for mark in "*?[{"):
        return path.startswith(glob)
    return path_pattern(glob).fullmatch(path) is not None


def _filled(glob: str, situation: Situation) -> str | None:
    """Known variables put in; None when one is unknown. Undefined ones stay as they are written."""
    for name in sorted(situation.known.values, key=len, reverse=True):
        value = situation.known.values[name]
        if f"${name}" in glob or f"${{{name}}}" in glob:
            if value is not None and not isinstance(value, str):
                return None
            if value is not None:
                glob = glob.replace(f"${{{name}}}", value).replace(f"${name}", value)
    return glob if "$" not in glob or situation.known.closed else None


def _clauses(policy: Policy, situation: Situation) -> list[bool | None]:
    answers: list[bool | None] = []
    if policy.refs is not None:
        answers.append(any_holds(_ref(ref, situation.event) for ref in policy.refs))
    if policy.variables is not None:
        answers.append(any_holds(_condition(condition, situation) for condition in policy.variables))
    if policy.changes is not None:
        event = situation.event
        known = event is not None and (not event.has_changes or event.changed_paths is not None)
        changed = event.changed_paths if event is not None and event.has_changes else None
        answers.append(None if not known else changed is None or _any_path(policy.changes, changed, situation))
    if policy.kubernetes is not None:
        answers.append(None)
    return answers


def _condition(condition: Condition, situation: Situation) -> bool | None:
    return holds(condition, situation.known)


def _ref(written: str, event: Event | None) -> bool | None:
    pattern, at, _ = written.partition("@")
    if event is None or at:
        # `branch@group/project` asks for the project, which is not known here.
        return None
    if (pattern == "tags" and event.is_tag) or (pattern == "branches" and event.is_branch):
        return True
    if pattern in event.names:
        return True
    if not (event.is_branch or event.is_tag):
        return False
    ref = event.ref
    if pattern.startswith("/"):
        try:
            compiled = parse_pattern(pattern)
        except PatternError:
            return False if ref is None else pattern == ref
        return None if ref is None else compiled.search(ref)
    if pattern in ("tags", "branches"):
        return False
    return None if ref is None else pattern == ref
