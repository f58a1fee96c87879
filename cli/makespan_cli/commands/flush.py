"""Send the step records that wait in the spool, and say what became of them.

Waits for an exporter that is sending them already. Exit code 0 when nothing is left (records that can
never be sent are set aside in the spool's `rejected` folder), 4 when the network kept something back.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
from pathlib import Path

from makespan_agent.exporting.flushing import DEFAULT_TIMEOUT_S, FlushReport, flush
from makespan_agent.spooling.spool import spool_directory
from makespan_model.errors import ExitCode, UsageError


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the options of `makespan flush`."""
    parser.add_argument(
        "--spool", type=Path, help="directory of the records (default: MAKESPAN_SPOOL, or the agent's own)"
    )
    parser.add_argument(
        "--endpoint",
        metavar="URL",
        help="base URL of an OTLP receiver (default: OTEL_EXPORTER_OTLP_ENDPOINT, MAKESPAN_ENDPOINT, "
        "or http://127.0.0.1:4318)",
    )
    parser.add_argument(
        "--timeout",
        type=float,
        default=DEFAULT_TIMEOUT_S,
        metavar="SECONDS",
        help="give up after (default: %(default)g)",
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Flush and report.

    Raises:
        UsageError: The timeout is not a positive number.
        UnavailableError: The spool cannot be read.
    """
    if not 0 < arguments.timeout < float("inf"):
        raise UsageError(f"--timeout must be a number of seconds above 0, not {arguments.timeout:g}")
    spool = arguments.spool or Path(spool_directory(os.environ))
    report = flush(spool, arguments.endpoint, arguments.timeout)
    print(json.dumps(dataclasses.asdict(report)) if arguments.json else _sentence(report, spool))
    return int(ExitCode.UNAVAILABLE if report.left else ExitCode.SUCCESS)


def _sentence(report: FlushReport, spool: Path) -> str:
    parts = [f"sent {_steps(report.sent)} to {report.endpoint}" if report.sent else "nothing was sent"]
    if report.samples_refused:
        parts.append(f"{_steps(report.samples_refused)} arrived without samples")
    if report.rejected:
        parts.append(f"set {_steps(report.rejected)} aside in {spool / 'rejected'}")
    if report.left:
        parts.append(f"{_steps(report.left)} left in {spool} (endpoint {report.endpoint})")
    elif not report.sent and not report.rejected:
        return f"nothing to send in {spool}"
    line = ", ".join(parts)
    return f"{line}: {report.reason}" if report.reason else line


def _steps(count: int) -> str:
    return "1 step" if count == 1 else f"{count} steps"
