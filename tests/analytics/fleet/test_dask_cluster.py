from __future__ import annotations

import signal
from functools import partial
from pathlib import Path

import pytest

pytest.importorskip("distributed")

from makespan_analytics.fleet import dask_cluster
from makespan_analytics.fleet.chunk_analysis import FleetOptions
from makespan_analytics.fleet.code_version import code_digest
from makespan_analytics.fleet.dask_cluster import SameCode, dask_workers
from makespan_analytics.fleet.fleet_report import Progress, analyze_fleet
from makespan_analytics.pipeline_report import analyze_one
from makespan_collector.store.opening import open_store
from makespan_model.errors import InputError, UnavailableError
from support.dask_cluster import running_cluster
from support.fleet_work import DiesOn, Doubles, Refuses, append_runs

# Dask's own streams are closed by its loop, which may come after the test has ended.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::DeprecationWarning")

OPTIONS = FleetOptions(recent_runs=9)


@pytest.fixture(autouse=True)
def _sources_as_they_are_now() -> None:
    """Workers start now: a file that changed since this session began would make them another release."""
    code_digest.cache_clear()


def test_a_fleet_is_analysed_whole_although_a_worker_is_killed_in_the_middle(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    with open_store(folder) as store:
        for number in range(12):
            append_runs(store, f"pipeline {number:02}", range(10))
    told: list[Progress] = []

    with running_cluster(tmp_path, 2) as cluster, dask_workers(cluster.address) as workers:

        def kill_one(progress: Progress) -> None:
            told.append(progress)
            if progress.done and cluster.workers[0].poll() is None:
                cluster.workers[0].send_signal(signal.SIGKILL)
                cluster.workers[0].wait()

        open_it = partial(open_store, folder, read_only=True)
        report = analyze_fleet(open_it, workers, OPTIONS, progress=kill_one)

        assert cluster.workers[0].returncode == -signal.SIGKILL
        assert cluster.workers[1].poll() is None

    assert 0 < told[1].done < told[-1].done == 12
    assert (report.failed, report.lost) == ((), ())
    with open_store(folder, read_only=True) as reading:
        for number in range(12):
            key = ("octo/app", f"pipeline {number:02}")
            runs = reading.runs(repository=key[0], pipeline=key[1])
            assert report.report(key) == analyze_one(runs, recent_runs=9)


def test_a_piece_that_kills_its_workers_is_named_and_the_others_are_done(tmp_path: Path) -> None:
    deaths = tmp_path / "deaths"
    deaths.mkdir()
    with running_cluster(tmp_path, 3, allowed_failures=1) as cluster, dask_workers(cluster.address) as workers:
        found = {done.piece: done for done in workers.run(DiesOn(2, 9, deaths), range(6))}

    assert len(list(deaths.iterdir())) == 2
    assert found[2].answer is None
    assert "its workers died" in (found[2].lost or "")
    assert {piece: done.answer for piece, done in found.items() if piece != 2} == {0: 0, 1: 2, 3: 6, 4: 8, 5: 10}


def test_what_the_work_raises_is_raised_here_and_the_cluster_stays(tmp_path: Path) -> None:
    with running_cluster(tmp_path, 1) as cluster, dask_workers(cluster.address) as workers:
        with pytest.raises(InputError, match="is broken"):
            list(workers.run(Refuses(), range(3)))
        assert [done.answer for done in workers.run(Doubles(), [4])] == [8]


def test_a_cluster_that_lost_all_workers_is_given_up(tmp_path: Path) -> None:
    deaths = tmp_path / "deaths"
    deaths.mkdir()
    with running_cluster(tmp_path, 1) as cluster, dask_workers(cluster.address) as connected:
        workers = dask_cluster.DaskWorkers(connected._client, longest_without_workers_s=1.0)
        with pytest.raises(UnavailableError, match="no worker is left in the cluster, and 1 pieces"):
            list(workers.run(DiesOn(2, 9, deaths), [2]))


def test_no_scheduler_at_an_address_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_cluster, "_CONNECT_WITHIN_S", 0.5)
    with (
        pytest.raises(UnavailableError, match=r"no Dask scheduler at tcp://127\.0\.0\.1:1"),
        dask_workers("tcp://127.0.0.1:1"),
    ):
        pass


def test_a_cluster_without_workers_is_said(tmp_path: Path) -> None:
    with (
        running_cluster(tmp_path, 0) as cluster,
        pytest.raises(UnavailableError, match="has no workers"),
        dask_workers(cluster.address),
    ):
        pass


def test_work_is_refused_where_another_release_is_installed() -> None:
    with pytest.raises(UnavailableError, match="another release of makespan"):
        SameCode(Doubles(), "another")(1)
