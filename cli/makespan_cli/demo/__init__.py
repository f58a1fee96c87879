"""The whole loop on a real project: measure, diagnose, rewrite, run again, compare."""

__all__ = ["experiment", "fetching", "outcome", "verdicts"]
