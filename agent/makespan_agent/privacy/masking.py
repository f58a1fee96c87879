"""Command arguments and variables as they may be recorded: every secret in them becomes `***`.

When in doubt it masks: a word too many lost is a nuisance, one too few a leak.
"""

from __future__ import annotations

import re

from makespan_agent.privacy.secret_names import is_secret_name, secret_values
from makespan_agent.privacy.secret_options import announces_secret, attached_option, secret_options
from makespan_agent.privacy.secret_shapes import MASK, mask_shapes

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MIN_LENGTH = 4
"""Shorter values ("1", "yes") stand in half of all words; they are masked where they are a whole value."""
_MAX_ARGUMENTS_TEXT = 64 * 1024
_MAX_VARIABLE_TEXT = 4096
_MAX_NESTING = 4
"""`bash -c "ssh host 'sh -c …'"`."""

_ASSIGNMENT = re.compile(r"""(["']?-{0,2}[A-Za-z_][\w.\[\]-]*)=(.*)""", re.DOTALL)
_HEADER = re.compile(r"""(["']?[A-Za-z][\w-]*):\s*\S.*""", re.DOTALL)
_FIELD = re.compile(r"""([A-Za-z_][\w.-]*)\\?["']?\s*[:=]\s*(?=[^\s])""")
_FIELD_VALUE = re.compile(r"""\\?"(?:[^"\\]|\\.)*"?|'[^']*'?|[^\s"'&;,}]+""", re.DOTALL)
_SHELL_WORD = re.compile(r"""(?:"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\]|["'\\])+""", re.DOTALL)


class Masking:
    """Masks what one environment and our knowledge of secrets call secret.

    Args:
        environment: Its variables with secret names lend their values; see `secret_values`.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self._secrets = secret_values(environment)
        self._short = frozenset(value for value in self._secrets.values() if len(value) < _MIN_LENGTH)
        forms = {form for value in self._secrets.values() for form in _forms(value) if len(form) >= _MIN_LENGTH}
        # Longest first: a value that contains another must not be left in part.
        self._forms = sorted(forms, key=len, reverse=True)

    def arguments(self, words: Sequence[str]) -> list[str]:
        """A command line, masked word by word; beyond 64 KiB the rest is only counted."""
        masked = self._sequence(words, nesting=0)
        total = 0
        for position, word in enumerate(masked):
            total += len(word)
            if total > _MAX_ARGUMENTS_TEXT:
                return [*masked[:position], f"(and {len(masked) - position} more words)"]
        return masked

    def variables(self, names: Sequence[str]) -> dict[str, str]:
        """Those of the named variables that are set; values over 4 KiB are cut."""
        found = {}
        for name in names:
            value = self._environment.get(name)
            if value is not None:
                is_secret = name in self._secrets or is_secret_name(name)
                found[name] = MASK if is_secret else self._word(value, (), _MAX_NESTING)[:_MAX_VARIABLE_TEXT]
        return found

    def _sequence(self, words: Sequence[str], nesting: int) -> list[str]:
        options = secret_options(words)
        masked: list[str] = []
        is_secret = False
        for word in words:
            masked.append(MASK if is_secret else self._word(word, options, nesting))
            is_secret = not is_secret and announces_secret(word, options)
        return masked

    def _word(self, word: str, options: tuple[str, ...], nesting: int) -> str:
        option = attached_option(word, options)
        if option is not None:
            return option + MASK
        if word in self._short:
            return MASK
        assignment = _ASSIGNMENT.fullmatch(word)
        if assignment and (is_secret_name(assignment[1]) or assignment[2] in self._short):
            return f"{self._without_values(assignment[1])}={MASK}"
        if assignment and word.startswith("-") and nesting < _MAX_NESTING:
            return f"{self._without_values(assignment[1])}={self._word(assignment[2], (), nesting + 1)}"
        header = _HEADER.fullmatch(word)
        if header and is_secret_name(header[1]) and not word.startswith(f"{header[1]}://"):
            return f"{self._without_values(header[1])}: {MASK}"
        text = self._without_values(word)
        if nesting < _MAX_NESTING and any(map(str.isspace, text)):
            text = self._script(text, nesting + 1)
        return mask_shapes(_mask_fields(text))

    def _script(self, text: str, nesting: int) -> str:
        """A word with blanks in it is text or a script: its own words are masked like arguments."""
        whole = text.strip()
        quote = whole[:1]
        if quote in ("'", '"') and _SHELL_WORD.fullmatch(whole):
            return text.replace(whole, quote + self._script(whole[1:-1], nesting) + quote, 1)
        matches = list(_SHELL_WORD.finditer(text))
        words = [match.group() for match in matches]
        if len(words) < 2:
            return text
        masked = self._sequence(words, nesting)
        parts, end = [], 0
        for match, word in zip(matches, masked, strict=True):
            parts += [text[end : match.start()], word]
            end = match.end()
        return "".join(parts) + text[end:]

    def _without_values(self, text: str) -> str:
        for form in self._forms:
            text = text.replace(form, MASK)
        return text


def _forms(value: str) -> list[str]:
    """A value as it may stand in a command: itself, each of its lines, and in the usual encodings."""
    from base64 import b64encode
    from urllib.parse import quote, quote_plus

    data = value.encode("utf-8", "surrogateescape")
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    lines = [line.strip() for line in value.splitlines()]
    return [
        value,
        value.strip(),
        *lines,
        escaped,
        quote(data),
        quote(data, safe=""),
        quote_plus(data),
        b64encode(data).decode().rstrip("="),
    ]


def _mask_fields(text: str) -> str:
    """Mask the values of fields with secret names: of JSON, of YAML, of a query string, of a connection string."""
    parts, position = [], 0
    while name := _FIELD.search(text, position):
        parts.append(text[position : name.end()])
        position = name.end()
        value = _FIELD_VALUE.match(text, position) if is_secret_name(name[1]) else None
        if value:
            parts.append(MASK)
            position = value.end()
    return "".join(parts) + text[position:]
