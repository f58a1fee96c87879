"""A local run as it goes on: one line for each finished step, and on a terminal what is running now."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.status import Status
from rich.text import Text

from makespan_model.records import Result
from makespan_model.units import format_duration
from makespan_optimizer.local.execution import Progress

_SIGNS = {Result.SUCCESS: ("✓", "green"), Result.SKIP: ("-", "dim"), Result.FAILURE: ("✗", "bold red")}
_REFRESH_S = 0.5


class RunDisplay:
    """Prints progress; used as a context manager around the run.

    Args:
        console: Where to.
        verbose: Also print what the steps print.
        clock: Monotonic seconds.
    """

    def __init__(self, console: Console, *, verbose: bool = False, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._verbose = verbose
        self._clock = clock
        self._lock = threading.Lock()
        self._running: dict[tuple[str, str], float] = {}
        self._status: Status | None = None
        self._stopped = threading.Event()
        self._ticker = threading.Thread(target=self._tick, name="display", daemon=True)

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._status = self._console.status("starting …", spinner="dots")
            self._status.start()
            self._ticker.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopped.set()
        if self._status is not None:
            self._ticker.join()
            self._status.stop()

    @property
    def progress(self) -> Progress:
        """The callbacks for `run_workflow`."""
        return Progress(on_step=self._on_step, on_job=self._on_job, on_output=self._on_output)

    def _on_step(self, job: str, step: str, result: Result | None, seconds: float) -> None:
        with self._lock:
            if result is None:
                self._running[job, step] = self._clock()
                return
            self._running.pop((job, step), None)
        sign, style = _SIGNS.get(result, ("✗", "bold red"))
        line = Text.assemble(("  " + sign, style), f" {job} › {step} ", (format_duration(seconds), "dim"))
        self._console.print(line, soft_wrap=True)

    def _on_job(self, job: str, result: Result | None, _seconds: float) -> None:
        if result is Result.SKIP:
            self._console.print(Text.assemble(("  - ", "dim"), f"{job} skipped"))

    def _on_output(self, job: str, line: str) -> None:
        if self._verbose:
            self._console.print(Text(f"    {job} | {line}", style="dim"), soft_wrap=True)

    def _tick(self) -> None:
        while not self._stopped.wait(_REFRESH_S):
            with self._lock:
                now = self._clock()
                parts = [
                    f"{job} › {step} {format_duration(now - start)}" for (job, step), start in self._running.items()
                ]
            if self._status is not None and parts:
                self._status.update(Text("   ".join(parts)))
