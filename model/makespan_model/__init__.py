"""The words every part of makespan shares: run records, identity, attribute names, units, errors, settings.

No module here imports anything outside the standard library, and none starts a thread, opens a
socket or reads a clock: the agent loads them inside other people's builds.
"""

__all__ = ["errors", "identity", "matching", "records", "settings", "units", "vocabulary"]
