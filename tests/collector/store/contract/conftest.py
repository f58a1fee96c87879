"""Every store that keeps the contract, empty, as the fixture `store`."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from makespan_collector.store.contract import Store
from makespan_collector.store.influx.provisioning import provide
from makespan_collector.store.influx.server import Server
from makespan_collector.store.influx.server_store import InfluxStore
from makespan_collector.store.influx.target import Target
from makespan_collector.store.opening import open_store
from support.influxd import Influxd, running_influxd

_databases = itertools.count()


@pytest.fixture(scope="session")
def influxd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influxd]:
    with running_influxd(tmp_path_factory.mktemp("influxd")) as server:
        yield server


@pytest.fixture
def influx_server(influxd: Influxd) -> Server:
    """A connection to a database of its own."""
    server = Server(Target(influxd.url, database=f"makespan_{next(_databases)}"))
    provide(server, samples_days=36_500)
    return server


@pytest.fixture(params=["embedded", pytest.param("influx", marks=pytest.mark.service)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    if request.param == "embedded":
        with open_store(tmp_path / "store") as opened:
            yield opened
    else:
        with InfluxStore(request.getfixturevalue("influx_server")) as opened:
            yield opened
