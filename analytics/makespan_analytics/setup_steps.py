"""Which steps only make a job ready for its work, told from what they are called.

A record holds a step's name (for a command without one: its first line) and path, not its whole script. So a set-up
step with a name of its own ("Prepare") is not recognised: sums over set-up steps are lower bounds.
"""

from __future__ import annotations

import re

from makespan_model.records import StepKind

_ACTIONS = ("actions/checkout", "actions/setup-", "actions/cache/restore")
"""Actions that only make a job ready (docs.github.com, Building and testing)."""
_INSTALLERS = re.compile(
    r"\b(?:pip3? install|uv (?:sync|pip install)|poetry install|npm (?:ci|install)|(?:yarn|pnpm) install|bundle install"
    r"|composer install|go mod download|cargo fetch|dotnet restore|apt(?:-get)? install)\b"
)
"""Commands that only fetch and install what the job needs."""
_RUNNERS_OWN = re.compile(r"Set up (?:job|runner)|Initialize containers|(?:Pre Run|Build|Pull) \S*[/:@]\S*")
"""What GitHub's runner does before the first step of the file (its `JobExtension` and `StepsRunner`)."""
_MORE_ACTIONS = ("actions/cache@", "docker/setup-", "docker/login-action", "ruby/setup-", "astral-sh/setup-")
"""Actions of others that only install or restore, by the owners' own documentation."""


def is_setup(kind: StepKind, path: str, name: str) -> bool:
    """Whether a step is one that jobs of a run could share: a checkout, a tool's set-up, an install."""
    if kind is StepKind.USES:
        return any(action in text for action in _ACTIONS for text in (path, name))
    return _INSTALLERS.search(name) is not None


def is_before_work(kind: StepKind, path: str, name: str) -> bool:
    """Whether a step belongs to a job's set-up: `is_setup`, restored caches, and what the runner itself prepares."""
    if is_setup(kind, path, name):
        return True
    if kind is not StepKind.USES:
        return False
    is_known = any(action in text for action in _MORE_ACTIONS for text in (path, name))
    return is_known or _RUNNERS_OWN.fullmatch(name) is not None
