"""Where things stand in a workflow file."""

from __future__ import annotations

from dataclasses import dataclass, field

from makespan_optimizer.yaml.nodes import AnyNode

Pairs = tuple[tuple[str, str], ...]
"""An ordered mapping of scalars as text."""


@dataclass(frozen=True, slots=True)
class Span:
    """Characters `start` to `end` of the file; `line` and `column` (1-based) of the start."""

    start: int
    end: int
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class OtherKey:
    """A key that this model has no field for: kept, so that nobody takes what is not understood for absent.

    Attributes:
        owner: What has the key, for messages.
        known: Keys that the model has fields for there.
        span: The key and its value.
    """

    name: str
    owner: str = field(compare=False)
    known: tuple[str, ...] = field(repr=False, compare=False)
    span: Span = field(compare=False)
    value: AnyNode = field(repr=False, compare=False)
