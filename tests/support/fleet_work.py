"""Work for processes of a pool, some of which dies; and a small fleet's history."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from makespan_analytics.fleet.process_pool import Done
from makespan_collector.store.contract import Store
from makespan_collector.store.rows import SpanKind
from makespan_model.errors import InputError
from makespan_model.records import Result
from support.span_rows import EPOCH, SECOND, run_rows

Piece = TypeVar("Piece")
Answer = TypeVar("Answer")

JOBS = {"build": [("compile", 1, 40)], "test": [("install", 41, 50), ("pytest", 51, 90)]}
HOUR = 3600 * SECOND


@dataclass(frozen=True, slots=True)
class InLine:
    """The workers of an analysis, all of them this process."""

    count: int = 1

    def run(self, work: Callable[[Piece], Answer], chunks: Sequence[Piece]) -> Iterator[Done[Piece, Answer]]:
        """See `fleet_report.Workers`."""
        return (Done(chunk, work(chunk)) for chunk in chunks)


def append_runs(store: Store, pipeline: str, numbers: Sequence[int], *, repository: str = "octo/app") -> None:
    """Runs an hour apart, the later the slower; every seventh fails."""
    for number in numbers:
        jobs = {
            job: [(name, start + number % 3, end + number % 3 + number // 10) for name, start, end in steps]
            for job, steps in JOBS.items()
        }
        rows = run_rows(
            f"{pipeline}-{number}",
            jobs,
            pipeline=pipeline,
            repository=repository,
            start_ns=EPOCH + number * HOUR,
            result=Result.FAILURE if number % 7 == 6 else Result.SUCCESS,
            needs={"test": ("build",)},
        )
        store.append(
            spans=[
                replace(row, commit=f"{number:040x}", runner_labels=("ubuntu-latest",))
                if row.kind is not SpanKind.STEP
                else row
                for row in rows
            ]
        )


@dataclass(frozen=True, slots=True)
class Doubles:
    """Doubles whole numbers."""

    def __call__(self, number: int) -> int:
        return 2 * number


@dataclass(frozen=True, slots=True)
class DiesOn:
    """Doubles, but kills its own process at one number: `times` times, of which a folder keeps count."""

    deadly: int
    times: int
    folder: Path

    def __call__(self, number: int) -> int:
        if number == self.deadly and len(list(self.folder.iterdir())) < self.times:
            (self.folder / str(os.getpid())).touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return 2 * number


@dataclass(frozen=True, slots=True)
class Refuses:
    """Finds its input broken."""

    def __call__(self, number: int) -> int:
        raise InputError(f"{number} is broken")


@dataclass(frozen=True, slots=True)
class SaysPidAndHangs:
    """Leaves a file named like its process, and then does not end."""

    folder: Path

    def __call__(self, _: int) -> int:
        (self.folder / str(os.getpid())).touch()
        while True:
            time.sleep(60)
