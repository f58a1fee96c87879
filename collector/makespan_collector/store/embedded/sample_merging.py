"""All samples, each once, looking for repeated ones only where there can be some.

A compacted segment holds a sample once, and the time is part of the key: two segments can hold the same sample only
at times that both of them cover, which is little of a history that came in order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from makespan_collector.store.embedded.merging import merged_rows
from makespan_collector.store.embedded.queries import rows_of
from makespan_collector.store.embedded.step_keys import STEP_KEY
from makespan_collector.store.schema import SAMPLES

_Span = tuple[int, int]
"""A first and a last time in ns, both within."""


@dataclass(frozen=True, slots=True)
class MergedSamples:
    """Two queries for disjoint parts of all samples; both are None where there is no sample.

    Attributes:
        keyed: Of rows that have a `step_keys.STEP_KEY`, which this has instead of the ids; None without any.
        plain: Of all others, with trace id, span id and time; None where all have keys.
    """

    keyed: str | None
    plain: str | None


@dataclass(frozen=True, slots=True)
class _Source:
    """A row of the view `sources`."""

    path: str | None
    first_ns: int
    last_ns: int
    repeats: bool
    keyed: bool

    def meets(self, times: Sequence[_Span]) -> bool:
        return any(first_ns <= self.last_ns and self.first_ns <= last_ns for first_ns, last_ns in times)


def merged_samples(connection: duckdb.DuckDBPyConnection, metrics: Sequence[str], *, with_keys: bool) -> MergedSamples:
    """Some columns of all samples of a connection made by `queries.connect`; by their ids alone without keys."""
    told = connection.sql("SELECT path, first_ns, last_ns, repeats, keyed FROM sources ORDER BY first_ns").fetchall()
    sources = [_Source(path, first, last, repeats, keyed and with_keys) for path, first, last, repeats, keyed in told]
    shared = _shared_times(sources)
    within = " OR ".join(f"time_ns BETWEEN {first_ns} AND {last_ns}" for first_ns, last_ns in shared)
    keyed_names, plain_names = ", ".join((STEP_KEY, *metrics)), ", ".join((*SAMPLES.key, *metrics))
    by_key: list[str] = []
    by_ids: list[str] = []
    disputed: list[str] = []
    for source, rows in _alike(sources, shared):
        apart = ""
        if source.meets(shared):
            apart = f" WHERE NOT ({within})"
            disputed.append(f"SELECT seq, {plain_names} FROM {rows} WHERE {within}")  # noqa: S608 (names are ours)
        names, found = (keyed_names, by_key) if source.keyed else (plain_names, by_ids)
        found.append(f"SELECT {names} FROM {rows}{apart}")  # noqa: S608 (the same)
    if disputed:
        # Kept aside: they would be looked for three times in files that are not sorted by time.
        connection.execute(f"CREATE TEMP TABLE shared AS {' UNION ALL '.join(disputed)}")
        by_ids.append(f"SELECT {plain_names} FROM ({merged_rows(SAMPLES, metrics, rows='shared')})")  # noqa: S608
    return MergedSamples(" UNION ALL ".join(by_key) or None, " UNION ALL ".join(by_ids) or None)


def _alike(sources: Sequence[_Source], shared: Sequence[_Span]) -> list[tuple[_Source, str]]:
    """One of each kind of source, and the SQL for the rows of all of its kind."""
    kinds: dict[tuple[bool, bool, bool], list[_Source]] = {}
    for source in sources:
        kinds.setdefault((source.path is None, source.keyed, source.meets(shared)), []).append(source)
    return [
        (group[0], "log_rows" if group[0].path is None else rows_of([source.path or "" for source in group]))
        for group in kinds.values()
    ]


def _shared_times(sources: Sequence[_Source]) -> list[_Span]:
    """Spans of time that more than one source covers, or one that may repeat itself; they do not overlap."""
    shared: list[_Span] = []
    covered_ns = -1
    for source in sources:
        end_ns = source.last_ns if source.repeats else min(covered_ns, source.last_ns)
        if end_ns >= source.first_ns:
            shared.append((source.first_ns, end_ns))
        covered_ns = max(covered_ns, source.last_ns)
    return _united(shared)


def _united(spans: list[_Span]) -> list[_Span]:
    united: list[_Span] = []
    for first_ns, last_ns in sorted(spans):
        if united and first_ns <= united[-1][1]:
            united[-1] = (united[-1][0], max(united[-1][1], last_ns))
        else:
            united.append((first_ns, last_ns))
    return united
