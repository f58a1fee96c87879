"""The detached process that sends a spool: `python -m makespan_agent.exporting.exporter SPOOL`.

Started after each step; at most one sends and one waits its turn, the rest leave at once. When the
receiver cannot be reached, one of them stays for a while to try again.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from makespan_agent.spooling.recovery import recover
from makespan_agent.spooling.spool_queue import SpoolQueue

if TYPE_CHECKING:
    from makespan_agent.exporting.flushing import FlushReport

DEFAULT_PATIENCE_S = 60.0
"""A collector restarts in seconds; an exporter that outlives the job by minutes would hold up its runner's clean-up."""
_FIRST_DELAY_S = 1.0
_LONGEST_DELAY_S = 20.0


def export(
    spool: Path,
    patience_s: float,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Send what waits in `spool` unless another process will.

    Args:
        spool: The directory.
        patience_s: For how long to try again where the receiver may be back in a moment.
        clock: Seconds that never run backwards.
        sleep: Waits for so many seconds.

    Returns:
        0 when nothing is left to this process, 1 otherwise.
    """
    queue = SpoolQueue(spool)
    deadline_s = clock() + patience_s
    report = _try_once(queue)
    if report is None or not report.left:
        return 0
    with queue.sole_retrier() as is_retrier:
        if not is_retrier:
            return 1
        for backoff_s in delays_s(random.Random()):  # noqa: S311 - jitter is no secret
            delay_s = max(backoff_s, report.retry_after_s or 0.0)
            if not report.retryable or clock() + delay_s > deadline_s:
                return 1
            sleep(delay_s)
            report = _try_once(queue)
            if report is None or not report.left:
                return 0
    return 1


def delays_s(generator: random.Random) -> Iterator[float]:
    """Exponential backoff with jitter, so that the agents of a fleet do not come back together, without an end.

    Between half and all of a delay that doubles ("equal jitter"; Brooker, Exponential Backoff and Jitter, AWS, 2015).
    """
    delay_s = _FIRST_DELAY_S
    while True:
        yield delay_s * generator.uniform(0.5, 1.0)
        delay_s = min(delay_s * 2, _LONGEST_DELAY_S)


def _try_once(queue: SpoolQueue) -> FlushReport | None:
    """Send what there is; None when nothing waits or somebody else sends it."""
    with queue.sole_sender() as is_sender:
        if not is_sender:
            return None
        recover(queue.directory)
        if not queue.names():
            return None
        from makespan_agent.exporting.flushing import drain
        from makespan_agent.exporting.sending import Sender

        sender = Sender()
        try:
            return drain(queue, sender)
        finally:
            sender.close()


def _patience_s() -> float:
    """MAKESPAN_RETRY_S; nobody reads the words of a detached process, so what is no number means the default."""
    try:
        return max(0.0, float(os.environ.get("MAKESPAN_RETRY_S", "")))
    except ValueError:
        return DEFAULT_PATIENCE_S


if __name__ == "__main__":
    sys.exit(export(Path(sys.argv[1]), _patience_s()))
