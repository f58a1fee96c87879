"""What a workflow's jobs have to do with each other: needs, data, gates."""

__all__ = ["artifacts", "gates", "jobs", "reachability"]
