"""How fast, and how much of, real GitLab configurations are read.

    MAKESPAN_SHARED_DATA=DIR python benchmarks/gitlab_reading.py [--rounds N] [--json]

Reads every `OWNER__REPO.gitlab-ci.yml` under DIR/workflows/gitlab in this process, with its local includes from the
folder OWNER__REPO. Times are CPU milliseconds, the least of some rounds, nothing cached between them; beside them
libyaml's bare events over the same files, the floor.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
import timeit
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import yaml

from makespan_model.errors import WorkflowError
from makespan_optimizer.gitlab import conditions
from makespan_optimizer.gitlab.graph import build_graph
from makespan_optimizer.gitlab.pipeline import Pipeline
from makespan_optimizer.gitlab.reading import read_pipeline
from makespan_optimizer.repository import repository_at


@dataclass(frozen=True)
class Reading:
    """CPU milliseconds of one configuration with what it includes."""

    name: str
    lines: int
    files: int
    jobs: int
    edges: int
    events_ms: float
    read_ms: float
    graph_ms: float


def measure(path: Path, rounds: int) -> Reading:
    text = path.read_bytes().decode("utf-8")
    repository = repository_at(path.with_name(path.name.removesuffix(".gitlab-ci.yml")))
    repository.paths()

    def read() -> Pipeline:
        conditions.parse_condition.cache_clear()
        return read_pipeline(text, file=path.name, repository=repository)

    pipeline = read()
    texts = [document.text for document in pipeline.documents.values()]
    return Reading(
        name=path.name.removesuffix(".gitlab-ci.yml"),
        lines=sum(each.count("\n") for each in texts),
        files=len(texts),
        jobs=len(pipeline.instances),
        edges=len(build_graph(pipeline).edges),
        events_ms=_least_ms(lambda: [list(yaml.parse(each, Loader=yaml.CLoader)) for each in texts], rounds),
        read_ms=_least_ms(read, rounds),
        graph_ms=_least_ms(lambda: build_graph(pipeline), rounds),
    )


def _least_ms(work: Callable[[], object], rounds: int) -> float:
    return min(timeit.repeat(work, number=1, repeat=rounds, timer=time.process_time)) * 1e3


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    corpus = Path(os.environ.get("MAKESPAN_SHARED_DATA", "/nonexistent")) / "workflows" / "gitlab"
    if not corpus.is_dir():
        print("nothing to measure: MAKESPAN_SHARED_DATA names no directory with workflows/gitlab", file=sys.stderr)
        return
    readings, refused = [], {}
    for path in sorted(corpus.glob("*.gitlab-ci.yml")):
        try:
            readings.append(measure(path, arguments.rounds))
        except WorkflowError as error:
            refused[path.name] = str(error)
    if arguments.json:
        print(json.dumps({"read": [asdict(reading) for reading in readings], "refused": refused}, indent=2))
        return
    headings = f"{'lines':>6}{'files':>6}{'jobs':>6}{'edges':>7}{'events ms':>11}{'read ms':>9}{'graph ms':>10}"
    print(f"{'configuration':34}{headings}")
    for each in sorted(readings, key=lambda reading: reading.lines):
        print(
            f"{each.name:34}{each.lines:6}{each.files:6}{each.jobs:6}{each.edges:7}"
            f"{each.events_ms:11.2f}{each.read_ms:9.2f}{each.graph_ms:10.2f}"
        )
    if readings:
        print(f"median of read ms per 500 lines: {median(500 * each.read_ms / each.lines for each in readings):.2f}")
    for name, reason in refused.items():
        print(f"refused {name}: {reason}")


if __name__ == "__main__":
    main()
