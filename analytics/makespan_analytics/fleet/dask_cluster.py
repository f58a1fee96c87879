"""Work dealt out to the workers of a Dask cluster.

Every worker has the same release of makespan installed and reads the store itself: a directory under the same path on
each of them, or an InfluxDB server. The scheduler gives what a dead worker was doing to another one, and gives a
piece up that has killed several (its setting `distributed.scheduler.allowed-failures`). It blames everything that a
dead worker had been given, so no more pieces are handed out than there are threads to do them.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

from distributed import Client, wait
from distributed.scheduler import KilledWorker

from makespan_analytics.fleet.code_version import code_digest
from makespan_analytics.fleet.process_pool import Done
from makespan_model.errors import UnavailableError

Piece = TypeVar("Piece")
Answer = TypeVar("Answer")

_CONNECT_WITHIN_S = 20.0
_LOOK_EVERY_S = 2.0
LONGEST_WITHOUT_WORKERS_S = 60.0
"""A cluster replaces workers that died within this time, or does not at all."""


@dataclass(frozen=True, slots=True)
class SameCode:
    """Does the work only where the code is the same: results of another release would be kept as ours."""

    work: Callable[[Any], Any]
    code: str

    def __call__(self, piece: Any) -> Any:
        """The work's answer.

        Raises:
            UnavailableError: Another release is installed here.
        """
        if code_digest() != self.code:
            raise UnavailableError(
                "a worker of the cluster has another release of makespan; install the same one there"
            )
        return self.work(piece)


class DaskWorkers:
    """The workers of a cluster as those of an analysis.

    Args:
        client: Connected to its scheduler.
        longest_without_workers_s: When a cluster that has lost all of them is given up.
    """

    def __init__(self, client: Client, *, longest_without_workers_s: float = LONGEST_WITHOUT_WORKERS_S) -> None:
        self._client = client
        self._longest_without_s = longest_without_workers_s

    @property
    def count(self) -> int:
        """Threads of all workers that are there now."""
        return max(1, int(sum(self._client.nthreads().values())))

    def run(self, work: Callable[[Piece], Answer], chunks: Sequence[Piece]) -> Iterator[Done[Piece, Answer]]:
        """Every piece done once, in the order in which they end.

        Raises:
            MakespanError: What `work` raised; the rest is given up.
            UnavailableError: No worker is left, or one has another release of makespan.
        """
        same = SameCode(work, code_digest())
        left = deque(chunks)
        waiting: dict[Any, Piece] = {}
        heard_s = time.monotonic()
        try:
            while left or waiting:
                for _ in range(min(len(left), self.count - len(waiting))):
                    chunk = left.popleft()
                    waiting[self._client.submit(same, chunk, pure=False)] = chunk
                for future in self._ended(waiting):
                    yield _done(future, waiting.pop(future))
                if self._client.nthreads():
                    heard_s = time.monotonic()
                elif time.monotonic() - heard_s > self._longest_without_s:
                    raise UnavailableError(
                        f"no worker is left in the cluster, and {len(waiting) + len(left)} pieces are to be done"
                    )
        finally:
            self._client.cancel(list(waiting))

    def _ended(self, waiting: dict[Any, Piece]) -> list[Any]:
        try:
            wait(list(waiting), timeout=_LOOK_EVERY_S, return_when="FIRST_COMPLETED")
        except TimeoutError:
            return []
        return [future for future in waiting if future.done()]


@contextmanager
def dask_workers(address: str) -> Iterator[DaskWorkers]:
    """The workers of the cluster whose scheduler is at an address, such as `tcp://10.0.0.7:8786`.

    Raises:
        UnavailableError: It cannot be reached, or has no workers.
    """
    try:
        client = Client(address, timeout=_CONNECT_WITHIN_S)
    except (OSError, TimeoutError, ValueError) as error:
        raise UnavailableError(f"no Dask scheduler at {address}: {error}") from error
    try:
        if not client.nthreads():
            raise UnavailableError(f"the cluster at {address} has no workers; start some with `dask worker {address}`")
        yield DaskWorkers(client)
    finally:
        client.close()


def _done(future: Any, piece: Piece) -> Done[Piece, Any]:
    try:
        return Done(piece, future.result())
    except KilledWorker as error:
        return Done(
            piece, None, f"its workers died, the last of them {getattr(error.last_worker, 'address', 'unknown')}"
        )
    except ModuleNotFoundError as error:
        raise UnavailableError(
            f"a worker of the cluster lacks {error.name!r}; install 'makespan[fleet]' there"
        ) from error
