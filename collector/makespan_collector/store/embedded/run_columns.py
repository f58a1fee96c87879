"""Runs put together from columns: what `assembly` does row by row, for the runs that need none of its judgement.

Nearly every run is told once, by one sender, each job with a span of its own. Such runs are built here from whole
columns, at a fifth of the cost; all others go through `assembly`, which the result is tested against.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import repeat
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from makespan_collector.store.assembly import assemble_runs
from makespan_collector.store.clock_skew import aligned
from makespan_collector.store.embedded.record_columns import Columns, made_of
from makespan_collector.store.rows import PROVIDER_SOURCES, SpanKind
from makespan_model.identity import RunIdentity
from makespan_model.records import JobRun, PipelineRun, RunState, StepRun, Usage

_Bools = npt.NDArray[np.bool_]
_Integers = npt.NDArray[np.int64]
_USAGE = tuple(Usage.__dataclass_fields__)
_OF_RUNS = (
    *("run", "provider", "repository", "run_id", "attempt", "pipeline", "result", "start_ns", "end_ns"),
    *("ref", "commit", "url", "state"),
)
_OF_JOBS = (
    *("run", "job_name", "job_id", "result", "start_ns", "end_ns", "needs", "queued_ns", "worker", "runner_labels"),
    *("state", "url", "source"),
)
_OF_JOBS_STEPS = ("job_name", "start_ns", "end_ns", "source", "state")
_OF_STEPS = (
    *("run", "job_name", "step_path", "name", "result", "start_ns", "end_ns", "step_kind", "step_index"),
    *("exit_code", "cache_outcome", *_USAGE),
)


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
    if is_plain.all():
        return dict(_plain(rows))
    found = dict(_plain(rows.filter(pa.array(is_plain)))) if is_plain.any() else {}
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
    jobs = _jobs(_of_kind(rows, SpanKind.JOB, _OF_JOBS), _steps(_of_kind(rows, SpanKind.STEP, _OF_STEPS)))
    heads = Columns(_of_kind(rows, SpanKind.RUN, _OF_RUNS))
    known = {name: _first_known(rows, name) for name in ("event", "actor", "change")}
    for name in ("ref", "commit"):
        # Of what its own span says, the rest of a run adds only what that does not know.
        told = {number: value for number, value in zip(heads["run"], heads[name], strict=True) if value is not None}
        known[name] = told if len(told) == len(heads["run"]) else _first_known(rows, name) | told
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


def _of_kind(rows: pa.Table, kind: SpanKind, columns: Sequence[str]) -> pa.Table:
    return rows.select(columns).filter(pc.equal(rows["kind"], kind))


def _first_known(rows: pa.Table, name: str) -> dict[int, Any]:
    """By number of the run the first value of a column that is known."""
    told = Columns(rows.select(("run", name)).filter(pc.is_valid(rows[name])))
    # The later ones first, so that the first one stays.
    return dict(zip(reversed(told["run"]), reversed(told[name]), strict=True))


def _steps(rows: pa.Table) -> dict[tuple[int, str], list[StepRun]]:
    """The steps of every job by number of the run and name of the job, in no order."""
    columns = Columns(rows)
    usages = made_of(Usage, {name: columns[name] for name in _USAGE}, rows.num_rows)
    built = made_of(
        StepRun,
        {
            "path": columns["step_path"],
            "name": columns["name"],
            "result": columns["result"],
            "start_ns": columns["start_ns"],
            "end_ns": columns["end_ns"],
            "kind": columns["step_kind"],
            "index": columns["step_index"],
            "exit_code": columns["exit_code"],
            "usage": usages,
            "cache_outcome": columns["cache_outcome"],
        },
        rows.num_rows,
    )
    for step in built if _has_odd_times(rows) else ():
        step.__post_init__()  # Raises for the odd one.
    found: dict[tuple[int, str], list[StepRun]] = {}
    for key, step in zip(zip(columns["run"], columns["job_name"], strict=True), built, strict=True):
        found.setdefault(key, []).append(step)
    return found


def _has_odd_times(rows: pa.Table) -> bool:
    start_ns, end_ns = rows["start_ns"].to_numpy(), rows["end_ns"].to_numpy()
    return bool(((start_ns < 0) | (end_ns < start_ns)).any())


def _jobs(rows: pa.Table, steps: dict[tuple[int, str], list[StepRun]]) -> dict[int, list[JobRun]]:
    columns = Columns(rows)
    own = map(_in_order, columns["run"], *(columns[name] for name in _OF_JOBS_STEPS), repeat(steps))
    built = map(
        JobRun,
        columns["job_name"],
        columns["job_id"],
        columns["result"],
        columns["start_ns"],
        columns["end_ns"],
        own,
        columns["needs"],
        columns["queued_ns"],
        columns["worker"],
        columns["runner_labels"],
        columns["state"],
        columns["url"],
    )
    found: dict[int, list[JobRun]] = {}
    for number, job in zip(columns["run"], built, strict=True):
        found.setdefault(number, []).append(job)
    return found


def _in_order(
    number: int,
    name: str,
    start_ns: int,
    end_ns: int,
    source: str | None,
    state: RunState | None,
    steps: dict[tuple[int, str], list[StepRun]],
) -> tuple[StepRun, ...]:
    """The steps of a job as `assembly` puts them, by the provider's clock where it is the provider's job."""
    own: Sequence[StepRun] = steps.get((number, name), ())
    if len(own) > 1:
        own = sorted(own, key=lambda step: (step.start_ns, step.index or 0, step.path))
    if own and source in PROVIDER_SOURCES and state is None:
        own = aligned(own, start_ns, end_ns)
    return tuple(own)
