"""The run and job that a provider's environment describes."""

from __future__ import annotations

from makespan_model.span_ids import job_label, run_trace_id


class JobIdentity:
    """One job of one run, as the provider names it.

    A plain class, not a dataclass: importing `dataclasses` takes 10 ms before the command starts.

    Attributes:
        provider: A name of the registry; part of the trace id, as are `repository`, `run_id`, `attempt`.
        repository: `owner/name`; the job's full name on Jenkins, a directory's name outside CI.
        run_id: The provider's run or pipeline id.
        attempt: 1 for the first try.
        pipeline: The name of the workflow or pipeline.
        job_id: The job's key in the workflow file.
        matrix: The job's matrix values, in the workflow's order.
        leg: What the provider appends to the name of one of several parallel copies: ` 2/5`, `: [3.12, linux]`.
        retry: How often this job was tried before in the same run, where the provider says so.
        label: The job's key with matrix values, leg and retry; the provider's own name for it where it has one.
        job_run: The provider's id of this very try of the job.
        step_key: What tells this step from the job's others; empty when the provider does not say.
        ref: Branch or tag.
        commit: Full commit id.
        worker: The runner's name.
        run_url, job_url, repository_url: Pages a person can open.
        event: What started the run, in the provider's word.
        actor: Who started it.
        change: The pull or merge request's number.
        runner_labels: Tags or labels of the runner, as far as the provider tells the job.
    """

    __slots__ = (
        "actor",
        "attempt",
        "change",
        "commit",
        "event",
        "job_id",
        "job_run",
        "job_url",
        "label",
        "leg",
        "matrix",
        "pipeline",
        "provider",
        "ref",
        "repository",
        "repository_url",
        "retry",
        "run_id",
        "run_url",
        "runner_labels",
        "step_key",
        "worker",
    )

    def __init__(
        self,
        *,
        provider: str,
        repository: str,
        run_id: str,
        pipeline: str,
        job_id: str,
        attempt: int = 1,
        label: str | None = None,
        leg: str | None = None,
        retry: int | None = None,
        job_run: str | None = None,
        matrix: dict[str, object] | None = None,
        step_key: str = "",
        ref: str | None = None,
        commit: str | None = None,
        worker: str | None = None,
        run_url: str | None = None,
        job_url: str | None = None,
        repository_url: str | None = None,
        event: str | None = None,
        actor: str | None = None,
        change: str | None = None,
        runner_labels: list[str] | None = None,
    ) -> None:
        self.provider = provider
        self.repository = repository
        self.run_id = run_id
        self.attempt = attempt
        self.pipeline = pipeline
        self.matrix = matrix
        self.leg = leg or None
        self.retry = retry or None
        self.job_run = job_run
        self.name_job(job_id, label)
        self.step_key = step_key
        self.ref = ref
        self.commit = commit
        self.worker = worker
        self.run_url = run_url
        self.job_url = job_url
        self.repository_url = repository_url
        self.event = event
        self.actor = actor
        self.change = change
        self.runner_labels = runner_labels

    def name_job(self, job_id: str, label: str | None = None) -> None:
        """Give the job a key, and the label that follows from it unless the provider has its own."""
        self.job_id = job_id
        self.label = label or job_label(job_id, self.matrix) + (self.leg or "")
        if self.retry:
            self.label += f" (retry {self.retry})"

    @property
    def trace_id(self) -> str:
        """The run's trace id."""
        return run_trace_id(self.provider, self.repository, self.run_id, self.attempt)

    def facts(self) -> dict[str, object]:
        """What a spool record keeps: every attribute that is known."""
        return {name: getattr(self, name) for name in self.__slots__ if getattr(self, name) is not None}


def count(text: str, *, at_least: int = 0) -> int | None:
    """A whole number a provider counts with; None when it is no such number, or a smaller one."""
    return int(text) if text.isdecimal() and int(text) >= at_least else None


def parallel_leg(index: str, total: str, *, first: int = 0) -> str:
    """` 2/5` for the second of five parallel copies, as GitLab names them; empty for a single one.

    Args:
        index: The copy's number as the provider counts.
        total: How many copies there are.
        first: The number of the first copy.
    """
    copies, number = count(total, at_least=2), count(index, at_least=first)
    return "" if copies is None or number is None else f" {number - first + 1}/{copies}"
