"""No CI provider: a shell, a Makefile, cron."""

from __future__ import annotations

import os

from makespan_agent.identity.job_identity import JobIdentity

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Mapping

PROVIDER = "plain"


def read(environment: Mapping[str, str], matrix: dict[str, object] | None) -> JobIdentity:
    """A run of its own, or the run that MAKESPAN_RUN_ID names."""
    return JobIdentity(
        provider=PROVIDER,
        repository=repository_name(os.getcwd()),
        run_id=environment.get("MAKESPAN_RUN_ID") or os.urandom(8).hex(),
        pipeline="local",
        job_id="local",
        matrix=matrix,
    )


def repository_name(directory: str) -> str:
    """The name of the git work tree around `directory` (an absolute path), or of the directory itself."""
    top = directory
    while not os.path.exists(f"{top}/.git"):
        parent = os.path.dirname(top)
        if parent == top:
            top = directory
            break
        top = parent
    return os.path.basename(top) or "root"
