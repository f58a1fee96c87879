"""GitHub Actions workflows as typed values that know their places in the file."""

__all__ = [
    "actions",
    "calls",
    "concurrency",
    "containers",
    "env_scopes",
    "environments",
    "expression_sites",
    "fields",
    "matrix",
    "model",
    "other_keys",
    "permissions",
    "places",
    "reading",
    "runners",
    "scalars",
    "step_order",
    "steps",
    "strategy",
    "triggers",
]
