"""GitHub Actions workflows as typed values that know their places in the file."""

__all__ = [
    "concurrency",
    "containers",
    "environments",
    "expression_sites",
    "fields",
    "matrix",
    "model",
    "permissions",
    "places",
    "reading",
    "runners",
    "scalars",
    "steps",
    "strategy",
    "triggers",
]
