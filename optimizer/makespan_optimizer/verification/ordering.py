"""Every data dependency is still ordered, every gate of a deploy still stands, and nothing waits for more."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from makespan_optimizer.claims import AddedNeed, Claim, DroppedNeed, MergedJobs
from makespan_optimizer.verification.facts import JobFacts, StepFacts, WorkflowFacts

_NAMED = re.compile(r"deploy|releas|publish|promot|pypi", re.IGNORECASE)
# In scripts, `--release` and `target/release/` are about building.
_ACTS = re.compile(
    r"(?<![-\w/.])(?:deploy|releas|publish|promot)|pypi|docker\s+push|push:\s*true|--push|git\s+push|twine\s+upload|kubectl|terraform\s+(?:apply|destroy)"
    r"|helm\s+upgrade|gh\s+release|gh-pages|semantic-release",
    re.IGNORECASE,
)
_MAY_WRITE = re.compile(r"'(?:packages|id-token|contents|deployments|pages)'.{0,20}'scalar', 'write'|'write-all'")
_NOTHING = re.compile(r"(?:\s*(?:exit 0|true|:|echo\b[^|>&;]*)\s*)+")
_STATUS = re.compile(r"\b(?:success|failure|always|cancelled)\s*\(", re.IGNORECASE)
_UPLOAD = re.compile(r"upload.*artifact|upload-pages", re.IGNORECASE)
_KNOWN = re.compile(
    r"actions/(?:checkout|setup-|cache|upload-artifact|download-artifact)"
    r"|[\w-]+/(?:setup|action-setup|rust-toolchain|harden-runner|codecov-action)"
)
_DOWNLOAD = re.compile(r"download|restore|deploy-pages", re.IGNORECASE)


def guards_the_world(workflow: WorkflowFacts, job: JobFacts) -> bool:
    """Whether a job deploys, releases or publishes, or may: its name, environment, permissions or steps say so."""
    permissions = job.values.get("permissions", workflow.values.get("permissions"))
    if "environment" in job.values or "uses" in job.values or _MAY_WRITE.search(str(permissions)):
        return True
    names = [job.job_id, str(job.values.get("name", "")), *(step.text("uses") or "" for step in job.steps)]
    scripts = [step.text("run") or "" for step in job.steps]
    return any(map(_NAMED.search, names)) or any(map(_ACTS.search, scripts))


def _must_wait(workflow: WorkflowFacts, job: JobFacts) -> bool:
    """Whether a job must keep all its ancestors; one that does nothing stands for them."""
    scripts = [step.text("run") for step in job.steps]
    idle = bool(scripts) and all(script is not None and _NOTHING.fullmatch(script) for script in scripts)
    looks = job.condition is not None and _STATUS.search(job.condition) is not None
    return idle or looks or guards_the_world(workflow, job)


def check_ordering(before: WorkflowFacts, after: WorkflowFacts, claims: Sequence[Claim]) -> Iterator[str]:
    """Problems with the order of jobs, one sentence each."""
    merges = [claim for claim in claims if isinstance(claim, MergedJobs)]
    renamed = {name.lower(): merge.kept.lower() for merge in merges for name in merge.absorbed}
    for merge in merges:
        yield from _check_dependents(before, merge)
    for name, job in before.jobs.items():
        target = renamed.get(name, name)
        if target in after.jobs:
            yield from _check_needs(before, after, job, target, renamed, claims)
            yield from _check_ancestors(before, after, job, target, renamed)


def _check_needs(
    before: WorkflowFacts,
    after: WorkflowFacts,
    job: JobFacts,
    target: str,
    renamed: Mapping[str, str],
    claims: Sequence[Claim],
) -> Iterator[str]:
    name = job.job_id.lower()
    old = {renamed.get(need, need) for need in job.needs} - {target}
    new = set(after.jobs[target].needs)
    dropped = {(claim.job_id.lower(), claim.need.lower()) for claim in claims if isinstance(claim, DroppedNeed)}
    added = {(claim.job_id.lower(), claim.need.lower()) for claim in claims if isinstance(claim, AddedNeed)}
    for need in sorted(old - new):
        if (name, need) not in dropped:
            yield f"job {name!r} no longer needs {need!r}"
        elif _must_wait(before, job) or guards_the_world(before, before.jobs[need]):
            yield f"the dropped need {need!r} of {name!r} guards something"
    for need in sorted(new - old):
        ancestors = {renamed.get(other, other) for other in before.ancestors(name)}
        if (name, need) in added and re.search(r"\bneeds\s*\.\s*\*|toJSON\(\s*needs\s*\)", job.source, re.IGNORECASE):
            yield f"job {name!r} reads the results of all its needs, and {need!r} would be one more"
        elif (name, need) not in added or need not in ancestors:
            yield f"job {name!r} waits for {need!r}, which it did not before"


def _check_ancestors(
    before: WorkflowFacts, after: WorkflowFacts, job: JobFacts, target: str, renamed: Mapping[str, str]
) -> Iterator[str]:
    name = job.job_id.lower()
    old = before.ancestors(name)
    kept = after.ancestors(target) | {target}
    lost = sorted(other for other in old if renamed.get(other, other) not in kept)
    if lost and _must_wait(before, job):
        yield f"the gate {name!r} no longer waits for {', '.join(map(repr, lost))}"
    for other in lost:
        reason = _data(before.jobs[other], job)
        if reason is not None:
            yield f"job {name!r} takes {reason} from {other!r} but no longer waits for it"
    for other in sorted(job.needs):
        if _reads_needs(job, other) and (other in renamed or other not in after.jobs[target].needs):
            yield f"job {name!r} reads needs.{other}, which is gone"


def _check_dependents(before: WorkflowFacts, merge: MergedJobs) -> Iterator[str]:
    """A job that waited for one part must not be stopped by the failure of another."""
    parts = [name.lower() for name in (merge.kept, *merge.absorbed)]
    for name, job in before.jobs.items():
        waits = [part for part in parts if part in job.needs]
        if waits and len(waits) < len(parts) and name not in parts:
            yield f"job {name!r} needs only some of the merged jobs {', '.join(parts)}"
        if waits and name in parts:
            yield f"job {name!r} was merged with a job it needs"
    needs = {before.jobs[part].needs for part in parts if part in before.jobs}
    if len(needs) > 1:
        yield f"the merged jobs {', '.join(parts)} wait for different jobs"


def _data(left: JobFacts, job: JobFacts) -> str | None:
    if _reads_needs(job, left.job_id.lower()):
        return "outputs"
    uploads = [_artifact(step) for step in left.steps if _UPLOAD.search(step.text("uses") or "")]
    downloads = [_artifact(step) for step in job.steps if _DOWNLOAD.search(step.text("uses") or "")]
    if any(_may_meet(upload, download) for upload in uploads for download in downloads):
        return "an artifact"
    if downloads and any(not _KNOWN.match(step.text("uses") or "actions/checkout@") for step in left.steps):
        return "an artifact, it may be,"
    return _shared_cache(left, job)


def _shared_cache(left: JobFacts, job: JobFacts) -> str | None:
    """The repository's own actions and those that cache: equal key texts name one cache, if no job id is in them."""
    keys = {key for step in left.steps if (key := _input(step, "key")) is not None and "github.job" not in key}
    if keys & {_input(step, "key") for step in job.steps}:
        return "a cache"
    return None


