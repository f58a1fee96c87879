"""The step's place in its job: path, name, ids, and the parent it hangs under."""

from __future__ import annotations

from makespan_agent import bare_json
from makespan_agent.identity.job_identity import JobIdentity
from makespan_model.span_ids import job_span_id, step_span_id

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Mapping

PATH_VARIABLE = "MAKESPAN_STEP_PATH"
"""Tells a nested `makespan run` the path of the step around it."""
STEPS_FILE_VARIABLE = "MAKESPAN_STEPS_FILE"
"""A JSON file {job id: {step key: {"name": text, "index": number, "kind": "run" or "uses"}}}, written by
`makespan steps` and `makespan exec`, that names the steps of a workflow."""
NAME_VARIABLE = "MAKESPAN_STEP"
"""The name of the outermost step, as `--step` would give it."""
_KINDS = ("run", "uses")


class StepIdentity:
    """One step of a job.

    Attributes:
        path: Unique within the job; the span id follows from it.
        name: What a person reads. Never the command's arguments: they may hold secrets.
        index: 0-based position in the job's step list, where the steps file says so.
        kind: `run` or `uses`, where the steps file says so.
        trace_id, span_id, parent_span_id: Lower-case hexadecimal.
    """

    __slots__ = ("index", "kind", "name", "parent_span_id", "path", "span_id", "trace_id")

    def __init__(
        self,
        job: JobIdentity,
        *,
        path: str,
        name: str,
        index: int | None = None,
        kind: str | None = None,
        parent: str | None = None,
    ) -> None:
        self.path = path
        self.name = name
        self.index = index
        self.kind = kind
        self.trace_id = job.trace_id
        self.span_id = step_span_id(self.trace_id, job.label, path)
        self.parent_span_id = parent or job_span_id(self.trace_id, job.label)

    @property
    def traceparent(self) -> str:
        """W3C Trace Context, version 00, sampled."""
        return f"00-{self.trace_id}-{self.span_id}-01"

    def facts(self) -> dict[str, object]:
        """What a spool record keeps: every attribute that is known."""
        return {name: getattr(self, name) for name in self.__slots__ if getattr(self, name) is not None}


def identify_step(
    job: JobIdentity,
    environment: Mapping[str, str],
    *,
    is_shell: bool,
    given_name: str | None,
    executable: str,
    start_ns: int,
    notices: list[str],
) -> StepIdentity:
    """Place a step in its job.

    The shell of a workflow's step has the provider's key for it, so every observer derives the same
    span. Any other command may be repeated in one step: its start makes its path unique.

    Args:
        job: The job around the step.
        environment: The process's environment.
        is_shell: Whether we were called with a script file, as a CI provider calls a step's shell.
        given_name: The name from `--step`.
        executable: The command's file name, the name of last resort.
        start_ns: When the step starts.
        notices: Gets a line when the steps file cannot be read.
    """
    key = job.step_key
    known = _known_step(job, environment, notices) if key else {}
    index = known.get("index")
    if not isinstance(index, int):
        index = None
    step_path = key if index is None else f"#{index}"
    enclosing = enclosing_span(environment, job.trace_id)
    if enclosing is None:
        given_name = given_name or environment.get(NAME_VARIABLE) or None
    # GitHub alone lets a workflow name its shell, and calls it once a step.
    if is_shell and key and enclosing is None and job.provider == "github":
        kind = known.get("kind")
        return StepIdentity(
            job,
            path=step_path,
            name=given_name or str(known.get("name") or key),
            index=index,
            kind=str(kind) if kind in _KINDS else None,
        )
    name = given_name or executable
    around = environment.get(PATH_VARIABLE, "") if enclosing else step_path
    return StepIdentity(job, path=f"{around}/{name}@{start_ns}", name=name, parent=enclosing)


def enclosing_span(environment: Mapping[str, str], trace_id: str) -> str | None:
    """The span id of TRACEPARENT when it belongs to this run's trace; None otherwise."""
    parts = environment.get("TRACEPARENT", "").split("-")
    if len(parts) < 4 or parts[1] != trace_id or len(parts[2]) != 16 or parts[2].strip("0123456789abcdef"):
        return None
    return parts[2]


def _known_step(job: JobIdentity, environment: Mapping[str, str], notices: list[str]) -> dict[str, object]:
    path = environment.get(STEPS_FILE_VARIABLE)
    if not path:
        return {}
    try:
        with open(path, encoding="utf-8") as file:
            steps = bare_json.parse(file.read())
    except (OSError, ValueError) as error:
        notices.append(f"{STEPS_FILE_VARIABLE}={path}: {error}")
        return {}
    for name in (job.job_id, job.step_key):
        steps = steps.get(name, {}) if isinstance(steps, dict) else {}
    return steps if isinstance(steps, dict) else {}
