"""Where a history is kept: a directory, or an InfluxDB server named by the settings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias
from urllib.parse import urlsplit

from makespan_collector.store.contract import Store
from makespan_collector.store.opening import open_store
from makespan_model.errors import UnavailableError, UsageError
from makespan_model.setting_tables import INFLUXDB, INFLUXDB_URLS, InfluxdbSettings, Settings, names_server

if TYPE_CHECKING:
    from makespan_collector.store.influx.server import Server

StorePlace: TypeAlias = "Path | Server"


def place_of(name: str, settings: Settings) -> StorePlace:
    """What a store's name means: a directory, the server of the settings, or that of a URL with their credentials.

    Raises:
        UsageError: `influxdb` without a URL.
        InputError: The URL is none, or the file of the token cannot be read.
        UnavailableError: influxdb-client is not installed.
    """
    if not names_server(name):
        return Path(name)
    told = settings.influxdb if name == INFLUXDB else _of_url(name, settings.influxdb)
    if not told.url:
        raise UsageError("the store is `influxdb`, and no server is: set `url` in [influxdb], or MAKESPAN_INFLUXDB_URL")
    try:
        from makespan_collector.store.influx.server import Server
        from makespan_collector.store.influx.target import Target
    except ImportError as error:
        raise UnavailableError("an InfluxDB store needs its client: pip install 'makespan[influxdb]'") from error
    return Server(
        Target(
            told.url,
            database=told.database,
            org=told.org or "-",
            username=told.username,
            secret=told.read_token(),
        )
    )


def _of_url(name: str, told: InfluxdbSettings) -> InfluxdbSettings:
    """Settings with URL and database taken from `influxdb://HOST:PORT/DATABASE`."""
    begin = next(begin for begin in INFLUXDB_URLS if name.startswith(begin))
    parts = urlsplit(INFLUXDB_URLS[begin] + name.removeprefix(begin))
    if parts.username or parts.password or parts.query or parts.fragment:
        # Not shown: it may hold a password, and so may the process list and the log.
        raise UsageError(f"a store's URL is {begin}HOST:PORT/DATABASE; user and token are set in [influxdb]")
    return replace(told, url=f"{parts.scheme}://{parts.netloc}", database=parts.path.strip("/") or told.database)


def open_place(place: StorePlace, *, read_only: bool = False) -> Store:
    """Open the store at a place.

    Raises:
        UnavailableError: There is no history (reading), another process writes (writing), or it cannot be reached.
        InputError: The directory holds something else, or a newer format.
    """
    if isinstance(place, Path):
        return open_store(place, read_only=read_only)
    from makespan_collector.store.influx.server_store import InfluxStore

    return InfluxStore(place)


def open_configured(settings: Settings, *, read_only: bool = False) -> Store:
    """Open the store that the settings name; raises what `place_of` and `open_place` raise."""
    return open_place(place_of(settings.store, settings), read_only=read_only)
