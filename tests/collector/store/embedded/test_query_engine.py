from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import duckdb
import pytest

from makespan_collector.store.embedded import query_engine
from makespan_collector.store.embedded.query_engine import opened, private_instance


def test_a_question_sees_nothing_of_another() -> None:
    with opened() as first, opened() as second:
        first.execute("CREATE TEMP TABLE told AS SELECT 1 AS x")
        second.execute("CREATE TEMP VIEW told AS SELECT 2 AS x")
        assert first.execute("FROM told").fetchall() == [(1,)]
        assert second.execute("FROM told").fetchall() == [(2,)]
    with opened() as third, pytest.raises(duckdb.CatalogException):
        third.execute("FROM told")


def test_many_threads_ask_at_once() -> None:
    def ask(number: int) -> int:
        with opened() as connection:
            connection.execute(f"CREATE TEMP TABLE told AS SELECT {number} + range AS x FROM range(10000)")
            ((total,),) = connection.execute("SELECT sum(x) FROM told").fetchall()
            return int(total)

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(ask, range(40))) == [10_000 * number + 49_995_000 for number in range(40)]


FORK = """
import os, sys
from makespan_collector.store.embedded.query_engine import opened

def ask():
    with opened() as connection:
        return connection.execute("SELECT sum(range) FROM range(1000000)").fetchall() == [(499999500000,)]

assert ask()
child = os.fork()
if child == 0:
    sys.exit(0 if sys.argv[1] == "silent" or ask() else 3)
status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
assert ask()
sys.exit(status)
"""


@pytest.mark.parametrize("what", ["asking", "silent"])
def test_a_fork_asks_an_instance_of_its_own_and_ends_like_any_process(what: str) -> None:
    done = subprocess.run([sys.executable, "-c", FORK, what], capture_output=True, text=True, check=False, timeout=120)

    assert (done.returncode, done.stderr) == (0, "")


def test_a_fork_beside_threads_that_ask_leaves_them_their_answers() -> None:
    def ask(number: int) -> int:
        with opened() as connection:
            ((total,),) = connection.execute(f"SELECT sum(range) + {number} FROM range(3000000)").fetchall()
            return int(total)

    with ThreadPoolExecutor(4) as threads:
        answers = threads.map(ask, range(40))
        for _ in range(5):
            child = os.fork()
            if child == 0:
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
        assert list(answers) == [4_499_998_500_000 + number for number in range(40)]


def test_limits_of_a_private_instance_are_its_own() -> None:
    def limit(connection: duckdb.DuckDBPyConnection) -> object:
        return connection.execute("SELECT current_setting('memory_limit')").fetchall()

    with opened() as shared, opened(private_instance()) as private:
        before = limit(shared)
        private.execute("SET memory_limit = '64MB'")
        assert limit(shared) == before != limit(private)


def test_an_instance_that_failed_for_good_is_not_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[duckdb.DuckDBPyConnection] = []

    def counted() -> duckdb.DuckDBPyConnection:
        made.append(private_instance())
        return made[-1]

    monkeypatch.setattr(query_engine, "_shared", query_engine._Shared())
    monkeypatch.setattr(query_engine, "private_instance", counted)
    with pytest.raises(duckdb.FatalException), opened():
        raise duckdb.FatalException("the database has been invalidated")
    with opened() as connection:
        assert connection.execute("SELECT 1").fetchall() == [(1,)]
    assert len(made) == 2
