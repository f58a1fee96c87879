"""Which steps and tests fail although the code is good, how often, and what that costs."""

__all__ = ["estimation", "outcomes", "standings"]
