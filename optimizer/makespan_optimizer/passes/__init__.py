"""Optimizer passes: one file each, listed in `registry`.

A pass is a module with `PASS` (its metadata), `find(workflow, evidence)` and `rewrite(workflow, finding)`,
both pure.
"""

__all__ = [
    "evidence",
    "findings",
    "merged_small_jobs",
    "missing_timeout",
    "needless_needs",
    "registry",
    "repeated_setup",
    "setup_commands",
    "superseded_runs",
    "uncached_install",
]
