"""Which jobs act on the world (deploy, release, publish), so that what guards them must stay.

The signs are taken broadly: a job wrongly called a gate only keeps an edge it could lose.
"""

from __future__ import annotations

import re

from makespan_optimizer.workflow.model import Job, Workflow

_NAME = re.compile(
    r"(?:^|[^a-z])(?:deploy\w*|(?:pre)?release\w*|publish\w*|promote|rollout|ship|upload-(?:to|pypi|wheels)|pypi|npm-publish|"
    r"docker-push|push\w*|tag|merge|notify|comment|automerge|bump|production|prod|staging)(?![a-z])",
    re.IGNORECASE,
)
_RELEASE_NAME = re.compile(r"releas|publish|deploy|pypi", re.IGNORECASE)
_ACTION = re.compile(
    r"deploy|release|publish|pypi|push|gh-pages|github-pages|upload-to|attest|sign|provenance|create-pull-request"
    r"|docker/login|login-action|configure-aws-credentials|google-github-actions/auth|azure/login|merge"
)
_COMMAND = re.compile(
    # In scripts, `--release` and `target/release/` are about building.
    r"(?<![-\w/.])(?:deploy|releas|publish|promot)\w*|pypi|\b(?:docker\s+push|docker\s+buildx\s+build[^\n]*--push|twine\s+upload|(?:npm|yarn|pnpm|bun|lerna|cargo|poetry|uv|"
    r"flit|hatch|pdm|vsce|ovsx|nx|gem|mvn|gradlew?)\b[^\n]*\s(?:publish|deploy|push|release)|goreleaser|semantic-release|"
    r"gh\s+(?:release|pr\s+(?:merge|comment|create)|issue|api)|git\s+(?:push|tag)|helm\s+(?:push|upgrade|install)|"
    r"kubectl|terraform\s+apply|pulumi\s+up|serverless\s+deploy|aws\s+\w+|gcloud\s+\w+|"
    r"az\s+\w+|gsutil|rsync|scp|ssh|rclone|oras\s+push|skopeo\s+copy|mike\s+deploy|mkdocs\s+gh-deploy|wrangler|vercel|"
    r"netlify|flyctl|heroku)\b",
    re.IGNORECASE,
)
_NOTHING = re.compile(r"(?:\s*(?:exit 0|true|:|echo\b[^|>&;]*)\s*)+")
# Write scopes that let a job act on the world. `checks` and `security-events` only report.
_WRITE_SCOPES = frozenset(
    {
        "actions",
        "attestations",
        "contents",
        "deployments",
        "id-token",
        "issues",
        "packages",
        "pages",
        "pull-requests",
        "statuses",
    }
)


def acts_on_the_world(job: Job, workflow: Workflow) -> str | None:
    """Why a job must be taken for a deploy, release or publish; None when nothing says so."""
    if job.environment is not None:
        return "it has an environment"
    if job.uses is not None:
        return f"it calls {job.uses}, whose steps are not in this file"
    for text in (job.job_id, job.name or ""):
        if named := named_act(text):
            return named
    permissions = job.permissions if job.permissions is not None else workflow.permissions
    if permissions is not None and permissions.may_write(_WRITE_SCOPES):
        return "it may write to the repository or the registry"
    return _acting_step(job)


def _acting_step(job: Job) -> str | None:
    for step in (inner for outer in job.steps for inner in (outer, *outer.parallel)):
        if step.action is not None and _ACTION.search(step.action):
            return f"it uses {step.uses}"
        if step.run is not None and (commanded := commanded_act(step.run)):
            return commanded
    return None


def named_act(name: str) -> str | None:
    """What a job's name says of acting on the world; None when nothing."""
    match = _NAME.search(name)
    return None if match is None else f"its name says {match.group().strip('-_ .')!r}"


def commanded_act(command: str) -> str | None:
    """What a command does to the world; None when nothing is seen."""
    match = _COMMAND.search(command)
    return None if match is None else f"it runs {match.group()!r}"


def does_nothing(command: str) -> bool:
    """Whether a command only succeeds, and prints something at most."""
    return _NOTHING.fullmatch(command) is not None


def only_waits(job: Job) -> bool:
    """Whether a job does nothing: it is there to stand for the jobs it waits for, as a required check does."""
    return bool(job.steps) and all(step.run is not None and does_nothing(step.run) for step in job.steps)


def is_release_workflow(workflow: Workflow) -> bool:
    """Whether the whole workflow is there for releases or deployments: its name or its triggers say so."""
    if _RELEASE_NAME.search(f"{workflow.name or ''} {workflow.file.rpartition('/')[2]}"):
        return True
    return bool(workflow.triggers) and set(workflow.triggers) <= {"release", "deployment", "deployment_status"}
