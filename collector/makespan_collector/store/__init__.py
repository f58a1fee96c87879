"""The history of runs: one contract, and the embedded store (a directory, no server)."""

__all__ = ["assembly", "compaction", "contract", "embedded", "opening", "rows"]
