"""A GitHub Actions workflow: what is written in the file, with its places.

Values keep the text of their scalars (YAML 1.2: `on` is a word) and their expressions; `None` means "not written".
Where a flag or a number is given as such, `UNKNOWN` means that only a run decides it. Keys without a field are kept in
`others`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from makespan_optimizer.expressions.values import Unknown
from makespan_optimizer.workflow.concurrency import Concurrency
from makespan_optimizer.workflow.containers import Container, Services
from makespan_optimizer.workflow.environments import DeploymentEnvironment
from makespan_optimizer.workflow.matrix import Matrix
from makespan_optimizer.workflow.permissions import Permissions
from makespan_optimizer.workflow.places import OtherKey as OtherKey
from makespan_optimizer.workflow.places import Pairs as Pairs
from makespan_optimizer.workflow.places import Span as Span
from makespan_optimizer.workflow.runners import Runner
from makespan_optimizer.workflow.scalars import static_flag, static_number
from makespan_optimizer.workflow.strategy import Strategy
from makespan_optimizer.workflow.triggers import Trigger
from makespan_optimizer.yaml.nodes import Document, Mapping, Sequence


@dataclass(frozen=True, slots=True)
class Defaults:
    """`defaults.run` of a workflow or a job."""

    shell: str | None = None
    working_directory: str | None = None


def content_key(
    *,
    run: str | None = None,
    uses: str | None = None,
    with_: Pairs = (),
    env: Pairs = (),
    shell: str | None = None,
    working_directory: str | None = None,
    control: tuple[str | None, ...] = (None,),
) -> str:
    """The key of a step with this content; see `Step.content_key`."""
    parts = [run, uses, sorted(with_), sorted(env), shell, working_directory, control]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Attributes:
        index: 0-based position in the job's `steps`.
        display_name: What GitHub shows: `name`, or `Run <first line of run>`, or `Run <uses>`.
        with_: Inputs of an action, in the order written.
        control: `parallel`, `wait`, `wait-all` or `cancel` for a step that is one of these, else None.
        background: Whether the step runs while later ones do.
        parallel: The steps of a `parallel` step.
        targets: Ids of the steps that a `wait` waits for or a `cancel` ends.
        waits_for_all: Whether it is a `wait-all` that is not switched off.
        others: Keys without a field here.
        shared: An anchor, alias or merge key lies in it, so that its text means something elsewhere too.
        node: The mapping in the document.
    """

    index: int
    step_id: str | None
    name: str | None
    display_name: str
    run: str | None
    uses: str | None
    with_: Pairs
    shell: str | None
    env: Pairs
    condition: str | None
    working_directory: str | None
    continue_on_error: str | None
    timeout: str | None
    control: str | None
    background: bool
    parallel: tuple[Step, ...]
    targets: tuple[str, ...]
    waits_for_all: bool
    others: tuple[OtherKey, ...]
    shared: bool
    span: Span
    node: Mapping = field(repr=False, compare=False)

    @property
    def content_key(self) -> str:
        """16 hexadecimal digits over what the step does: equal work has an equal key in every job and run.

        Covers run, uses, with, env, shell and working directory; not name, id, condition or position.
        """
        inner = tuple(step.content_key for step in self.parallel)
        return content_key(
            run=self.run,
            uses=self.uses,
            with_=self.with_,
            env=self.env,
            shell=self.shell,
            working_directory=self.working_directory,
            control=(self.control, *self.targets, *inner),
        )

    @property
    def action(self) -> str | None:
        """`owner/name` (with its path) of the action in lower case, without the version; None for a run step."""
        return None if self.uses is None else self.uses.partition("@")[0].lower()

    @property
    def timeout_minutes(self) -> float | Unknown | None:
        """`timeout-minutes`; None without one."""
        return static_number(self.timeout)

    @property
    def tolerates_failure(self) -> bool | Unknown:
        """`continue-on-error`."""
        return static_flag(self.continue_on_error, default=False)

    def input(self, name: str) -> str | None:
        """An input of the action; names are compared without case, as GitHub does."""
        return next((value for key, value in self.with_ if key.lower() == name.lower()), None)


@dataclass(frozen=True, slots=True)
class Job:
    """One job.

    Attributes:
        runs_on: The label, the labels joined by `, `, or the text of a group; None for a reusable workflow.
        runner: The same by its parts.
        has_matrix: Whether it may run as several legs.
        outputs: Name and expression of each output.
        uses: The reusable workflow the job calls.
        secrets: What is passed to it by name.
        inherits_secrets: Whether all secrets are passed to it.
        snapshot: Canonical text of `snapshot`.
        others: Keys without a field here.
        shared: An anchor, alias or merge key lies in the job.
        span: The job's key and all it holds.
        needs_spans: Where each entry of `needs` stands, in the order of `needs`.
    """

    job_id: str
    name: str | None
    needs: tuple[str, ...]
    condition: str | None
    runs_on: str | None
    runner: Runner | None
    strategy: Strategy | None
    has_matrix: bool
    container: Container | None
    services: Services | None
    environment: DeploymentEnvironment | None
    permissions: Permissions | None
    concurrency: Concurrency | None
    outputs: Pairs
    env: Pairs
    defaults: Defaults
    steps: tuple[Step, ...]
    timeout: str | None
    cancel_timeout: str | None
    continue_on_error: str | None
    uses: str | None
    with_: Pairs
    secrets: Pairs
    inherits_secrets: bool
    snapshot: str | None
    others: tuple[OtherKey, ...]
    shared: bool
    span: Span
    needs_spans: tuple[Span, ...] = field(repr=False)
    node: Mapping = field(repr=False, compare=False)

    @property
    def display_name(self) -> str:
        """The name of the check GitHub reports (matrix values aside)."""
        return self.name or self.job_id

    @property
    def matrix(self) -> Matrix | Unknown | None:
        """`strategy.matrix`; None without one."""
        return None if self.strategy is None else self.strategy.matrix

    @property
    def timeout_minutes(self) -> float | Unknown | None:
        """`timeout-minutes`; None without one, which means 360."""
        return static_number(self.timeout)

    @property
    def tolerates_failure(self) -> bool | Unknown:
        """`continue-on-error`."""
        return static_flag(self.continue_on_error, default=False)

    @property
    def steps_node(self) -> Sequence | None:
        """The sequence of steps, where it is written in the job itself."""
        found = self.node.get("steps")
        return found if isinstance(found, Sequence) else None


@dataclass(frozen=True, slots=True)
class Workflow:
    """One workflow file.

    Attributes:
        triggers: The names of the events under `on`.
        events: The same with filters, schedules and interfaces.
        permissions: None when the repository's default holds.
        others: Keys without a field here.
    """

    name: str | None
    run_name: str | None
    text: str
    file: str
    triggers: tuple[str, ...]
    events: tuple[Trigger, ...]
    env: Pairs
    defaults: Defaults
    permissions: Permissions | None
    concurrency: Concurrency | None
    others: tuple[OtherKey, ...]
    jobs: tuple[Job, ...]
    document: Document = field(repr=False, compare=False)

    def event(self, name: str) -> Trigger | None:
        """The trigger of an event, or None."""
        return next((event for event in self.events if event.event == name), None)

    def job(self, job_id: str) -> Job | None:
        """The job with this key (compared without case, as GitHub does), or None."""
        return next((job for job in self.jobs if job.job_id.lower() == job_id.lower()), None)