def feeds_the_world(workflow: WorkflowFacts, job: JobFacts) -> bool:
    """Whether a job that acts on the world takes something from this one, directly or through others."""
    reached, waiting = {job.job_id.lower()}, [job]
    while waiting:
        left = waiting.pop()
        for name, other in workflow.jobs.items():
            if name not in reached and left.job_id.lower() in workflow.ancestors(name) and _data(left, other):
                if guards_the_world(workflow, other):
                    return True
                reached.add(name)
                waiting.append(other)
    return False


def _reads_needs(job: JobFacts, name: str) -> bool:
    pattern = rf"\bneeds\s*(?:\.\s*|\[\s*['\"])(?:{re.escape(name)}(?![\w-])|\*)|toJSON\(\s*needs\s*\)"
    return re.search(pattern, job.source, re.IGNORECASE) is not None


def _artifact(step: StepFacts) -> str | None:
    return _input(step, "name")


def _input(step: StepFacts, name: str) -> str | None:
    inputs = step.values.get("with")
    pairs = inputs[-1] if inputs is not None and inputs[0] == "mapping" else ()
    found = {str(key): str(value[1]) for key, value in pairs} if isinstance(pairs, tuple) else {}
    return found.get(name)


def _may_meet(upload: str | None, download: str | None) -> bool:
    """Names that are absent or hold an expression may be anything."""
    return upload is None or download is None or "${{" in upload + download or upload == download
