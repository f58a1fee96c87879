"""Work dealt out to processes of this machine, one piece at a time each.

The standard library's pool is broken as a whole by one process that dies, and cannot say what that one was doing.
Here each process has a pipe of its own: when one dies its piece is known, goes to another once more, and is named if
that one dies as well. Processes are spawned: threads of DuckDB and Arrow do not survive a fork.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, Generic, TypeVar

from makespan_model.errors import MakespanError

Piece = TypeVar("Piece")
Answer = TypeVar("Answer")

ATTEMPTS = 2
"""A process may die of something else than its work: of memory that another program took, or of a person."""
_END_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Done(Generic[Piece, Answer]):
    """One piece of work and its answer; `lost` says why there is none."""

    piece: Piece
    answer: Answer | None
    lost: str | None = None


def run_in_processes(
    work: Callable[[Piece], Answer], pieces: Sequence[Piece], *, workers: int
) -> Iterator[Done[Piece, Answer]]:
    """Every piece done once, in the order in which they end.

    Args:
        work: Done in the processes; it, the pieces and the answers can be pickled.
        pieces: Begun in this order.
        workers: Processes; no more are started than there are pieces.

    Raises:
        MakespanError: What `work` raised; the rest is given up.
    """
    if workers < 1:
        raise ValueError(f"work needs at least one process, not {workers}")
    with _Pool(work, pieces, min(workers, len(pieces))) as pool:
        yield from pool.results()


@dataclass(frozen=True, slots=True)
class LocalProcesses:
    """So many processes of this machine as the workers of an analysis."""

    count: int

    def run(self, work: Callable[[Piece], Answer], chunks: Sequence[Piece]) -> Iterator[Done[Piece, Answer]]:
        """See `run_in_processes`."""
        return run_in_processes(work, chunks, workers=self.count)


@dataclass(slots=True)
class _Worker(Generic[Piece]):
    process: SpawnProcess
    connection: Connection
    piece: Piece | None = None
    attempt: int = 0


class _Pool(Generic[Piece, Answer]):
    def __init__(self, work: Callable[[Piece], Answer], pieces: Sequence[Piece], workers: int) -> None:
        self._work = work
        self._waiting: deque[tuple[Piece, int]] = deque((piece, 1) for piece in pieces)
        self._count = workers
        self._workers: list[_Worker[Piece]] = []

    def __enter__(self) -> _Pool[Piece, Answer]:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.connection.close()
            if worker.piece is not None:
                worker.process.terminate()
        for worker in self._workers:
            worker.process.join(_END_WITHIN_S)
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
            worker.process.close()

    def results(self) -> Iterator[Done[Piece, Answer]]:
        """Deal out, and answer as answers come."""
        for _ in range(self._count):
            self._start()
        while any(worker.piece is not None for worker in self._workers):
            busy = {worker.connection: worker for worker in self._workers if worker.piece is not None}
            for ready in wait(list(busy)):
                yield from self._hear(busy[ready])  # type: ignore[index]

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._work), daemon=True)
        with _one_thread_each():
            process.start()
        # Ours alone keeps the pipe open from here on, so that its end is heard of.
        theirs.close()
        worker: _Worker[Piece] = _Worker(process, ours)
        self._workers.append(worker)
        self._give(worker)

    def _give(self, worker: _Worker[Piece]) -> None:
        worker.piece = None
        if self._waiting:
            worker.piece, worker.attempt = self._waiting.popleft()
            # One that has just died is noticed where its answer is waited for.
            with contextlib.suppress(OSError):
                worker.connection.send(worker.piece)

    def _hear(self, worker: _Worker[Piece]) -> Iterator[Done[Piece, Answer]]:
        piece = worker.piece
        assert piece is not None
        try:
            answer, error = worker.connection.recv()
        except (EOFError, OSError):
            yield from self._bury(worker, piece)
            return
        if error is not None:
            raise error
        self._give(worker)
        yield Done(piece, answer)

    def _bury(self, worker: _Worker[Piece], piece: Piece) -> Iterator[Done[Piece, Answer]]:
        worker.connection.close()
        worker.process.join()
        cause = _death(worker.process.exitcode)
        worker.process.close()
        self._workers.remove(worker)
        if worker.attempt < ATTEMPTS:
            self._waiting.append((piece, worker.attempt + 1))
        if self._waiting:
            self._start()
        if worker.attempt >= ATTEMPTS:
            yield Done(piece, None, f"its process {cause}, {ATTEMPTS} times")


def _death(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return f"was ended by {signal.Signals(-exit_code).name}"
    return f"ended with exit code {exit_code}"


@contextlib.contextmanager
def _one_thread_each() -> Iterator[None]:
    """Processes started meanwhile do linear algebra in one thread: there is a process for every core already."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(connection: Connection, work: Callable[[Any], Any]) -> None:
    """Answer pieces until the pipe closes; Ctrl-C reaches the whole group, and is the first process's to answer."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        try:
            piece = connection.recv()
        except (EOFError, OSError):
            return
        try:
            answer: tuple[Any, MakespanError | None] = work(piece), None
        except MakespanError as error:
            answer = None, error
        try:
            connection.send(answer)
        except OSError:
            return
