"""Waiting for runners, apart from work: how long, at which load, and whether more runners would help."""

__all__ = ["starvation"]
