"""The detached process that sends a spool: `python -m makespan_agent.exporter SPOOL`.

Started after each step; at most one sends and one waits its turn, the rest leave at once.
"""

from __future__ import annotations

import sys
from pathlib import Path

from makespan_agent.spool_queue import SpoolQueue


def export(spool: Path) -> int:
    """Send what waits in `spool` unless another process will.

    Returns:
        0 when nothing is left, 1 otherwise.
    """
    queue = SpoolQueue(spool)
    with queue.sole_sender() as is_sender:
        if not is_sender or not queue.names():
            return 0
        from makespan_agent.flushing import drain
        from makespan_agent.sending import Sender

        sender = Sender()
        try:
            return 1 if drain(queue, sender).left else 0
        finally:
            sender.close()


if __name__ == "__main__":
    sys.exit(export(Path(sys.argv[1])))
