"""Runs put together from columns: what `assembly` does row by row, for the runs that need none of its judgement.

Nearly every run is told once, by one sender, each job with a span of its own. Such runs are built here from whole
columns, at a fifth of the cost; all others go through `assembly`, which the result is tested against.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import StrEnum
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from makespan_collector.store.assembly import assemble_runs
from makespan_collector.store.clock_skew import aligned
from makespan_collector.store.rows import PROVIDER_SOURCES, SpanKind
from makespan_model.executable_usage import parse_executables
from makespan_model.identity import RunIdentity
from makespan_model.records import (
    CacheOutcome,
    JobRun,
    MemoryPeakSource,
    PipelineRun,
    PressureSource,
    Result,
    RunState,
    StepKind,
    StepRun,
    Usage,
)

_Bools = npt.NDArray[np.bool_]
_Integers = npt.NDArray[np.int64]
_USAGE = tuple(Usage.__dataclass_fields__)
_WORDS: dict[str, type[StrEnum]] = {
    "result": Result,
    "state": RunState,
    "step_kind": StepKind,
    "cache_outcome": CacheOutcome,
    "memory_peak_source": MemoryPeakSource,
    "pressure_source": PressureSource,
}


def runs_from_columns(rows: pa.Table, *, now_ns: int) -> dict[int, PipelineRun]:
    """The runs of a table by the number in its column `run`.

    Args:
        rows: Every span of every run once: the columns of `SpanRow` but `raw`, and `run`.
        now_ns: See `assemble_runs`.
    """
    if not rows.num_rows:
        return {}
    numbers = rows["run"].to_numpy()
    is_plain = _plain_runs(rows, numbers)[numbers]
    found = dict(_plain(rows.filter(pa.array(is_plain)))) if is_plain.any() else {}
    if not is_plain.all():
        found |= _judged(rows.filter(pa.array(~is_plain)), now_ns)
    return found


def _judged(rows: pa.Table, now_ns: int) -> Iterator[tuple[int, PipelineRun]]:
    number_of: dict[tuple[Any, ...], int] = {}
    spans = rows.to_pylist()
    for span in spans:
        number_of[span["provider"], span["repository"], span["run_id"], span["attempt"]] = span["run"]
    for run in assemble_runs(spans, now_ns=now_ns):
        identity = run.identity
        yield number_of[identity.provider, identity.repository, identity.run_id, identity.attempt], run


def _plain_runs(rows: pa.Table, numbers: _Integers) -> _Bools:
    """For every number whether the run was told by one sender, once, with a span for each job that has steps."""
    count = int(numbers.max()) + 1
    kinds = rows["kind"]
    is_run, is_job, is_step = (_is(kinds, kind) for kind in (SpanKind.RUN, SpanKind.JOB, SpanKind.STEP))
    is_providers: _Bools = pc.is_in(rows["source"], pa.array(PROVIDER_SOURCES)).to_numpy()

    def runs_with(chosen: _Bools) -> _Bools:
        found: _Bools = np.bincount(numbers[chosen], minlength=count) > 0
        return found

    traces, jobs = _codes(rows["trace_id"]), _codes(rows["job_name"])
    first_trace = np.full(count, np.iinfo(np.int64).max)
    last_trace = np.full(count, -1)
    np.minimum.at(first_trace, numbers, traces)
    np.maximum.at(last_trace, numbers, traces)
    plain: _Bools = np.bincount(numbers[is_run], minlength=count) == 1
    plain &= first_trace == last_trace
    # Whether the provider's jobs are those of the agent's steps is for `job_matching` to find out.
    plain &= ~(runs_with(is_job & is_providers) & runs_with(is_step & ~is_providers))
    width = int(jobs.max()) + 2
    job_keys, times = np.unique(numbers[is_job] * width + jobs[is_job], return_counts=True)
    step_keys = np.unique(numbers[is_step] * width + jobs[is_step])
    for odd in (job_keys[times > 1], step_keys[~np.isin(step_keys, job_keys)]):
        plain[odd // width] = False
    return plain


def _is(column: pa.ChunkedArray, word: str) -> _Bools:
    found: _Bools = pc.equal(column, word).to_numpy()
    return found


def _codes(column: pa.ChunkedArray) -> _Integers:
    """A number for every text, the same for the same; -1 for null."""
    encoded = column.combine_chunks().dictionary_encode()
    codes: _Integers = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    return codes


def _plain(rows: pa.Table) -> Iterator[tuple[int, PipelineRun]]:
    kinds = rows["kind"]
    jobs = _jobs(rows.filter(pc.equal(kinds, SpanKind.JOB)), _steps(rows.filter(pc.equal(kinds, SpanKind.STEP))))
    heads = _Columns(rows.filter(pc.equal(kinds, SpanKind.RUN)))
    told = _Columns(rows)
    known = {name: _first_known(told["run"], told[name]) for name in ("event", "actor", "change")}
    # Of what its own span says, the rest of a run adds only what that does not know.
    known |= {
        name: _first_known(told["run"], told[name]) | _first_known(heads["run"], heads[name])
        for name in ("ref", "commit")
    }
    identities = map(RunIdentity, heads["provider"], heads["repository"], heads["run_id"], heads["attempt"])
    for row, (number, identity) in enumerate(zip(heads["run"], identities, strict=True)):
        own = jobs.get(number, ())
        yield (
            number,
            PipelineRun(
                identity=identity,
                pipeline=heads["pipeline"][row],
                result=heads["result"][row],
                start_ns=heads["start_ns"][row],
                end_ns=heads["end_ns"][row],
                jobs=tuple(sorted(own, key=lambda job: (job.start_ns, job.name))),
                ref=known["ref"].get(number),
                commit=known["commit"].get(number),
                event=known["event"].get(number),
                actor=known["actor"].get(number),
                url=heads["url"][row],
                change=known["change"].get(number),
                state=heads["state"][row],
            ),
        )


def _first_known(numbers: Sequence[int], values: Sequence[Any]) -> dict[int, Any]:
    """By number of the run the first of its values that is known."""
    # The later ones first, so that the first one stays.
    told = zip(reversed(numbers), reversed(values), strict=True)
    return {number: value for number, value in told if value is not None}


def _steps(rows: pa.Table) -> dict[tuple[int, str], list[StepRun]]:
    """The steps of every job by number of the run and name of the job, in no order."""
    columns = _Columns(rows)
    usages = map(Usage, *(columns[name] for name in _USAGE))
    built = map(
        StepRun,
        columns["step_path"],
        columns["name"],
        columns["result"],
        columns["start_ns"],
        columns["end_ns"],
        columns["step_kind"],
        columns["step_index"],
        columns["exit_code"],
        usages,
        columns["cache_outcome"],
    )
    found: dict[tuple[int, str], list[StepRun]] = {}
    for key, step in zip(zip(columns["run"], columns["job_name"], strict=True), built, strict=True):
        found.setdefault(key, []).append(step)
    return found


def _jobs(rows: pa.Table, steps: dict[tuple[int, str], list[StepRun]]) -> dict[int, list[JobRun]]:
    columns = _Columns(rows)
    found: dict[int, list[JobRun]] = {}
    times = zip(columns["start_ns"], columns["end_ns"], strict=True)
    for row, (number, name, (start_ns, end_ns)) in enumerate(
        zip(columns["run"], columns["job_name"], times, strict=True)
    ):
        own: Sequence[StepRun] = steps.get((number, name), ())
        if len(own) > 1:
            own = sorted(own, key=lambda step: (step.start_ns, step.index or 0, step.path))
        if own and columns["source"][row] in PROVIDER_SOURCES and columns["state"][row] is None:
            own = aligned(own, start_ns, end_ns)
        found.setdefault(number, []).append(
            JobRun(
                name=name,
                job_id=columns["job_id"][row],
                result=columns["result"][row],
                start_ns=start_ns,
                end_ns=end_ns,
                steps=tuple(own),
                needs=columns["needs"][row],
                queued_ns=columns["queued_ns"][row],
                worker=columns["worker"][row],
                runner_labels=columns["runner_labels"][row],
                state=columns["state"][row],
                url=columns["url"][row],
            )
        )
    return found


class _Columns:
    """Columns of a table as lists of what records hold, each made when it is first asked for."""

    def __init__(self, rows: pa.Table) -> None:
        self._rows = rows
        self._made: dict[str, Sequence[Any]] = {}

    def __getitem__(self, name: str) -> Sequence[Any]:
        if name not in self._made:
            self._made[name] = _values(name, self._rows[name].combine_chunks())
        return self._made[name]


def _values(name: str, column: pa.Array) -> Sequence[Any]:
    if column.null_count == len(column):
        return list(repeat(() if name == "executables" else None, len(column)))
    if pa.types.is_string(column.type):
        return _texts(column, _reading(name), () if name == "executables" else None)
    if pa.types.is_list(column.type):
        tuples: dict[tuple[str, ...], tuple[str, ...]] = {}
        values = (None if value is None else tuple(value) for value in column.to_pylist())
        return [None if value is None else tuples.setdefault(value, value) for value in values]
    if not column.null_count:
        return list(column.to_numpy(zero_copy_only=False).tolist())
    known = column.is_valid().to_numpy(zero_copy_only=False).tolist()
    numbers = column.fill_null(0).to_numpy(zero_copy_only=False).tolist()
    return [number if is_known else None for number, is_known in zip(numbers, known, strict=True)]


def _reading(name: str) -> Callable[[str], Any]:
    if name == "executables":
        return parse_executables
    return _WORDS.get(name, str)


def _texts(column: pa.Array, read: Callable[[str], Any], missing: Any) -> list[Any]:
    """Texts read once each, however often they occur."""
    encoded = column.dictionary_encode()
    words = [*(read(word) for word in encoded.dictionary.to_pylist()), missing]
    places = encoded.indices.fill_null(len(words) - 1).to_numpy(zero_copy_only=False).tolist()
    return [words[place] for place in places]
