"""The keys that GitHub gives to the steps of a job: what a step finds in GITHUB_ACTION.

A step without an `id` gets `__run`, `__owner_name` (of its action), `__self` (of a local action) or `__` and its image,
made unique in the job by `_2`, `_3`, …. Source: `IdBuilder` and `createActionStepId` of GitHub's workflow parser (npm
`@actions/workflow-parser`), which follows the service's own.
"""

from __future__ import annotations

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Iterable

_MAX_LENGTH = 100
"""`MAX_LENGTH` of IdBuilder."""


def step_keys(steps: Iterable[tuple[str | None, str | None]]) -> list[str]:
    """The key of each step of one job.

    Args:
        steps: `id` and `uses` of every step, in the order of the file; None where it has none.
    """
    steps = list(steps)
    taken = {step_id for step_id, _ in steps if step_id}
    keys = []
    for step_id, uses in steps:
        key = step_id or _unique(_cleaned(f"__{_action_name(uses) or 'run'}"), taken)
        taken.add(key)
        keys.append(key)
    return keys


def _action_name(uses: str | None) -> str:
    """`owner/name` without path and version, `self` for a local action, the image of a container."""
    if uses is None:
        return ""
    if uses.startswith("docker://"):
        return uses.removeprefix("docker://")
    if uses.startswith(("./", ".\\")):
        return "self"
    name, _, ref = uses.partition("@")
    parts = [part for part in name.replace("\\", "/").split("/") if part]
    return "/".join(parts[:2]) if len(parts) >= 2 and ref and "@" not in ref else ""


def _cleaned(name: str) -> str:
    return "".join([letter if letter.isascii() and (letter.isalnum() or letter in "_-") else "_" for letter in name])


def _unique(name: str, taken: set[str]) -> str:
    number, key = 1, name[:_MAX_LENGTH]
    while key in taken:
        number += 1
        suffix = f"_{number}"
        key = name[: _MAX_LENGTH - len(suffix)] + suffix
    return key
