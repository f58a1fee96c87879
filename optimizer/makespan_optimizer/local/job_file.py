"""One job of a workflow as a workflow of its own, which act runs under the agent.

act starts jobs in levels: a job whose `needs` are done still waits for its whole level. GitHub does
not. So every job gets its own file and its own act, started when its own `needs` are done. What the
job would read of its `needs` (results, outputs) comes from one tiny job per need that ends as the
real one did, so that conditions, `needs.*` expressions and status functions keep their meaning.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

import yaml

from makespan_model.records import StepKind
from makespan_optimizer.local import yaml_tree
from makespan_optimizer.local.captures import capture_step
from makespan_optimizer.local.need_stubs import RUNNER_LABEL, NeedOutcome, stub_jobs
from makespan_optimizer.local.stand_ins import STAND_INS, StandIn, action_name, runs_here
from makespan_optimizer.workflow.model import Job, Workflow

_STATUS_FUNCTION = re.compile(r"\b(always|failure|cancelled|success)\s*\(", re.IGNORECASE)
_OTHER_SYSTEMS = ("windows", "macos")


@dataclass(frozen=True, slots=True)
class StepLabel:
    """What the agent calls a step of the copy: it only sees act's step key."""

    name: str
    index: int
    kind: StepKind


@dataclass(frozen=True, slots=True)
class JobFile:
    """The copy of one job.

    Attributes:
        text: The workflow to run.
        steps: act's step key (the step's id, or its position) to its label.
        outputs: Names of the job's outputs, in the order they are captured.
        notes: What runs differently here, or does not run, one sentence each.
    """

    text: str
    steps: Mapping[str, StepLabel]
    outputs: tuple[str, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wrapper:
    """How the copy calls the agent and the stand-ins.

    Attributes:
        shell: Command of `makespan shell`, already quoted.
        python: Interpreter that has makespan installed.
    """

    shell: tuple[str, ...]
    python: str

    def shell_for(self, declared: str | None) -> str:
        """Value of a `shell:` key that runs what `declared` would have run, under the agent."""
        chosen = [] if declared is None else ["--as", declared]
        return f"{shlex.join([*self.shell, *chosen])} {{0}}"


def build_job_file(workflow: Workflow, job: Job, needs: Mapping[str, NeedOutcome], wrapper: Wrapper) -> JobFile:
    """Cut one job out of a workflow.

    Args:
        workflow: The workflow as read.
        job: A job of it that has `steps`.
        needs: How each job that it needs has ended.
        wrapper: How to call the agent.
    """
    root = yaml_tree.compose(workflow.text)
    job_id = job.job_id
    node = yaml_tree.get(yaml_tree.get(root, "jobs"), job_id)
    assert isinstance(node, yaml.MappingNode)
    builder = _JobBuilder(job, wrapper)
    builder.rewrite_job(node)
    jobs: dict[str, object] = {}
    if _reads_needs(node, needs):
        jobs = stub_jobs(needs)
    else:
        yaml_tree.drop(node, "needs")
    yaml_tree.put(root, "jobs", {})
    job_nodes = yaml_tree.get(root, "jobs")
    assert isinstance(job_nodes, yaml.MappingNode)
    for name, stub in jobs.items():
        yaml_tree.put(job_nodes, name, stub)
    yaml_tree.put(job_nodes, job_id, node)
    yaml_tree.put(root, "on", {"push": None})
    yaml_tree.drop(root, "concurrency", "run-name")
    _wrap_defaults(root, wrapper)
    return JobFile(yaml_tree.serialize(root), builder.steps, builder.outputs, tuple(builder.notes))


def blocked_reason(job: Job) -> str | None:
    """Why a job cannot run on this machine at all, or None when it can."""
    if job.uses is not None:
        return f"calls the reusable workflow {job.uses}"
    for label in (job.runs_on or "").lower().split(","):
        if label.strip().partition("-")[0] in _OTHER_SYSTEMS:
            return f"runs on {job.runs_on}"
    if any(step.control is not None or step.background for step in job.steps):
        return "has steps that run beside each other (parallel, background)"
    return None if job.steps else "has no steps"


def skipped_by_needs(job: Job, needs: Mapping[str, NeedOutcome]) -> bool:
    """Whether GitHub would skip the job without evaluating more.

    It does when a need, or a job behind one, did not succeed and the condition names no status function.
    """
    all_succeeded = all(outcome.is_clean for outcome in needs.values())
    return not all_succeeded and not _STATUS_FUNCTION.search(job.condition or "")


class _JobBuilder:
    """Rewrites the parts of one job and collects what has to be said about it."""

    def __init__(self, job: Job, wrapper: Wrapper) -> None:
        self.job = job
        self.job_id = job.job_id
        self.wrapper = wrapper
        self.steps: dict[str, StepLabel] = {}
        self.outputs: tuple[str, ...] = ()
        self.notes: list[str] = []

    def rewrite_job(self, job: yaml.MappingNode) -> None:
        for key in ("container", "services"):
            if yaml_tree.get(job, key) is not None:
                self.notes.append(f"job {self.job_id}: {key} is left out, the job runs on this machine itself")
        yaml_tree.drop(job, "container", "services", "concurrency", "environment")
        if self.job.has_matrix and "${{" in (self.job.defaults.shell or ""):
            self.notes.append(
                f"job {self.job_id}: defaults.run.shell is an expression, which act evaluates once: "
                "every leg gets the shell of the first"
            )
        yaml_tree.put(job, "runs-on", RUNNER_LABEL)
        _wrap_defaults(job, self.wrapper, only_if_declared=True)
        if yaml_tree.get(job, "strategy") is not None:
            self._name_the_matrix(job)
        steps = yaml_tree.get(job, "steps")
        assert isinstance(steps, yaml.SequenceNode)
        posts: list[dict[str, object]] = []
        for index, step in enumerate(list(steps.value)):
            # A shared node (an alias) would be rewritten twice.
            own = yaml.MappingNode(step.tag, list(step.value))
            steps.value[index] = own
            self._rewrite_step(own, index, posts)
        for post in reversed(posts):
            self.steps[str(len(steps.value))] = StepLabel(str(post["name"]), len(steps.value), StepKind.USES)
            steps.value.append(yaml_tree.to_node(post))
        self._capture(job, steps)

    def _name_the_matrix(self, job: yaml.MappingNode) -> None:
        """No variable of act or GitHub holds the matrix values, and the agent names the job by them."""
        declared = yaml_tree.get(job, "env")
        # A copy: an alias may share the mapping with the workflow's own `env`, where no matrix exists.
        env = yaml.MappingNode(
            "tag:yaml.org,2002:map", list(declared.value) if isinstance(declared, yaml.MappingNode) else []
        )
        yaml_tree.put(job, "env", env)
        yaml_tree.put(env, "MAKESPAN_MATRIX", "${{ toJSON(matrix) }}")

    def _rewrite_step(self, step: yaml.MappingNode, index: int, posts: list[dict[str, object]]) -> None:
        read = self.job.steps[index]
        uses, title = read.uses, read.display_name
        kind = StepKind.RUN if uses is None else StepKind.USES
        key = read.step_id or str(index)
        self.steps[key] = StepLabel(title, index, kind)
        if uses is None:
            if read.shell is not None:
                yaml_tree.put(step, "shell", self.wrapper.shell_for(read.shell))
            return
        if runs_here(uses):
            return
        stand_in = STAND_INS.get(action_name(uses))
        if stand_in is None:
            self.notes.append(f"job {self.job_id}: {uses} cannot run here and is left out")
            self._replace_action(step, "true", {}, under_agent=False)
            # No agent and no label: what did not run must not be recorded as a step that took no time.
            del self.steps[key]
            return
        inputs = {
            f"MAKESPAN_INPUT_{key.upper().replace('-', '_')}": value
            for key, value in yaml_tree.items(yaml_tree.get(step, "with"))
        }
        inputs["MAKESPAN_ACTION_STEP"] = yaml_tree.to_node(str(index))
        self._replace_action(step, self._call(stand_in, stand_in.command), inputs)
        if stand_in.at_job_end:
            posts.append(
                {
                    "name": f"Post {title}",
                    "if": "success()",
                    "shell": self.wrapper.shell_for(None),
                    "working-directory": ".",
                    "env": {"MAKESPAN_ACTION_STEP": str(index)},
                    "run": self._call(stand_in, stand_in.at_job_end),
                }
            )

    def _call(self, stand_in: StandIn, command: str) -> str:
        module = f"makespan_optimizer.local.actions.{stand_in.module}"
        return shlex.join([self.wrapper.python, "-m", module, command])

    def _replace_action(
        self, step: yaml.MappingNode, command: str, inputs: Mapping[str, yaml.Node], *, under_agent: bool = True
    ) -> None:
        env = yaml.MappingNode("tag:yaml.org,2002:map", [])
        for name, value in yaml_tree.items(yaml_tree.get(step, "env")):
            yaml_tree.put(env, name, value)
        for name, value in inputs.items():
            yaml_tree.put(env, name, value)
        yaml_tree.drop(step, "uses", "with", "env")
        if env.value:
            yaml_tree.put(step, "env", env)
        yaml_tree.put(step, "run", command)
        # An action does not follow `defaults.run`; its stand-in must not either.
        yaml_tree.put(step, "shell", self.wrapper.shell_for(None) if under_agent else "bash {0}")
        yaml_tree.put(step, "working-directory", ".")

    def _capture(self, job: yaml.MappingNode, steps: yaml.SequenceNode) -> None:
        declared = list(yaml_tree.items(yaml_tree.get(job, "outputs")))
        self.outputs = tuple(name for name, _ in declared)
        tolerated = self.job.continue_on_error
        step = capture_step(
            [yaml_tree.scalar(value) or "" for _, value in declared],
            tolerated if tolerated is not None and "${{" in tolerated else None,
        )
        if step is not None:
            steps.value.append(yaml_tree.to_node(step))


def _wrap_defaults(owner: yaml.MappingNode, wrapper: Wrapper, *, only_if_declared: bool = False) -> None:
    """Give `defaults.run.shell` the agent, keeping the shell that was declared there."""
    declared = yaml_tree.scalar(yaml_tree.get(yaml_tree.get(yaml_tree.get(owner, "defaults"), "run"), "shell"))
    if declared is None and only_if_declared:
        return
    kept = {
        key: value
        for key, value in yaml_tree.items(yaml_tree.get(yaml_tree.get(owner, "defaults"), "run"))
        if key != "shell"
    }
    run = yaml.MappingNode("tag:yaml.org,2002:map", [])
    yaml_tree.put(run, "shell", wrapper.shell_for(declared))
    for key, value in kept.items():
        yaml_tree.put(run, key, value)
    defaults = yaml.MappingNode("tag:yaml.org,2002:map", [])
    yaml_tree.put(defaults, "run", run)
    yaml_tree.put(owner, "defaults", defaults)


def _reads_needs(job: yaml.MappingNode, needs: Mapping[str, NeedOutcome]) -> bool:
    """Whether the job could tell its needs from needs that succeeded without outputs."""
    if not needs:
        return False
    if not all(outcome.is_clean for outcome in needs.values()):
        return True
    copy = yaml.MappingNode(job.tag, [(key, value) for key, value in job.value if key.value != "needs"])
    return re.search(r"\bneeds\b", yaml_tree.serialize(copy)) is not None
