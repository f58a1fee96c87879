"""Regular expressions as GitLab runs them: RE2's syntax, translated for Python's engine where both agree.

RE2 is linear in the text; Python's engine is not. A pattern that could take long on a text is not run: its
answer is then unknown, never guessed.

Source: RE2's syntax page (github.com/google/re2/wiki/Syntax), GitLab's Gitlab::UntrustedRegexp::RubySyntax.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

_LITERAL = re.compile(r"/(?P<pattern>.*)/(?P<flags>[ismU]*)", re.DOTALL)
_REPEAT = re.compile(r"[*+?]|\{\d+(?:,\d*)?\}")
_GROUP = re.compile(r"\(\?(?P<flags>[ismU-]*)(?P<end>[:)])|\(\?P?<(?P<name>\w+)>|\((?!\?)")
_POSIX = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "digit": "0-9",
    "lower": "a-z",
    "upper": "A-Z",
    "space": r"\t\n\v\f\r ",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
# Escapes that mean the same to both engines.
_SAME_ESCAPES = frozenset("AbBdDsSwWtnrfvx")
# RE2 refuses more repetitions than this.
_MAX_REPEAT = 1000
# Steps a match may take in the worst case; Python does some ten million a second.
_MAX_STEPS = 5e6


class PatternError(ValueError):
    """GitLab refuses the pattern."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern that GitLab accepts.

    Attributes:
        source: As written, slashes and flags included.
    """

    source: str
    _compiled: re.Pattern[str] | None = field(repr=False, compare=False)
    _loops: int = field(repr=False, compare=False)

    def search(self, text: str) -> bool | None:
        """Whether the pattern occurs in a text; None when this engine cannot say so for certain or in time."""
        if self._compiled is None or float(len(text) + 1) ** (1 + self._loops) > _MAX_STEPS:
            return None
        return self._compiled.search(text) is not None


def parse_pattern(source: str) -> Pattern:
    r"""A pattern from `/text/flags`; `\/` stands for a slash.

    Raises:
        PatternError: Not between slashes, or not RE2's syntax (look-around, back-references).
    """
    found = _LITERAL.fullmatch(source)
    if found is None:
        raise PatternError(f"{source!r} is no pattern between slashes")
    translation = _Translation(found["pattern"].replace("\\/", "/"))
    text = translation.run()
    flags = "".join(sorted(set(found["flags"]) & set("ism")))
    if "m" in flags:
        text = text.replace(_END_OF_TEXT, "$")
    try:
        compiled = re.compile(f"(?{flags}:{text})" if flags else text, re.ASCII)
    except (re.error, OverflowError, RecursionError) as error:
        raise PatternError(f"{source!r} is no regular expression: {error}") from None
    exact = translation.exact and not translation.nested
    return Pattern(source, compiled if exact else None, translation.loops)


# What `$` means without the flag `m`; Python's `$` would also match before a last line break.
_END_OF_TEXT = r"(?:\Z)"


class _Translation:
    """One walk over a pattern.

    Attributes:
        exact: Whether Python's engine means the same.
        loops: Repetitions without an upper bound.
        nested: Whether a repetition lies in another or repeats alternatives: that can take exponential time.
    """

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._parts: list[str] = []
        # For every open group: whether a repetition or an alternative lies in it.
        self._busy = [False]
        self._closed_busy = False
        self.exact = True
        self.loops = 0
        self.nested = False

    def run(self) -> str:
        while self._at < len(self._pattern):
            self._step()
        return "".join(self._parts)

    def _step(self) -> None:
        character = self._pattern[self._at]
        if character == "\\":
            self._escape()
        elif character == "[":
            self._class()
        elif character == "(":
            self._open()
        elif character == ")":
            self._close()
        elif _REPEAT.match(self._pattern, self._at) and self._parts:
            self._repeat()
        else:
            if character == "|":
                self._busy[-1] = True
            self._take(_END_OF_TEXT if character == "$" else character, 1)

    def _take(self, text: str, length: int) -> None:
        self._parts.append(text)
        self._at += length
        self._closed_busy = False

    def _escape(self) -> None:
        letter = self._pattern[self._at + 1 : self._at + 2]
        if not letter:
            raise PatternError("a backslash ends the pattern")
        if letter.isdigit() or letter in "kK":
            raise PatternError("back-references are not supported")
        if letter == "z":
            self._take(r"\Z", 2)
        elif letter in "pPQCaGX":
            self.exact = False
            self._take("", 2)
        elif letter == "Z" or (letter.isalpha() and letter not in _SAME_ESCAPES):
            raise PatternError(f"'\\{letter}' is not supported")
        else:
            self._take(f"\\{letter}", 2)

    def _class(self) -> None:
        end = self._at + (2 if self._pattern[self._at + 1 : self._at + 2] == "^" else 1)
        start = end
        while end < len(self._pattern) and (self._pattern[end] != "]" or end == start):
            if self._pattern.startswith("[:", end) and ":]" in self._pattern[end:]:
                end = self._pattern.index(":]", end) + 2
            else:
                end += 2 if self._pattern[end] == "\\" else 1
        if end >= len(self._pattern):
            raise PatternError("a '[' is not closed")
        text = self._pattern[self._at : end + 1]
        inner = re.sub(r"\[:(\^?)(\w+):\]", self._posix, text[1:])
        if re.search(r"\\[pPQ]", inner):
            self.exact = False
        # `[`, `--`, `&&`, `||`, `~~` may get a meaning in Python's classes one day, and warn until then.
        self._take("[" + re.sub(r"(?<!\\)(\[|--|&&|\|\||~~)", r"\\\1", inner), len(text))

    def _posix(self, found: re.Match[str]) -> str:
        if found[1] or found[2] not in _POSIX:
            self.exact = False
            return ""
        return _POSIX[found[2]]

    def _open(self) -> None:
        found = _GROUP.match(self._pattern, self._at)
        if found is None:
            raise PatternError(f"{self._pattern[self._at : self._at + 4]!r} is not supported")
        self._take("(" if found["name"] is None and found["end"] is None else "(?:", len(found[0]))
        if found["end"] == ")" or found["flags"]:
            self.exact = False
        if found["end"] == ")":
            self._parts.append(")")
        else:
            self._busy.append(False)

    def _close(self) -> None:
        if len(self._busy) == 1:
            raise PatternError("a ')' closes nothing")
        busy = self._busy.pop()
        self._busy[-1] = self._busy[-1] or busy
        self._take(")", 1)
        self._closed_busy = busy

    def _repeat(self) -> None:
        found = _REPEAT.match(self._pattern, self._at)
        text = "" if found is None else found[0]
        if any(int(number) > _MAX_REPEAT for number in re.findall(r"\d+", text)):
            raise PatternError(f"{text} repeats more than {_MAX_REPEAT} times")
        if text != "?":
            self.nested = self.nested or self._closed_busy
            self.loops += 1
        self._busy[-1] = True
        lazy = self._pattern[self._at + len(text) : self._at + len(text) + 1] == "?"
        after = self._at + len(text) + lazy
        if _REPEAT.match(self._pattern, after):
            raise PatternError("a repetition of a repetition")
        self._take(text + "?" * lazy, len(text) + lazy)
