"""GitHub's expression language: parsed by a grammar into trees that know their places.

What GitHub's own parser accepts is accepted here (npm `@actions/expressions` 0.3.61 is the judge); values
are computed only where that parser's evaluator and the runner's agree.
"""

__all__ = [
    "availability",
    "calls",
    "conditions",
    "evaluation",
    "functions",
    "grammar",
    "references",
    "templates",
    "tree",
    "values",
]
