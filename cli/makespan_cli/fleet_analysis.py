"""`makespan analyze --all`: its arguments, who does the work, how far it is, and what is printed."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from makespan_cli.standing_arguments import is_said
from makespan_model.errors import ExitCode, UnavailableError, UsageError

if TYPE_CHECKING:
    from makespan_analytics.fleet.chunk_analysis import FleetOptions, OpenStore
    from makespan_analytics.fleet.fleet_report import FleetReport, Progress, Workers
    from makespan_model.setting_tables import Settings

_MOST_WORKERS = 256


def add_fleet_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what is about all pipelines at once."""
    parser.add_argument(
        "--all", action="store_true", help="every pipeline of the store, ranked by what there is to be gained"
    )
    parser.add_argument(
        "--workers", type=int, metavar="N", help="with --all: processes (default: one for every CPU this one may use)"
    )
    parser.add_argument(
        "--dask",
        metavar="ADDRESS",
        help="with --all: the workers of the Dask cluster whose scheduler is at tcp://HOST:PORT",
    )


def check_fleet_arguments(arguments: argparse.Namespace) -> None:
    """Let through what goes together.

    Raises:
        UsageError: Something does not.
    """
    if not arguments.all:
        lonely = next((name for name in ("workers", "dask") if getattr(arguments, name) is not None), None)
        if lonely is not None:
            raise UsageError(f"--{lonely} needs --all")
        return
    if arguments.pipeline is not None:
        raise UsageError(f"--all is every pipeline, not {arguments.pipeline!r} alone")
    if arguments.findings or is_said(arguments):
        raise UsageError("--all ranks pipelines; findings are shown and answered one pipeline at a time")
    if arguments.workers is not None and arguments.dask is not None:
        raise UsageError("--workers are processes of this machine, --dask are those of a cluster; name one of them")
    if arguments.workers is not None and not 1 <= arguments.workers <= _MOST_WORKERS:
        raise UsageError(f"--workers must be within 1 and {_MOST_WORKERS}, not {arguments.workers}")


def is_fleet_meant(arguments: argparse.Namespace) -> bool:
    """Whether no pipeline is named, and nothing asked for that is about one alone."""
    return arguments.pipeline is None and not arguments.findings and not is_said(arguments)


def has_several(settings: Settings, repository: str | None) -> bool:
    """Whether the store has several pipelines, of a repository where one is given.

    Raises:
        UnavailableError: There is no history.
    """
    from makespan_collector.store.places import open_configured

    with open_configured(settings, read_only=True) as store:
        return sum(repository in (None, one.repository) for one in store.pipelines()) > 1


def execute_fleet(arguments: argparse.Namespace, settings: Settings, *, history_runs: int) -> int:
    """Analyse every pipeline and print the table.

    Args:
        arguments: Of `add_fleet_arguments`, with `runs`, `repository` and `json`.
        settings: Where the store is, and prices.
        history_runs: Newest runs of each pipeline that are looked at.

    Returns:
        1 when a pipeline could not be analysed, else 0.

    Raises:
        UsageError: No such repository.
        UnavailableError: There is no history, or no cluster.
    """
    from makespan_analytics.fleet.chunk_analysis import FleetOptions
    from makespan_cli.rendering.consoles import result_console
    from makespan_cli.rendering.fleet_table import print_fleet

    options = FleetOptions(
        runs=max(arguments.runs, history_runs),
        recent_runs=arguments.runs,
        own_usd_per_hour=dict(settings.runner_usd_per_hour),
    )
    report = _analysed(arguments, settings, options)
    for warning in report.warnings:
        print(f"makespan: {warning}", file=sys.stderr)
    if not report.outcomes and not report.lost:
        if arguments.repository is not None:
            raise UsageError(f"no pipeline of {arguments.repository!r} in {settings.store}")
        raise UnavailableError(f"the store {settings.store} has no runs yet; run `makespan exec FILE` first")
    if arguments.json:
        print(json.dumps(fleet_as_json(report), indent=2))
    else:
        print_fleet(result_console(), report)
    return int(ExitCode.FAILURE if report.failed or report.lost else ExitCode.SUCCESS)


def fleet_as_json(report: FleetReport) -> dict[str, Any]:
    """The documented shape (docs/analytics/fleet.md)."""
    return {
        "analysed": report.analysed,
        "unchanged": report.unchanged,
        "pipelines": [asdict(row) for row in report.rows],
        "failed": [
            {"repository": repository, "pipeline": pipeline, "error": error}
            for (repository, pipeline), error in report.failed
        ]
        + [
            {"repository": repository, "pipeline": pipeline, "error": why}
            for chunk, why in report.lost
            for repository, pipeline in chunk.pipelines
        ],
    }


def _analysed(arguments: argparse.Namespace, settings: Settings, options: FleetOptions) -> FleetReport:
    from makespan_analytics.fleet.fleet_report import analyze_fleet

    open_store, saved_at = _place(settings)
    with _workers(arguments) as workers, _shown() as show:
        return analyze_fleet(
            open_store, workers, options, saved_at=saved_at, repository=arguments.repository, progress=show
        )


def _place(settings: Settings) -> tuple[OpenStore, Path | None]:
    """What opens the store wherever it is called, and where results are kept: with the tables, or nowhere."""
    from makespan_analytics.fleet.saved_results import FILE_NAME
    from makespan_collector.store.opening import open_store
    from makespan_collector.store.places import open_configured, place_of

    place = place_of(settings.store, settings)
    if isinstance(place, Path):
        folder = place.resolve()
        return partial(open_store, folder, read_only=True), folder / FILE_NAME
    return partial(open_configured, settings, read_only=True), None


@contextmanager
def _workers(arguments: argparse.Namespace) -> Iterator[Workers]:
    if arguments.dask is None:
        from makespan_analytics.fleet.process_pool import LocalProcesses

        yield LocalProcesses(arguments.workers or len(os.sched_getaffinity(0)))
        return
    try:
        from makespan_analytics.fleet.dask_cluster import dask_workers
    except ModuleNotFoundError as error:
        raise UnavailableError("--dask needs Dask's client: pip install 'makespan[fleet]'") from error
    with dask_workers(arguments.dask) as workers:
        yield workers


class _Line:
    """One line on a terminal that says how far it is; nothing elsewhere."""

    def __init__(self) -> None:
        self._is_shown = sys.stderr.isatty()
        self._width = 0

    def __call__(self, progress: Progress) -> None:
        text = f"{progress.done} of {progress.of} pipelines analysed, {progress.unchanged} unchanged"
        if self._is_shown:
            print(f"\r{text:<{self._width}}", end="", file=sys.stderr, flush=True)
            self._width = len(text)

    def clear(self) -> None:
        """Take it away."""
        if self._is_shown:
            print(f"\r{'':<{self._width}}\r", end="", file=sys.stderr, flush=True)


@contextmanager
def _shown() -> Iterator[_Line]:
    line = _Line()
    try:
        yield line
    finally:
        line.clear()
