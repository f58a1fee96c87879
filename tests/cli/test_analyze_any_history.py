"""Whatever a history holds, an analysis of it can be printed, written as JSON, and remembered."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st
from rich.console import Console

from makespan_analytics.findings.ledger_file import ledger_path, read_ledger
from makespan_analytics.pipeline_report import analyze_one
from makespan_analytics.profiles.pipeline_history import pipeline_history
from makespan_cli.analysis_json import report_as_json
from makespan_cli.kept_findings import keep_findings
from makespan_cli.rendering.finding_table import print_all_findings
from makespan_cli.rendering.report_page import print_report
from makespan_model.errors import InputError
from makespan_model.identity import RunIdentity
from makespan_model.records import CacheOutcome, JobRun, PipelineRun, Result, StepRun, Usage
from support.pipeline_histories import moved
from support.pipeline_runs import SECOND, graph_runs, messy_runs

usages = st.builds(
    Usage,
    cpu_user_s=st.none() | st.floats(0, 100),
    memory_peak_bytes=st.none() | st.integers(0, 2**40),
    oom_kills=st.none() | st.integers(0, 3),
    throttled_s=st.none() | st.floats(0, 100),
    cpu_limit_cores=st.none() | st.floats(0.1, 64),
    memory_limit_bytes=st.none() | st.integers(1, 2**40),
    host_cpus=st.none() | st.integers(1, 64),
)
labels = st.sampled_from([None, (), ("ubuntu-latest",), ("self-hosted", "big"), ("none\x1b[31m",)])


@st.composite
def histories(draw: st.DrawFn) -> list[PipelineRun]:
    """Runs of any shape, some of one commit, some again, with whatever was measured, in order of their start."""
    shapes = draw(st.lists(messy_runs() | graph_runs(), min_size=1, max_size=3))
    return [_run(draw, shapes[number % len(shapes)], number) for number in range(draw(st.integers(1, 24)))]


def _run(draw: st.DrawFn, shape: PipelineRun, number: int) -> PipelineRun:
    result = draw(st.sampled_from([Result.SUCCESS, Result.SUCCESS, Result.FAILURE, Result.CANCELLATION]))
    every_ns = 3_600 * SECOND
    return replace(
        moved(replace(shape, jobs=tuple(_job(draw, item) for item in shape.jobs)), number * every_ns),
        identity=RunIdentity(draw(st.sampled_from(["github", "gitlab", "plain"])), "octo/\x07app", str(number)),
        commit=draw(st.sampled_from([None, "a", "b"])),
        ref=draw(st.sampled_from([None, "main", "topic"])),
        event=draw(st.sampled_from([None, "push", "pull_request"])),
        result=result,
    )


def _job(draw: st.DrawFn, item: JobRun) -> JobRun:
    return replace(item, runner_labels=draw(labels), steps=tuple(_step(draw, one) for one in item.steps))


def _step(draw: st.DrawFn, item: StepRun) -> StepRun:
    return replace(
        item,
        result=draw(st.sampled_from([Result.SUCCESS, Result.FAILURE, Result.SKIP])),
        usage=draw(usages),
        cache_outcome=draw(st.none() | st.sampled_from(CacheOutcome)),
        exit_code=draw(st.sampled_from([None, 0, 137])),
    )


@settings(max_examples=40)
@given(histories(), st.sampled_from([40, 80, 120]), st.booleans())
def test_any_history_is_told_or_refused_with_a_reason(runs: list[PipelineRun], columns: int, ascii_only: bool) -> None:
    try:
        report = analyze_one(runs, own_usd_per_hour={"big": 3.6}, recent_runs=10)
    except InputError:
        event("needs form a circle")  # What is refused has a test of its own: test_precedence.py.
        return
    event(f"{min(len(report.findings), 3)} findings")
    with TemporaryDirectory() as folder:
        kept = keep_findings(folder, report, {})
        path = ledger_path(Path(folder), report.repository, report.pipeline)
        assert {one.finding.finding_id for one in kept} == set(read_ledger(path))
    assert [one.finding for one in kept] == list(report.findings)
    profiles = pipeline_history(runs)
    told: Any = json.loads(json.dumps(report_as_json(report, kept, profiles), allow_nan=False))
    assert [one["id"] for one in told["findings"]] == [one.finding_id for one in report.findings]
    out = io.StringIO()
    console = Console(file=out, width=columns, highlight=False, markup=False, emoji=False)
    console.options.encoding = "ascii" if ascii_only else "utf-8"
    print_report(console, report, kept, profiles)
    print_all_findings(console, kept)
    text = out.getvalue()
    assert "\x1b" not in text
    assert "\x07" not in text
