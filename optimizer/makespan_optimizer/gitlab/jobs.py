"""One job as GitLab runs it: its own keys over what it inherits."""

from __future__ import annotations

from dataclasses import dataclass, field

from makespan_optimizer.gitlab.artifacts import Artifacts
from makespan_optimizer.gitlab.caching import Cache
from makespan_optimizer.gitlab.deployments import Environment, IdToken, Pages, Release
from makespan_optimizer.gitlab.durations import duration_s
from makespan_optimizer.gitlab.fields import Command, Unknown
from makespan_optimizer.gitlab.images import Image, Service
from makespan_optimizer.gitlab.needs import Need
from makespan_optimizer.gitlab.parallel import Leg, Parallel
from makespan_optimizer.gitlab.rules import Policy, Rule
from makespan_optimizer.gitlab.triggers import Trigger
from makespan_optimizer.gitlab.values import Place, Table
from makespan_optimizer.gitlab.variables import Variables


@dataclass(frozen=True, slots=True)
class Retry:
    """How often, and after what, a failed job is run again.

    Attributes:
        max: 0 to 2.
        when: Kinds of failure; empty for any.
        exit_codes: Exit codes; empty for any.
    """

    max: int
    when: tuple[str, ...]
    exit_codes: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class AllowFailure:
    """Whether the pipeline goes on when the job fails.

    Attributes:
        exit_codes: Only for these; empty for any.
        implied: Whether it follows from `when: manual` instead of being written.
    """

    allowed: bool
    exit_codes: tuple[int, ...] = ()
    implied: bool = False


@dataclass(frozen=True, slots=True)
class RunStep:
    """One step of `run:` (GitLab's CI steps).

    Attributes:
        script: Shell text; None for a step or function of somebody else.
        uses: That step or function, as plain data.
        env: As plain data.
        inputs: As plain data.
    """

    name: str | None
    script: str | None
    uses: object
    env: object
    inputs: object
    place: Place


@dataclass(frozen=True, slots=True)
class Job:
    """One job, before `parallel` multiplies it.

    Attributes:
        stage: None when a base that was not read may set it.
        script: Empty for a job that triggers a pipeline or has `run` steps.
        before_script: Its own or the default's.
        pre_get_sources_script: The hook that runs before the sources are fetched.
        when: `on_success` where nothing is written.
        needs: None without `needs`: the job then waits for all earlier stages.
        dependencies: Jobs whose artifacts are downloaded; None for the default.
        inherits_variables: Names of the pipeline's variables it gets; None for all.
        secrets: As plain data (`identity` too); None when absent.
        extends: Names as written; merged already.
        inherited: Keys whose value is the default's.
        missing_bases: Names under `extends` that lie in a file that was not read: what is absent may be set there.
        unknown: Keys that are kept but not understood.
        place: The key and all the job holds, in the file that wrote it last.
        table: All keys, with those inherited.
    """

    name: str
    stage: str | None
    script: tuple[Command, ...]
    before_script: tuple[Command, ...]
    after_script: tuple[Command, ...]
    pre_get_sources_script: tuple[Command, ...]
    run: tuple[RunStep, ...]
    trigger: Trigger | None
    when: str
    start_in: str | None
    manual_confirmation: str | None
    allow_failure: AllowFailure
    rules: tuple[Rule, ...] | None
    only: Policy | None
    excluded: Policy | None
    needs: tuple[Need, ...] | None
    dependencies: tuple[str, ...] | None
    variables: Variables
    inherits_variables: tuple[str, ...] | None
    caches: tuple[Cache, ...]
    artifacts: Artifacts | None
    image: Image | None
    services: tuple[Service, ...]
    tags: tuple[str, ...]
    resource_group: str | None
    environment: Environment | None
    release: Release | None
    pages: Pages | None
    interruptible: bool | None
    coverage: str | None
    retry: Retry | None
    timeout: str | None
    parallel: Parallel | None
    secrets: object
    identity: object
    id_tokens: tuple[IdToken, ...]
    inputs: object
    extends: tuple[str, ...]
    inherited: frozenset[str]
    missing_bases: tuple[str, ...]
    unknown: tuple[Unknown, ...]
    key: Place
    place: Place
    table: Table = field(repr=False, compare=False)

    def place_of(self, key: str) -> Place | None:
        """Where one of its keys stands, in whichever file wrote it last; None when absent."""
        return self.table.keys.get(key)

    @property
    def hands_over(self) -> bool:
        """Whether later jobs may download something of it; a site's folder is an artifact too."""
        return self.pages is not None or (self.artifacts is not None and self.artifacts.is_handed_over)

    @property
    def timeout_s(self) -> float | None:
        """Seconds of `timeout`; None when absent or not a duration."""
        return None if self.timeout is None else duration_s(self.timeout)

    @property
    def is_complete(self) -> bool:
        """Whether everything in it is known."""
        return not self.missing_bases and not self.unknown


@dataclass(frozen=True, slots=True)
class JobNeed:
    """A need of a job in the pipeline, legs spelled out.

    Attributes:
        name: The job's full name.
        exists: Whether there is such a job.
    """

    name: str
    artifacts: bool
    optional: bool
    exists: bool


@dataclass(frozen=True, slots=True)
class JobInstance:
    """A job of the pipeline: the job itself, or one leg of `parallel`.

    Attributes:
        name: What GitLab shows.
        leg: None without `parallel`.
        needs: Needs within the pipeline; None when it waits for all earlier stages.
        dependencies: Full names of the jobs under `dependencies`; None for the default.
    """

    name: str
    job: Job
    leg: Leg | None
    needs: tuple[JobNeed, ...] | None
    dependencies: tuple[str, ...] | None
