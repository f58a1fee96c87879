"""A whole fleet analysed: seconds, memory of all processes together, and what the days after it cost.

    python benchmarks/fleet.py [--pipelines N] [--runs N] [--steps N] [--workers N] [--recent N] [--store DIR] [--json]

The history is made first (`tests/support/fleet_history.py`) and written through the store; that is not timed. Then
everything is analysed, as `makespan analyze --all` does it; then once more with nothing new; then after a day on which
one pipeline in ten ran, and after one on which all of them did. Target: 1,000 pipelines x 500 runs x 10 steps within
60 s on two cores and under 2 GiB, a day's increment within 5 s. CPU seconds are told beside the seconds: on a machine
that does other things at the same time they are what can be compared.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import psutil

from makespan_analytics.fleet.chunk_analysis import FleetOptions
from makespan_analytics.fleet.fleet_report import FleetReport, Progress, analyze_fleet
from makespan_analytics.fleet.process_pool import LocalProcesses
from makespan_analytics.fleet.saved_results import FILE_NAME
from makespan_collector.store.opening import open_store

# The test-suite's history: made by the store's own columns.
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
from support.fleet_history import RUNS_A_DAY, FleetShape, write_history

_LOOK_EVERY_S = 0.25


@dataclass(frozen=True, slots=True)
class Measured:
    """One analysis: `peak_bytes` is the highest proportional set size (PSS) of this process and its children."""

    what: str
    seconds: float
    cpu_s: float
    peak_bytes: int
    analysed: int
    pipelines: int


class PeakMemory:
    """Looks at the memory of this process and its children until it is told to stop."""

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> PeakMemory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _look(self) -> None:
        this = psutil.Process()
        while not self._stopped.wait(_LOOK_EVERY_S):
            total = 0
            for process in (this, *this.children(recursive=True)):
                try:
                    total += process.memory_full_info().pss
                except psutil.Error:
                    continue  # It has just ended.
            self.peak_bytes = max(self.peak_bytes, total)


def measured(what: str, analyse: Callable[[], FleetReport]) -> Measured:
    """Run one analysis and look at it from outside."""
    before_s, begun_s = _cpu_s(), time.perf_counter()
    with PeakMemory() as memory:
        report = analyse()
    seconds = time.perf_counter() - begun_s
    if report.failed or report.lost or report.warnings:
        raise SystemExit(f"{what}: {report.failed[:3]} {report.lost[:3]} {report.warnings}")
    return Measured(what, seconds, _cpu_s() - before_s, memory.peak_bytes, report.analysed, len(report.rows))


def _cpu_s() -> float:
    """Of this process and of the children that have ended."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def _tell(progress: Progress) -> None:
    if sys.stderr.isatty():
        print(f"\r{progress.done} of {progress.of}", end="", file=sys.stderr, flush=True)


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    if given is not None:
        yield given
        return
    with tempfile.TemporaryDirectory() as name:
        yield Path(name, "store")


def run(arguments: argparse.Namespace, folder: Path) -> list[Measured]:
    """Make the history, and measure on it."""
    shape = FleetShape(arguments.pipelines, arguments.runs, arguments.steps)
    everybody = range(shape.pipelines)
    with open_store(folder) as store:
        if not store.pipelines():
            rows = write_history(store, shape, pipelines=everybody, first_run=0, runs=shape.runs)
            print(f"{rows:,} spans written", file=sys.stderr)
            store.compact()
    (folder / FILE_NAME).unlink(missing_ok=True)
    options = FleetOptions(runs=None, recent_runs=arguments.recent)

    def analyse() -> FleetReport:
        return analyze_fleet(
            partial(open_store, folder, read_only=True),
            LocalProcesses(arguments.workers),
            options,
            saved_at=folder / FILE_NAME,
            progress=_tell,
        )

    found = [measured("everything", analyse), measured("nothing new", analyse)]
    days = [("a day on which one in ten ran", everybody[::10]), ("a day on which all ran", everybody)]
    for day, (what, pipelines) in enumerate(days):
        with open_store(folder) as store:
            write_history(store, shape, pipelines=pipelines, first_run=shape.runs + day * RUNS_A_DAY, runs=RUNS_A_DAY)
        found.append(measured(what, analyse))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pipelines", type=int, default=1_000)
    parser.add_argument("--runs", type=int, default=500)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--workers", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--recent", type=int, default=20, help="runs of which times are (default: %(default)s)")
    parser.add_argument("--store", type=Path, help="made and kept there; used as it is where it is there already")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if min(arguments.pipelines, arguments.runs, arguments.workers, arguments.recent) < 1 or arguments.steps < 4:
        parser.error("there must be a pipeline, a run, a worker, and a step for each of four jobs")
    with _folder(arguments.store) as folder:
        found = run(arguments, folder)
    if arguments.json:
        print(json.dumps([asdict(one) for one in found], indent=2))
        return
    size = f"{arguments.pipelines:,} pipelines x {arguments.runs} runs x {arguments.steps} steps"
    print(f"{size}, {arguments.workers} workers")
    print(f"{'':<32}{'analysed':>10}{'seconds':>10}{'CPU s':>10}{'MiB':>8}")
    for one in found:
        mib = one.peak_bytes / 1024**2
        print(f"{one.what:<32}{one.analysed:>10,}{one.seconds:>10.1f}{one.cpu_s:>10.1f}{mib:>8.0f}")


if __name__ == "__main__":
    main()
