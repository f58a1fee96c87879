"""The results of the last analysis of a store, in a file beside its tables: what did not change is not done again.

A result is that of a pipeline's rows up to a mark, of the options, and of the code. The file is written whole under
another name first; a digest over its content and a strict reading tell a damaged or foreign one, which counts as none.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from makespan_analytics.fleet.chunk_analysis import FleetOptions, FleetRow, PipelineOutcome
from makespan_analytics.fleet.code_version import code_digest
from makespan_analytics.fleet.report_json import read, to_json
from makespan_collector.store.contract import PipelineKey, PipelineMark
from makespan_model.errors import UnavailableError

FILE_NAME = "fleet-analysis.jsonl"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class SavedResult:
    """What was found in the rows of a pipeline up to a mark."""

    mark: PipelineMark
    outcome: PipelineOutcome


@dataclass(frozen=True, slots=True)
class _Head:
    """The file's first line: `made_by` is `origin`, `sha256` is over all other lines."""

    format: int
    made_by: str
    sha256: str


@dataclass(frozen=True, slots=True)
class _Line:
    """One result as it is written; `report` is base64."""

    row: FleetRow
    last_row: int
    first_start_ns: int
    rows: int
    report: str


class DamagedResults(ValueError):  # noqa: N818 - what was found, not a failure
    """The file is not what was written; the message says how that is seen."""


def origin(options: FleetOptions) -> str:
    """A digest of the options and of the code: results of another origin are no longer what would be found."""
    told = json.dumps([code_digest(), options.runs, options.recent_runs, sorted(options.own_usd_per_hour.items())])
    return hashlib.sha256(told.encode()).hexdigest()


def read_results(path: Path, made_by: str) -> dict[PipelineKey, SavedResult]:
    """What was saved with the same options by the same code; nothing where there is no file or another origin.

    Raises:
        DamagedResults: The file is damaged, or something else.
    """
    try:
        head, _, body = path.read_bytes().partition(b"\n")
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise DamagedResults(error.strerror or str(error)) from error
    try:
        told = read(_Head, json.loads(head))
        if told.sha256 != hashlib.sha256(body).hexdigest():
            raise DamagedResults("its content is not what its digest says")
        if (told.format, told.made_by) != (_FORMAT, made_by):
            return {}
        lines = [read(_Line, json.loads(line)) for line in body.splitlines()]
        return {(line.row.repository, line.row.pipeline): _saved(line) for line in lines}
    except DamagedResults:
        raise
    except (ValueError, RecursionError) as error:
        raise DamagedResults(str(error)) from error


def write_results(path: Path, made_by: str, results: Mapping[PipelineKey, SavedResult]) -> None:
    """Replace the file as a whole by the results that will hold for as long as nothing new comes.

    Raises:
        UnavailableError: It cannot be written; the old one is still there.
    """
    body = b"".join(_written(results[key]) for key in sorted(results))
    head = to_json(_Head(_FORMAT, made_by, hashlib.sha256(body).hexdigest())).encode()
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(head + b"\n" + body)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UnavailableError(f"cannot write {path}: {error.strerror or error}") from error


def _saved(line: _Line) -> SavedResult:
    row = line.row
    report = base64.b64decode(line.report, validate=True)
    outcome = PipelineOutcome((row.repository, row.pipeline), row, report, None, is_settled=True)
    return SavedResult(PipelineMark(line.last_row, line.first_start_ns, line.rows), outcome)


def _written(result: SavedResult) -> bytes:
    mark, outcome = result.mark, result.outcome
    if outcome.row is None or not outcome.is_settled:
        return b""
    report = base64.b64encode(outcome.report).decode("ascii")
    return to_json(_Line(outcome.row, mark.last_row, mark.first_start_ns, mark.rows, report)).encode() + b"\n"
