"""Tiny jobs that stand for the needs of a job: each ends as the real one did and has its outputs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from makespan_model.records import Result

RUNNER_LABEL = "ubuntu-latest"
"""Every job of the copy runs on this label, which act maps to the machine itself."""


@dataclass(frozen=True, slots=True)
class NeedOutcome:
    """How a job ended that others need.

    Attributes:
        behind: The worst result among the jobs that this one waited for in turn: a failure or a skip
            there keeps later jobs from running too ("Workflow syntax", `jobs.<job_id>.needs`).
    """

    result: Result
    outputs: Mapping[str, str] = field(default_factory=dict)
    behind: Result = Result.SUCCESS

    @property
    def is_clean(self) -> bool:
        """Whether neither the job nor one behind it failed or was skipped."""
        return self.result is Result.SUCCESS and self.behind is Result.SUCCESS


def stub_jobs(needs: Mapping[str, NeedOutcome]) -> dict[str, object]:
    """Jobs for the copy, by id."""
    jobs: dict[str, object] = {}
    for name, outcome in needs.items():
        stub = _job(outcome.result)
        if outcome.behind is not Result.SUCCESS:
            behind = f"makespan-behind-{name}"
            jobs[behind] = _job(outcome.behind)
            stub["needs"] = behind
            stub.setdefault("if", "always()")
        if outcome.outputs:
            stub["outputs"] = {output: literal(value) for output, value in outcome.outputs.items()}
        jobs[name] = stub
    return jobs


def _job(result: Result) -> dict[str, object]:
    job: dict[str, object] = {"runs-on": RUNNER_LABEL}
    if result is Result.SKIP:
        job["if"] = "false"
    command = "true" if result in (Result.SUCCESS, Result.SKIP) else "false"
    job["steps"] = [{"run": command, "shell": "bash {0}"}]
    return job


def literal(value: str) -> str:
    """An expression that yields exactly `value`, even where it looks like an expression itself."""
    quoted = json.dumps(value).replace("'", "''").replace("{", "\\u007b").replace("}", "\\u007d")
    return f"${{{{ fromJSON('{quoted}') }}}}"
