"""Large values left where they are while the rows they belong to are merged and sorted.

The raw part of a span may be megabytes, and DuckDB handles rows by the two thousand: a hundred such spans would be held
whole, several times over. So it is given the place of each value instead, and the values are fetched when the rows are
written, some megabytes at a time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final, TypeAlias

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from makespan_collector.store.schema import TableSchema

DETACHED: Final = "raw"
"""The column: the serialized span or log record."""

Places: TypeAlias = np.ndarray[tuple[int], np.dtype[np.int64]]

_FILE_SHIFT = 40
"""A place is the number of the file above that of the row in it."""
_AT_ONCE_BYTES = 16 * 1024 * 1024
"""Of values fetched for one row group; as much again is kept of what was read for them."""

_LARGE_BYTES = 4 * 1024 * 1024
"""Of the column in a row group: what DuckDB may read of a file at a time."""


class DetachedValues:
    """The values of some segments, by their places.

    Args:
        paths: The segments.
    """

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = paths
        self._footers = [pq.read_metadata(path) for path in paths]
        first_places: list[int] = []
        bytes_a_row: list[float] = []
        self._groups: list[tuple[int, int]] = []
        for number, footer in enumerate(self._footers):
            place = number << _FILE_SHIFT
            column = footer.schema.names.index(DETACHED)
            for group in range(footer.num_row_groups):
                found = footer.row_group(group)
                self._groups.append((number, group))
                first_places.append(place)
                bytes_a_row.append(found.column(column).total_uncompressed_size / max(1, found.num_rows))
                place += found.num_rows
        self._first_places = np.array(first_places, np.int64)
        self._bytes_a_row = np.array(bytes_a_row)
        self._kept: dict[int, pa.Array] = {}

    def detach(self, connection: duckdb.DuckDBPyConnection, table: TableSchema) -> None:
        """Make the view `rows` one of these segments in which the column `DETACHED` is the place of its value.

        It is null where the value is, so what picks the last known value picks its place.
        """
        columns = ", ".join(f'"{name}"' for name in table.columns.names)
        sources = [f"SELECT * EXCLUDE ({DETACHED}) FROM log_rows WHERE false"]  # noqa: S608 (ours)
        large = [number for number in range(len(self._paths)) if self._is_large(number)]
        filled = [pa.array([], pa.int64()), *(self._filled(number) for number in large)]
        connection.register("filled_places", pa.table({"place": pa.concat_arrays(filled)}))
        for number, path in enumerate(self._paths):
            quoted = "'" + str(path).replace("'", "''") + "'"
            place = f"({number << _FILE_SHIFT} + file_row_number)"
            # DuckDB would hold the large values of all files at once, to see which are null.
            known = f"{place} IN (FROM filled_places)" if number in large else f"{DETACHED} IS NOT NULL"
            sources.append(
                f"SELECT * EXCLUDE (file_row_number) REPLACE (CASE WHEN {known} THEN {place} END AS {DETACHED}) "  # noqa: S608
                f"FROM read_parquet({quoted}, file_row_number = true)"
            )
        everything = " UNION ALL BY NAME ".join(sources)
        connection.execute(f"CREATE OR REPLACE TEMP VIEW rows AS SELECT {columns} FROM ({everything})")  # noqa: S608

    def attached(self, rows: pa.Table) -> Iterator[pa.Table]:
        """The rows with their values, in parts of some megabytes."""
        column = rows.column_names.index(DETACHED)
        places = rows[DETACHED].combine_chunks().fill_null(-1).to_numpy()
        # The row group each value is in; those without one are counted to the first.
        groups = np.maximum(np.searchsorted(self._first_places, places, "right") - 1, 0)
        sizes = np.where(places >= 0, self._bytes_a_row[groups], 0) if len(self._groups) else np.zeros(len(places))
        parts = np.flatnonzero(np.diff(np.cumsum(sizes) // _AT_ONCE_BYTES)) + 1
        bounds = [0, *parts.tolist(), len(places)]
        for first, last in pairwise(bounds):
            values = self._values(places[first:last], groups[first:last])
            yield rows.slice(first, last - first).set_column(column, pa.field(DETACHED, pa.binary()), values)

    def _values(self, places: Places, groups: Places) -> pa.Array:
        given = np.flatnonzero(places >= 0)
        found = [pa.nulls(1, pa.binary())]
        wanted = np.zeros(len(places), np.int64)
        count = 1
        # By row group, each of which is read once.
        for group in np.unique(groups[given]):
            rows = given[groups[given] == group]
            found.append(self._group(int(group)).take(pa.array(places[rows] - self._first_places[group])))
            wanted[rows] = np.arange(count, count + len(rows))
            count += len(rows)
        return pa.concat_arrays(found).take(pa.array(wanted))

    def _is_large(self, number: int) -> bool:
        footer = self._footers[number]
        column = footer.schema.names.index(DETACHED)
        groups = (footer.row_group(group) for group in range(footer.num_row_groups))
        return any(group.column(column).total_uncompressed_size > _LARGE_BYTES for group in groups)

    def _filled(self, number: int) -> pa.Array:
        """The places of a segment that have a value."""
        first, found = number << _FILE_SHIFT, [np.empty(0, np.int64)]
        for group in range(self._footers[number].num_row_groups):
            values = self._read(number, group)
            found.append(first + np.flatnonzero(values.is_valid().to_numpy(zero_copy_only=False)))
            first += len(values)
        return pa.array(np.concatenate(found))

    def _group(self, number: int) -> pa.Array:
        """The column in one row group; the last ones are kept, as segments are in the order of what is written."""
        if number not in self._kept:
            while self._kept and sum(values.nbytes for values in self._kept.values()) > _AT_ONCE_BYTES:
                del self._kept[next(iter(self._kept))]
            self._kept[number] = self._read(*self._groups[number])
        return self._kept[number]

    def _read(self, number: int, group: int) -> pa.Array:
        # Not kept open: a reader holds what it has read last.
        with pq.ParquetFile(self._paths[number], metadata=self._footers[number]) as reader:
            return reader.read_row_group(group, columns=[DETACHED], use_threads=False)[DETACHED].combine_chunks()
