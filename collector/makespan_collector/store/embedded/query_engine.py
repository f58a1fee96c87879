"""The one DuckDB in memory that a process asks its questions of.

An instance takes 15 ms to open, and one more of them two more threads: questions share it, each with a connection of
its own, whose views and temporary tables nobody else sees.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import duckdb

_CONFIG: dict[str, str | bool | int | float | list[str]] = {
    # It fetches nothing from anywhere.
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    # The kernel caches files, and gives the memory back.
    "enable_external_file_cache": "false",
}


class _Shared:
    """The instance of this process, opened when it is first asked."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._instance: duckdb.DuckDBPyConnection | None = None

    def connection(self) -> duckdb.DuckDBPyConnection:
        with self._lock:
            if self._instance is None:
                self._instance = private_instance()
            return self._instance.cursor()

    def close(self) -> None:
        """Forget the instance; it ends with the last question that is being asked of it."""
        with self._lock:
            # Its own close() would break off the questions.
            self._instance = None

    def before_fork(self) -> None:
        # A fork would have the instance without its threads, and die or wait for ever when it ends.
        self._lock.acquire()
        self._instance = None

    def after_fork(self) -> None:
        self._lock.release()


_shared = _Shared()
os.register_at_fork(before=_shared.before_fork, after_in_parent=_shared.after_fork, after_in_child=_shared.after_fork)
# While the interpreter is whole still.
atexit.register(_shared.close)


def private_instance() -> duckdb.DuckDBPyConnection:
    """An instance that nobody shares, for work with limits of its own."""
    return duckdb.connect(":memory:", config=_CONFIG)


@contextmanager
def opened(connection: duckdb.DuckDBPyConnection | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to nothing, closed afterwards.

    Args:
        connection: To an instance of one's own; None for one to the instance that is shared.
    """
    connection = connection or _shared.connection()
    try:
        # A query that takes long would draw a bar on standard output, which is the command's own.
        connection.execute("SET enable_progress_bar = false")
        yield connection
    except (duckdb.FatalException, duckdb.InternalException):
        # DuckDB answers nothing more after such an error; the next question gets a new instance.
        _shared.close()
        raise
    finally:
        connection.close()
