"""Checks a rewrite against the workflow it came from, sharing no code with the passes that made it.

Everything here is read anew from the two texts; of the rewrite only its claims are known.
"""

__all__ = [
    "alignment",
    "allowances",
    "checking",
    "commands",
    "conditions",
    "facts",
    "limits",
    "merging",
    "ordering",
    "validators",
]
