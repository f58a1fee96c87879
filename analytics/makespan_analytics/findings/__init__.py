"""What holds a pipeline back or costs it money, as typed statements with evidence, effect and advice."""

__all__ = ["evidence", "finding", "producers", "ranking"]
