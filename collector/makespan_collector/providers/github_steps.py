"""Which step of the workflow file a numbered step of GitHub's API is.

The API numbers all steps a runner shows, its own among them: `Set up job` is 1, then come `Initialize containers` and
the `Pre` parts of actions, then the steps of the file in their order, then `Post` parts (after a gap in the numbers),
`Stop containers` and `Complete job`. The agent counts the file's steps from 0 (`#0`), so both name one span where the
agent knew the workflow file (`MAKESPAN_STEPS_FILE`, which the GitHub action sets).
Source: the runner's `JobExtension` and `StepsRunner` (github.com/actions/runner), REST API "List jobs for a workflow
run attempt".
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from makespan_model.records import StepKind

_FIRST = ("Set up job", "Initialize containers", "Set up runner")
_LAST = ("Stop containers", "Complete job", "Complete runner")
_IMAGE = re.compile(r"(Build|Pull) \S*[/:@]\S*")
"""Images of container actions, made or fetched before the first step."""
_ACTION = re.compile(r"Run (\./\S*|docker://\S+|[\w.-]+/[\w./-]+@\S+)")
"""How a step without a name that uses an action is shown."""


@dataclass(frozen=True, slots=True)
class PlacedStep:
    """Where a step stands.

    Attributes:
        path: As the agent makes it, `#` and the index; the runner's own steps have their name.
        index: 0-based position in the workflow file; None for the runner's own.
        kind: `uses` for the runner's own steps and for what is visibly an action; a named step may be either.
    """

    path: str
    index: int | None
    kind: StepKind


def place_steps(names: Sequence[str]) -> list[PlacedStep]:
    """Place the steps of one job.

    Args:
        names: Of all its steps, in the order of their numbers.
    """
    first, end = _file_range(names)
    placed: list[PlacedStep] = []
    taken: dict[str, int] = {}
    for number, name in enumerate(names):
        if first <= number < end:
            index = number - first
            placed.append(PlacedStep(f"#{index}", index, StepKind.USES if _ACTION.fullmatch(name) else StepKind.RUN))
            continue
        taken[name] = taken.get(name, 0) + 1
        path = name if taken[name] == 1 else f"{name} ({taken[name]})"
        placed.append(PlacedStep(path, None, StepKind.USES))
    return placed


def _file_range(names: Sequence[str]) -> tuple[int, int]:
    """The positions between which the steps of the workflow file stand.

    A person may call a step `Post results` or `Build image`: `Pre` and `Post` must speak of another step of the job,
    and images are made only between the runner's first step and the file's.
    """
    end = len(names)
    while end and (names[end - 1] in _LAST or _is_part_of_other(names[end - 1], "Post ", names[: end - 1])):
        end -= 1
    first = 1 if end and names[0] in _FIRST else 0
    while first < end and _is_preparation(names[first], names[first + 1 : end], has_begun=first > 0):
        first += 1
    return first, end


def _is_preparation(name: str, later: Sequence[str], *, has_begun: bool) -> bool:
    if _is_part_of_other(name, "Pre ", later):
        return True
    # A job of nothing but such names has them from its file.
    return has_begun and (name in _FIRST or (_IMAGE.fullmatch(name) is not None and bool(later)))


def _is_part_of_other(name: str, prefix: str, others: Sequence[str]) -> bool:
    return name.startswith(prefix) and name.removeprefix(prefix) in others
