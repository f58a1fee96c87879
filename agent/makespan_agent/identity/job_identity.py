"""The run and job that a provider's environment describes."""

from __future__ import annotations

from makespan_model.span_ids import job_label, run_trace_id


class JobIdentity:
    """One job of one run, as the provider names it.

    A plain class, not a dataclass: importing `dataclasses` takes 10 ms before the command starts.

    Attributes:
        provider: `github`, `gitlab` or `plain`; part of the trace id, as are `repository`, `run_id`, `attempt`.
        repository: `owner/name`, or a directory name outside CI.
        run_id: The provider's run or pipeline id.
        attempt: 1 for the first try.
        pipeline: The name of the workflow or pipeline.
        job_id: The job's key in the workflow file.
        matrix: The job's matrix values, in the workflow's order.
        label: The job's key with its matrix values, unless the provider names the leg itself.
        step_key: What tells this step from the job's others; empty when the provider does not say.
        ref: Branch or tag.
        commit: Full commit id.
        worker: The runner's name.
        run_url, job_url, repository_url: Pages a person can open.
    """

    __slots__ = (
        "attempt",
        "commit",
        "job_id",
        "job_url",
        "label",
        "matrix",
        "pipeline",
        "provider",
        "ref",
        "repository",
        "repository_url",
        "run_id",
        "run_url",
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
        matrix: dict[str, object] | None = None,
        step_key: str = "",
        ref: str | None = None,
        commit: str | None = None,
        worker: str | None = None,
        run_url: str | None = None,
        job_url: str | None = None,
        repository_url: str | None = None,
    ) -> None:
        self.provider = provider
        self.repository = repository
        self.run_id = run_id
        self.attempt = attempt
        self.pipeline = pipeline
        self.job_id = job_id
        self.matrix = matrix
        self.label = label or job_label(job_id, matrix)
        self.step_key = step_key
        self.ref = ref
        self.commit = commit
        self.worker = worker
        self.run_url = run_url
        self.job_url = job_url
        self.repository_url = repository_url

    @property
    def trace_id(self) -> str:
        """The run's trace id."""
        return run_trace_id(self.provider, self.repository, self.run_id, self.attempt)

    def facts(self) -> dict[str, object]:
        """What a spool record keeps: every attribute that is known."""
        return {name: getattr(self, name) for name in self.__slots__ if getattr(self, name) is not None}
