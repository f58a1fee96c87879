"""The answer to one question about this machine."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at.

    Attributes:
        name: What it is, a word or two; the key in JSON.
        is_ok: Whether it is there and works.
        found: What was found, one sentence or a version.
        advice: What to do about it; empty when it is ok.
        is_needed: Whether measuring steps is impossible without it.
    """

    name: str
    is_ok: bool
    found: str
    advice: str = ""
    is_needed: bool = False

    def __post_init__(self) -> None:
        if self.is_ok == bool(self.advice):
            raise ValueError(f"{self.name}: advice belongs to what is missing, and only to that")

    @property
    def fails(self) -> bool:
        """Whether the machine cannot do without it."""
        return self.is_needed and not self.is_ok
