"""A workflow as verification reads it: plain values by key, taken from the YAML tree."""

from __future__ import annotations

from dataclasses import dataclass, field

from makespan_optimizer.yaml.data import Value, value_of
from makespan_optimizer.yaml.nodes import AnyNode, Document, Entry, Mapping, Scalar, Sequence, resolved
from makespan_optimizer.yaml.reading import parse_document


@dataclass(frozen=True, slots=True)
class StepFacts:
    """A step: the value of each of its keys."""

    values: dict[str, Value]
    node: Mapping = field(repr=False)

    def text(self, key: str) -> str | None:
        """The text of a scalar key."""
        value = self.values.get(key)
        return str(value[1]) if value is not None and value[0] == "scalar" else None

    def without(self, *keys: str) -> dict[str, Value]:
        """All values but some."""
        return {key: value for key, value in self.values.items() if key not in keys}


@dataclass(frozen=True, slots=True)
class JobFacts:
    """A job: the value of each key, `needs` in lower case, and its steps.

    Attributes:
        source: The text of the job in the file.
    """

    job_id: str
    values: dict[str, Value]
    needs: frozenset[str]
    steps: tuple[StepFacts, ...]
    entry: Entry = field(repr=False)
    source: str = field(repr=False)

    @property
    def condition(self) -> str | None:
        """The text of `if`."""
        value = self.values.get("if")
        return str(value[1]) if value is not None and value[0] == "scalar" else None


@dataclass(frozen=True, slots=True)
class WorkflowFacts:
    """A workflow: the value of each key but `jobs`, and the jobs by id in lower case."""

    document: Document = field(repr=False)
    values: dict[str, Value]
    jobs: dict[str, JobFacts]

    def ancestors(self, job_id: str) -> frozenset[str]:
        """All jobs that end before a job starts."""
        seen: set[str] = set()
        waiting = list(self.jobs[job_id].needs)
        while waiting:
            name = waiting.pop()
            if name not in seen and name in self.jobs:
                seen.add(name)
                waiting.extend(self.jobs[name].needs)
        return frozenset(seen)


def read_facts(text: str, *, file: str) -> WorkflowFacts:
    """Read a workflow's facts.

    Raises:
        WorkflowError: Not YAML, or not shaped like a workflow.
    """
    document = parse_document(text, file=file)
    root = None if document.root is None else resolved(document.root)
    jobs = None if not isinstance(root, Mapping) else root.get("jobs")
    target = None if jobs is None else resolved(jobs)
    if not isinstance(root, Mapping) or not isinstance(target, Mapping):
        raise document.error("not a workflow with jobs", 0)
    return WorkflowFacts(
        document=document,
        values={entry.key.value: value_of(entry.value) for entry in root.entries if entry.key.value != "jobs"},
        jobs={entry.key.value.lower(): _job(document, entry) for entry in target.entries},
    )


def _job(document: Document, entry: Entry) -> JobFacts:
    node = resolved(entry.value)
    if not isinstance(node, Mapping):
        raise document.error(f"job {entry.key.value!r} is not a mapping", entry.key.start)
    return JobFacts(
        job_id=entry.key.value,
        values={
            part.key.value: value_of(part.value) for part in node.entries if part.key.value not in ("needs", "steps")
        },
        needs=frozenset(_words(node.get("needs"))),
        steps=tuple(_steps(document, node.get("steps"))),
        entry=entry,
        source=document.text[entry.key.start : entry.value.end],
    )


def _words(node: AnyNode | None) -> list[str]:
    target = None if node is None else resolved(node)
    items = target.items if isinstance(target, Sequence) else (target,)
    scalars = [resolved(item) for item in items if item is not None]
    return [scalar.value.lower() for scalar in scalars if isinstance(scalar, Scalar) and not scalar.is_null]


def _steps(document: Document, node: AnyNode | None) -> list[StepFacts]:
    target = None if node is None else resolved(node)
    found = []
    for item in target.items if isinstance(target, Sequence) else ():
        step = resolved(item)
        if not isinstance(step, Mapping):
            raise document.error("a step is not a mapping", item.start)
        found.append(StepFacts({entry.key.value: value_of(entry.value) for entry in step.entries}, step))
    return found
