"""The history of runs: one contract, and the embedded store (a directory, no server)."""

__all__ = ["assembly", "contract", "embedded", "opening", "rows", "schema", "series"]
