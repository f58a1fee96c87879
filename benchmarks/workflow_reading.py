"""How fast, and how much of, real GitHub workflows are read.

    MAKESPAN_SHARED_DATA=DIR python benchmarks/workflow_reading.py [--rounds N] [--json]

Reads every file under DIR/workflows/github in this process: the YAML tree, the typed workflow, then every expression
with what its key may use. Times are CPU milliseconds, the least of some rounds, nothing cached between them; beside
them libyaml's bare events, the floor, and PyYAML's CSafeLoader, which knows neither places nor GitHub. With GitHub's
own parser (Node, MAKESPAN_GITHUB_PARSER) the verdicts are compared.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
import timeit
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median, quantiles

import yaml

from makespan_model.errors import WorkflowError
from makespan_optimizer.expressions import conditions, grammar, templates
from makespan_optimizer.workflow.expression_sites import expression_faults, expression_sites
from makespan_optimizer.workflow.model import Workflow
from makespan_optimizer.workflow.reading import read_workflow
from makespan_optimizer.yaml.nodes import Document
from makespan_optimizer.yaml.reading import parse_document

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests"))
from support.github_parser import running_github_parser

LARGE_LINES = range(400, 601)


@dataclass(frozen=True)
class Reading:
    """CPU milliseconds of one file."""

    lines: int
    events_ms: float
    safe_load_ms: float
    tree_ms: float
    workflow_ms: float
    expressions_ms: float


def measure(text: str, rounds: int) -> Reading:
    document = parse_document(text, file="workflow.yml")
    return Reading(
        lines=text.count("\n"),
        events_ms=_least_ms(lambda: [None for _ in yaml.parse(text, Loader=yaml.CLoader)], rounds),
        safe_load_ms=_least_ms(lambda: yaml.load(text, Loader=yaml.CSafeLoader), rounds),
        tree_ms=_least_ms(lambda: _parsed(text), rounds),
        workflow_ms=_least_ms(lambda: _read(text), rounds),
        expressions_ms=_least_ms(lambda: _faults(document), rounds),
    )


def _parsed(text: str) -> Document:
    parse_document.cache_clear()
    return parse_document(text, file="workflow.yml")


def _read(text: str) -> Workflow:
    parse_document.cache_clear()
    return read_workflow(text, file="workflow.yml")


def _faults(document: Document) -> object:
    grammar._parse.cache_clear()
    templates.read_template.cache_clear()
    conditions.read_condition.cache_clear()
    return expression_faults(document)


def _least_ms(work: Callable[[], object], rounds: int) -> float:
    return min(timeit.repeat(work, number=1, repeat=rounds, timer=time.process_time)) * 1e3


def corpus() -> list[tuple[str, str]]:
    folder = Path(os.environ.get("MAKESPAN_SHARED_DATA", "/nonexistent")) / "workflows" / "github"
    paths = sorted(path for path in folder.rglob("*") if path.suffix in (".yml", ".yaml"))
    return [(str(path.relative_to(folder)), path.read_bytes().decode("utf-8")) for path in paths]


def verdicts(files: Sequence[tuple[str, str]]) -> dict[str, int]:
    """How many files both take, only one takes, or neither does."""
    counts: Counter[str] = Counter()
    with running_github_parser() as parser:
        for name, text in files:
            try:
                ours = not expression_faults(read_workflow(text, file=name).document)
            except WorkflowError:
                ours = False
            theirs = not parser.workflow_errors(text)
            counts[f"{'taken' if ours else 'refused'} here, {'taken' if theirs else 'refused'} by GitHub's parser"] += 1
    return dict(counts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="of every file (default: %(default)s)")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    files = corpus()
    if not files:
        print("nothing to measure: MAKESPAN_SHARED_DATA names no directory with workflows/github", file=sys.stderr)
        return
    readings, refused, sites = [], {}, 0
    grammar.parse_expression("true")  # Lark is made once a process.
    for name, text in files:
        try:
            document = read_workflow(text, file=name).document
        except WorkflowError as refusal:
            refused[name] = refusal.what
            continue
        sites += sum(1 for _ in expression_sites(document))
        readings.append(measure(text, arguments.rounds))
    judged = verdicts(files) if os.environ.get("MAKESPAN_GITHUB_PARSER") and shutil.which("node") else None
    report(readings, refused, sites, judged, as_json=arguments.json)


def report(
    readings: Sequence[Reading], refused: dict[str, str], sites: int, judged: dict[str, int] | None, *, as_json: bool
) -> None:
    large = [one for one in readings if one.lines in LARGE_LINES]
    columns = ("events_ms", "safe_load_ms", "tree_ms", "workflow_ms", "expressions_ms")
    table = {
        column: {
            "median": median(getattr(one, column) for one in readings),
            "p95": quantiles((getattr(one, column) for one in readings), n=20)[-1],
            "most": max(getattr(one, column) for one in readings),
            "median of 400-600 lines": median(getattr(one, column) for one in large),
            "per 500 lines": 500 * sum(getattr(one, column) for one in readings) / sum(one.lines for one in readings),
        }
        for column in columns
    }
    if as_json:
        found = {"files": len(readings), "refused": refused, "expression_sites": sites, "ms": table, "verdicts": judged}
        print(json.dumps(found, indent=2))
        return
    print(f"{len(readings)} files read, {len(refused)} refused, {sites} places with expressions")
    print(f"{len(large)} files of 400-600 lines")
    for name, reason in refused.items():
        print(f"  refused {name}: {reason}")
    print(f"{'CPU ms':<16}" + "".join(f"{heading:>25}" for heading in table["tree_ms"]))
    for column, row in table.items():
        print(f"{column.removesuffix('_ms'):<16}" + "".join(f"{value:>25.2f}" for value in row.values()))
    for verdict, count in sorted((judged or {}).items()):
        print(f"{count:5} {verdict}")


if __name__ == "__main__":
    main()
