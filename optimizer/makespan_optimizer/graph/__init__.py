"""What a workflow's jobs have to do with each other: needs, data, gates, and the expressions that say so."""

__all__ = ["artifacts", "expressions", "gates", "jobs"]
