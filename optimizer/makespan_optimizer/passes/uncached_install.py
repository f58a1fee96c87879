"""A dependency install that starts from nothing in every run, where a cache step would bring it back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from makespan_model.units import format_bytes, format_duration
from makespan_optimizer.claims import AddedCache, AddedStepId, Claim
from makespan_optimizer.expressions.values import UNKNOWN, Unknown, is_primitive, to_text
from makespan_optimizer.graph.gates import acts_on_the_world, is_release_workflow
from makespan_optimizer.graph.jobs import build_graph
from makespan_optimizer.passes.cache_plan import CachePlan, plan_cache
from makespan_optimizer.passes.evidence import Evidence
from makespan_optimizer.passes.findings import EvidenceLevel, Finding, PassInfo
from makespan_optimizer.prediction.estimates import StepEstimate
from makespan_optimizer.workflow.matrix import Matrix, Vector
from makespan_optimizer.workflow.model import Job, Pairs, Step, Workflow, content_key
from makespan_optimizer.yaml.edits import Edit, append_entries, insert_items

PASS: Final = PassInfo(
    name="uncached_install",
    ceiling="measured",
    summary="a dependency install that no cache makes cheaper",
    docs="passes/uncached_install.md",
)

# actions/cache v4.2.3; a tag can be moved, a commit cannot.
CACHE_ACTION: Final = "actions/cache@5a3ec84eff668545956fd18022155c47e93e2684"
CACHE_VERSION: Final = "v4.2.3"

# A lookup, a download and an unpack cost one to three seconds on hosted runners even for small entries:
# below five seconds there is nothing to win that a run's own noise would not hide.
WORTH_CACHING_S: Final = 5.0
# What pip needs to see that everything pinned is there already.
RECHECK_S: Final = 1.5
# With all archives at hand an install still resolves, unpacks and compiles: about six tenths are left.
DOWNLOADED_RATIO: Final = 0.6
# Used where nobody measured what an install writes.
UNMEASURED_BYTES: Final = 150_000_000

# Code of others runs in the base repository's name under these: what they cache would reach trusted runs.
_UNTRUSTED_TRIGGERS = frozenset({"pull_request_target", "workflow_run", "issue_comment"})
# Set-up actions that cache by themselves; setup-node does from version 5, setup-uv from version 1 on.
_OWN_CACHE_INPUTS = ("cache", "enable-cache", "bundler-cache", "cache-dependency-path")


@dataclass(frozen=True, slots=True)
class _Target:
    before: int
    step_text: str
    python_step: int | None
    python_id: str


def find(workflow: Workflow, evidence: Evidence) -> list[Finding]:
    """Installs without a cache, one finding a job."""
    if is_release_workflow(workflow) or _UNTRUSTED_TRIGGERS & set(workflow.triggers):
        return []
    graph = build_graph(workflow)
    gates = {job.job_id for job in workflow.jobs if acts_on_the_world(job, workflow)}
    # What a poisoned cache gets into must not be released: neither by the job itself nor by one it hands over to.
    safe = [job for job in workflow.jobs if job.job_id not in gates and not graph.feeds(job.job_id) & gates]
    return [finding for job in safe for finding in _in_job(job, workflow, evidence)]


def rewrite(workflow: Workflow, finding: Finding) -> list[Edit]:
    """Insert the cache step before what makes or fills the environment; the install itself stays as it is."""
    target = finding.target
    assert isinstance(target, _Target)
    steps = ("jobs", finding.job_id, "steps")
    edits = []
    if target.python_step is not None:
        path = (*steps, target.python_step)
        edits.append(append_entries(workflow.document, path, f"id: {target.python_id}\n", after="uses"))
    edits.append(insert_items(workflow.document, steps, target.before, target.step_text))
    return edits


def _in_job(job: Job, workflow: Workflow, evidence: Evidence) -> Iterator[Finding]:
    if job.shared or any(step.control for step in job.steps) or _is_cached(job):
        return
    plan = plan_cache(workflow, job, evidence.files)
    key = None if plan is None else _key(job, plan)
    if plan is None or key is None:
        return
    cold_s = _measured_s(job, plan, evidence)
    if cold_s is not None and cold_s < WORTH_CACHING_S:
        return
    estimates = _estimates(job, plan, key, evidence) if cold_s is not None else ()
    saving_s = sum(estimate.cold_s for estimate in estimates[1:]) - sum(estimate.warm_s for estimate in estimates)
    if estimates and saving_s <= 0:
        return
    level, why_level = _level(job, plan, cold_s)
    first = job.steps[plan.installs[0]]
    time = f" takes {format_duration(cold_s)}" if cold_s is not None else " starts from nothing"
    yield Finding(
        pass_name=PASS.name,
        job_id=job.job_id,
        place=first.span,
        what=f"the install in job {job.job_id!r}{time} in every run and nothing caches it",
        why=f"A cache of {plan.path} brings it back; the install still runs and corrects what differs. {why_level}",
        evidence=level,
        claims=_claims(job, plan),
        saving_s=saving_s if estimates else None,
        estimates=estimates,
        target=_target(job, plan, key),
    )


def _is_cached(job: Job) -> bool:
    for step in (inner for outer in job.steps for inner in (outer, *outer.parallel)):
        action = step.action or ""
        if "cache" in action or action == "astral-sh/setup-uv":
            return True
        version = re.search(r"@v(\d+)", step.uses or "")
        if action == "actions/setup-node" and version and int(version[1]) >= 5:
            return True
        if any((step.input(name) or "false") != "false" for name in _OWN_CACHE_INPUTS):
            return True
    return False


def _measured_s(job: Job, plan: CachePlan, evidence: Evidence) -> float | None:
    """Median seconds of the installs; one that is repeated counts once, another pass deals with it."""
    profiles = [evidence.step(job.job_id, step) for step in _distinct(job, plan)]
    known = [profile.duration_s for profile in profiles if profile is not None]
    return sum(known) if known else None


def _distinct(job: Job, plan: CachePlan) -> list[Step]:
    return list({job.steps[index].content_key: job.steps[index] for index in reversed(plan.installs)}.values())[::-1]


def _level(job: Job, plan: CachePlan, cold_s: float | None) -> tuple[EvidenceLevel, str]:
    if cold_s is None:
        return "assumed", "No run has measured the install."
    if plan.requirements.loose:
        return "assumed", f"A cached install may be older than a fresh one: {plan.requirements.loose}."
    if not plan.pure:
        return "assumed", "The step does more than install, which the measured time does not tell apart."
    if job.container is not None and plan.is_environment:
        return "assumed", "The container's image, and with it its Python, may change under the same tag."
    return "measured", f"Everything it installs is pinned, and {format_duration(WORTH_CACHING_S)} or more is at stake."


def _claims(job: Job, plan: CachePlan) -> tuple[Claim, ...]:
    claims: tuple[Claim, ...] = (AddedCache(job.job_id),)
    if plan.python_step is not None and job.steps[plan.python_step].step_id is None:
        claims = (*claims, AddedStepId(job.job_id, _python_id(job, plan.python_step)))
    return claims


def _python_id(job: Job, index: int) -> str:
    own = job.steps[index].step_id
    if own is not None:
        return own
    taken = {step.step_id for step in job.steps}
    return next(name for n in range(len(taken) + 1) if (name := f"setup-python{n or ''}") not in taken)


def _key(job: Job, plan: CachePlan) -> str | None:
    """The cache key; None when it could not tell two environments apart."""
    parts = ["makespan", "${{ github.job }}", "${{ runner.os }}", "${{ runner.arch }}"]
    if plan.python_step is not None:
        parts.append("python${{ steps." + _python_id(job, plan.python_step) + ".outputs.python-version }}")
    if job.has_matrix and plan.is_environment:
        axes = _plain_axes(job)
        if axes is None:
            return None
        parts += [f"${{{{ matrix.{axis} }}}}" for axis in axes]
    parts.append(plan.digest)
    if plan.requirements.paths:
        if any("'" in path for path in plan.requirements.paths):
            return None
        parts.append("${{ hashFiles(" + ", ".join(f"'{path}'" for path in plan.requirements.paths) + ") }}")
    return "-".join(parts)


def _plain_axes(job: Job) -> list[str] | None:
    """Names of the matrix's axes; None unless all values are texts without a comma, which keys must not contain."""
    matrix = job.matrix
    if not isinstance(matrix, Matrix) or matrix.include or matrix.exclude or matrix.has_computed_keys:
        return None
    names = [vector.name for vector in matrix.vectors]
    plain = all(_is_plain(vector) for vector in matrix.vectors)
    return names if plain and all(re.fullmatch(r"[A-Za-z_][\w-]*", name) for name in names) else None


