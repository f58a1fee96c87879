"""Which `uses:` steps run here, and what runs in the place of the others.

GitHub's own actions are fetched from GitHub at run time, which a local run cannot rely on. The few
that nearly every workflow uses have a stand-in here that does the same work on this machine; any
other is left out of the run and reported.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class StandIn:
    """A module of `local.actions` that takes the place of an action.

    Attributes:
        module: Name below `makespan_optimizer.local.actions`.
        command: First argument of the module.
        at_job_end: A second command for the end of the job, as the action's own post step; or None.
    """

    module: str
    command: str
    at_job_end: str | None = None


# `owner/name[/path]` as written in `uses:`, lower case, without the version.
STAND_INS: Final = {
    "actions/cache": StandIn("cache", "restore", at_job_end="save-after"),
    "actions/cache/restore": StandIn("cache", "restore"),
    "actions/cache/save": StandIn("cache", "save"),
    "actions/setup-python": StandIn("setup_python", "select"),
    "actions/upload-artifact": StandIn("artifact", "upload"),
    "actions/download-artifact": StandIn("artifact", "download"),
}

# act carries this one out itself, by copying the tree.
BUILT_IN: Final = "actions/checkout"


def action_name(uses: str) -> str:
    """`actions/cache` of `Actions/cache@v4`."""
    return uses.partition("@")[0].strip().lower()


def runs_here(uses: str) -> bool:
    """Whether act itself can run the step: the checkout, or an action of the repository."""
    return action_name(uses) == BUILT_IN or uses.startswith("./")
