"""The `makespan` command: one module per command in `commands`, imported only when it is called."""

__all__ = ["commands", "main", "registry"]