def _is_plain(vector: Vector) -> bool:
    if isinstance(vector.values, Unknown):
        return False
    texts = [to_text(value) if value is not None and is_primitive(value) else UNKNOWN for value in vector.values]
    return all(not isinstance(text, Unknown) and "," not in text for text in texts)


def _step_parts(plan: CachePlan, key: str) -> tuple[str, Pairs]:
    what = "the environment" if plan.is_environment else "downloaded packages"
    return f"Cache {what} ({plan.path})", (("path", plan.path), ("key", key))


def _target(job: Job, plan: CachePlan, key: str) -> _Target:
    name, inputs = _step_parts(plan, key)
    lines = [f"- name: {name}", f"  uses: {CACHE_ACTION} # {CACHE_VERSION}", "  with:"]
    lines += [f"    {field}: {value}" for field, value in inputs]
    needs_id = plan.python_step is not None and job.steps[plan.python_step].step_id is None
    python_id = _python_id(job, plan.python_step) if plan.python_step is not None else ""
    return _Target(plan.before, "\n".join(lines) + "\n", plan.python_step if needs_id else None, python_id)


def _estimates(job: Job, plan: CachePlan, key: str, evidence: Evidence) -> tuple[StepEstimate, ...]:
    """The cache step's estimate first, then one for each install."""
    touched = [step for step in job.steps if plan.before <= step.index <= plan.installs[-1]]
    written = [profile.io_write_bytes for step in touched if (profile := evidence.step(job.job_id, step)) is not None]
    known = sum(count for count in written if count is not None)
    size = known or UNMEASURED_BYTES
    source = "measured writes of the install" if known else "assumed, nobody measured what the install writes"
    speed = evidence.cache_speed
    save_s, restore_s = size / speed.save_bytes_per_s, size / speed.restore_bytes_per_s
    cache = StepEstimate(
        job_id=job.job_id,
        content_key=content_key(uses=CACHE_ACTION, with_=_step_parts(plan, key)[1]),
        cold_s=speed.lookup_s + save_s,
        warm_s=speed.lookup_s + restore_s,
        cold_cpu_s=save_s,
        warm_cpu_s=restore_s,
        basis=f"{format_bytes(size)} ({source}) packed at {format_bytes(speed.save_bytes_per_s)}/s and unpacked at "
        f"{format_bytes(speed.restore_bytes_per_s)}/s",
    )
    installs = [_install_estimate(job, step, plan, evidence) for step in _distinct(job, plan)]
    return (cache, *(estimate for estimate in installs if estimate is not None))


def _install_estimate(job: Job, step: Step, plan: CachePlan, evidence: Evidence) -> StepEstimate | None:
    profile = evidence.step(job.job_id, step)
    if profile is None:
        return None
    cpu_s = profile.cpu_s if profile.cpu_s is not None else profile.duration_s
    if plan.is_environment:
        ratio = min(1.0, RECHECK_S / profile.duration_s)
        how = f"{format_duration(RECHECK_S)} to see that everything is there"
    else:
        ratio = DOWNLOADED_RATIO
        how = f"{DOWNLOADED_RATIO:.0%} of it is left when nothing must be downloaded"
    return StepEstimate(
        job_id=job.job_id,
        content_key=step.content_key,
        cold_s=profile.duration_s,
        warm_s=profile.duration_s * ratio,
        cold_cpu_s=cpu_s,
        warm_cpu_s=cpu_s * ratio,
        basis=f"median of {profile.runs} runs; {how}",
    )
