"""Evaluates step conditions over every way a job's steps can fail, to see which steps run.

Status functions and `steps.ID.conclusion` are computed; any other comparison or value is unknown, and
tried both ways.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|&&|\|\||[!=<>]=|[!<>()\[\],]|[\w.*-]+|.)", re.DOTALL)
_STATUS = ("success", "failure", "always", "cancelled")
_STATUS_CALL = re.compile(r"\b(?:success|failure|always|cancelled)\s*\(", re.IGNORECASE)


class UnreadableConditionError(ValueError):
    """A condition this module cannot evaluate."""


@dataclass(frozen=True, slots=True)
class PlainStep:
    """What decides whether a step runs.

    Attributes:
        name: Identifies the step across the jobs that are compared.
        forgiving: Whether its failure does not count (`continue-on-error`).
    """

    name: str
    step_id: str | None
    condition: str | None
    forgiving: bool = False


@dataclass(slots=True)
class _State:
    """A job on its way."""

    cancelled: bool
    unknown: Callable[[str], bool]
    failed: bool = False
    conclusions: dict[str, str] = field(default_factory=dict)
    outcomes: dict[str, str] = field(default_factory=dict)


def run_steps(
    steps: Sequence[PlainStep], failing: Iterable[str], *, cancelled: bool, unknown: Callable[[str], bool]
) -> tuple[frozenset[str], bool]:
    """Which steps run, and whether the job fails.

    Args:
        steps: In order.
        failing: Names of steps that fail if they run.
        cancelled: Whether the run was cancelled before the first step.
        unknown: The truth of a comparison or value that is not computed here, by its text.

    Raises:
        UnreadableConditionError: A condition could not be evaluated.
    """
    state = _State(cancelled, unknown)
    bad = frozenset(failing)
    ran: set[str] = set()
    for step in steps:
        outcome = "skipped"
        if _holds(step.condition, state):
            ran.add(step.name)
            outcome = "failure" if step.name in bad else "success"
        conclusion = "success" if outcome == "failure" and step.forgiving else outcome
        state.failed = state.failed or conclusion == "failure"
        if step.step_id is not None:
            state.outcomes[step.step_id.lower()] = outcome
            state.conclusions[step.step_id.lower()] = conclusion
    return frozenset(ran), state.failed


def unknowns(conditions: Iterable[str | None]) -> frozenset[str]:
    """Texts of the parts of some conditions that are tried both ways.

    Raises:
        UnreadableConditionError: A condition could not be evaluated.
    """
    found: set[str] = set()

    def note(text: str) -> bool:
        found.add(text)
        return True

    for condition in conditions:
        _holds(condition, _State(cancelled=False, unknown=note))
    return frozenset(found)


def _holds(condition: str | None, state: _State) -> bool:
    implicit = not state.failed and not state.cancelled
    if condition is None:
        return implicit
    text = condition.strip()
    if text.startswith("${{") and text.endswith("}}") and text.count("${{") == 1:
        text = text[3:-2].strip()
    if "${{" in text:
        raise UnreadableConditionError(condition)
    value = _Evaluation(text, state).value()
    return value if _STATUS_CALL.search(text) else implicit and value


class _Evaluation:
    """Recursive descent over `||`, `&&`, comparisons, `!` and primaries; both sides are always read."""

    def __init__(self, text: str, state: _State) -> None:
        self._tokens = [match[1] for match in _TOKEN.finditer(text) if match[1].strip()]
        self._position = 0
        self._state = state

    def value(self) -> bool:
        result = self._or()
        if self._position < len(self._tokens):
            raise UnreadableConditionError("".join(self._tokens))
        return self._truth(result)

    def _peek(self) -> str:
        return self._tokens[self._position] if self._position < len(self._tokens) else ""

    def _take(self) -> str:
        token = self._peek()
        self._position += 1
        return token

    def _truth(self, value: object) -> bool:
        if isinstance(value, _Unknown):
            return self._state.unknown(value.text)
        return bool(value)

    def _or(self) -> object:
        result = self._and()
        while self._peek() == "||":
            self._take()
            right = self._truth(self._and())
            result = self._truth(result) or right
        return result

    def _and(self) -> object:
        result = self._comparison()
        while self._peek() == "&&":
            self._take()
            right = self._truth(self._comparison())
            result = self._truth(result) and right
        return result

    def _comparison(self) -> object:
        start = self._position
        left = self._unary()
        if self._peek() not in ("==", "!=", "<", ">", "<=", ">="):
            return left
        operator = self._take()
        right = self._unary()
        if isinstance(left, str) and isinstance(right, str) and operator in ("==", "!="):
            # GitHub compares strings without case.
            return (left.lower() == right.lower()) == (operator == "==")
        return _Unknown(" ".join(self._tokens[start : self._position]))

    def _unary(self) -> object:
        if self._peek() == "!":
            self._take()
            return not self._truth(self._unary())
        return self._primary()

    def _primary(self) -> object:
        start = self._position
        word = self._take()
        if word == "(":
            result = self._or()
            self._expect(")")
            return result
        if word.startswith("'"):
            return word[1:-1].replace("''", "'")
        if not re.match(r"[\w.]", word):
            raise UnreadableConditionError("".join(self._tokens))
        if self._peek() == "(":
            return self._call(word, start)
        while self._peek() == "[":
            self._skip("[", "]")
        return self._known(word, start)

    def _known(self, token: str, start: int) -> object:
        if self._position == start + 1:
            if token.lower() in ("true", "false"):
                return token.lower() == "true"
            match = re.fullmatch(r"steps\.([\w-]+)\.(conclusion|outcome)", token, re.IGNORECASE)
            if match:
                source = self._state.conclusions if match[2].lower() == "conclusion" else self._state.outcomes
                return source.get(match[1].lower(), "")
        return _Unknown(" ".join(self._tokens[start : self._position]))

    def _call(self, name: str, start: int) -> object:
        self._skip("(", ")")
        values: Mapping[str, bool] = {
            "success": not self._state.failed and not self._state.cancelled,
            "failure": self._state.failed,
            "always": True,
            "cancelled": self._state.cancelled,
        }
        if name.lower() in _STATUS:
            return values[name.lower()]
        return _Unknown(" ".join(self._tokens[start : self._position]))

    def _skip(self, opening: str, closing: str) -> None:
        self._expect(opening)
        depth = 1
        while depth:
            token = self._take()
            if not token:
                raise UnreadableConditionError("".join(self._tokens))
            depth += (token == opening) - (token == closing)

    def _expect(self, token: str) -> None:
        if self._take() != token:
            raise UnreadableConditionError("".join(self._tokens))


@dataclass(frozen=True, slots=True)
class _Unknown:
    text: str
