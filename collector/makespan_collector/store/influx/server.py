"""One InfluxDB server: which version it is, writes through influxdb-client, reads in InfluxQL."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

import urllib3
from influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry

from makespan_collector.store.influx.target import Patience, Target
from makespan_model.errors import InputError, UnavailableError

_BATCH_LINES = 5_000
_RETRIES = 1
_PATIENT = Patience()
_CHUNK_ROWS = 10_000
_FIRST_WITH_V2_WRITE = (1, 8)
_BEYOND_RETENTION = "points beyond retention policy"
_TYPE_CONFLICT = "field type conflict"
HISTORY = "history"
"""Retention policy (1.x) or the part of the bucket's name (2.x) of what is kept for years."""
SAMPLES = "samples"
"""The same of samples, which are kept for weeks."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of an answer: the columns' names, and the rows in their order."""

    columns: Sequence[str]
    rows: Sequence[Sequence[Any]]


class Server:
    """A connection to it; connects when it is first used.

    Args:
        target: Which.
        patience: How long it is waited for.
    """

    def __init__(self, target: Target, patience: Patience = _PATIENT) -> None:
        self.target = target
        self._http = urllib3.PoolManager(
            timeout=urllib3.Timeout(connect=patience.write_s, read=patience.read_s),
            retries=Retry(_RETRIES, backoff_factor=0.2, status_forcelist=(502, 503, 504), raise_on_status=False),
        )
        self._client = InfluxDBClient(
            url=target.url,
            token=f"{target.username}:{target.secret}" if target.username else target.secret,
            auth_basic=bool(target.username),
            org=target.org,
            timeout=round(patience.write_s * 1000),
            enable_gzip=True,
            retries=Retry(_RETRIES, backoff_factor=0.2, status_forcelist=(502, 503, 504), allowed_methods=None),
        )
        self._writing = self._client.write_api(write_options=SYNCHRONOUS)
        self._version: tuple[int, ...] | None = None

    def ping(self) -> None:
        """Return when the server answers.

        Raises:
            UnavailableError: It does not.
        """
        self._request("GET", "/ping")

    @property
    def client(self) -> InfluxDBClient:
        """The client, for what is asked of the server itself."""
        return self._client

    @contextmanager
    def failures_told(self) -> Iterator[None]:
        """What the client raises inside becomes an error of makespan.

        Raises:
            UnavailableError: The server does not answer, or not now.
            InputError: It refuses.
        """
        try:
            yield
        except ApiException as error:
            raise self._refused(error.status, str(error.body or error.reason)) from error
        except (HTTPError, OSError) as error:
            raise self._unreachable(error) from error

    @property
    def version(self) -> tuple[int, ...]:
        """The server's version.

        Raises:
            UnavailableError: It does not answer.
        """
        if self._version is None:
            answer = self._request("GET", "/ping")
            told = answer.headers.get("X-Influxdb-Version", "")
            found = re.match(r"v?(\d+)\.(\d+)", told)
            self._version = (int(found[1]), int(found[2])) if found else (1, 8)
            if self._version < _FIRST_WITH_V2_WRITE:
                _write_as_before_1_8(self._client)
        return self._version

    def write(self, lines: Sequence[str], policy: str) -> None:
        """Write points in line protocol; returns when the server has them on its disk.

        Raises:
            UnavailableError: It does not answer, or not now.
            InputError: It refuses them for good.
        """
        assert self.version
        for start in range(0, len(lines), _BATCH_LINES):
            batch = "\n".join(lines[start : start + _BATCH_LINES])
            try:
                self._writing.write(bucket=f"{self.target.database}/{policy}", record=batch, write_precision="ns")
            except ApiException as error:
                told = str(error.body or error.reason)
                # The rest of the batch was written, and these would be deleted at once.
                if _BEYOND_RETENTION not in told:
                    raise self._refused(error.status, told) from error
            except (HTTPError, OSError) as error:
                raise self._unreachable(error) from error

    def ask(self, sql: str, policy: str | None = None) -> Iterator[dict[str, Any]]:
        """The rows of an InfluxQL query: fields and tags by name, times as nanoseconds under `time`.

        Raises:
            UnavailableError: The server does not answer, or not now.
            InputError: It does not take the query.
        """
        for chunk in self.ask_chunks(sql, policy):
            for values in chunk.rows:
                yield dict(zip(chunk.columns, values, strict=True))

    def ask_chunks(self, sql: str, policy: str | None = None) -> Iterator[Chunk]:
        """The same, as it comes: a long answer is never whole in memory. Tags are not among the columns.

        Raises:
            UnavailableError: The server does not answer, or breaks off.
            InputError: It does not take the query.
        """
        parameters = {"db": self.target.database, "q": sql, "epoch": "ns", "chunked": "true"}
        parameters["chunk_size"] = str(_CHUNK_ROWS)
        if policy is not None:
            parameters["rp"] = policy
        answer = self._request("POST", "/query", parameters, streamed=True)
        try:
            for line in answer:
                yield from self._chunks(line)
        except (HTTPError, OSError) as error:
            raise self._unreachable(error) from error
        finally:
            # What was not read is not waited for.
            answer.close()
            answer.release_conn()

    def command(self, sql: str) -> None:
        """Carry out an InfluxQL statement that answers nothing.

        Raises:
            UnavailableError: The server does not answer.
            InputError: It does not take the statement.
        """
        for _ in self.ask(sql):
            pass

    def configure(self, path: str, body: Mapping[str, str]) -> None:
        """Have the server make something; that it is there already is as good.

        Raises:
            UnavailableError: It does not answer.
            InputError: It refuses.
        """
        headers = {"Authorization": f"Bearer {self.target.secret}"} if self.target.secret else {}
        try:
            answer = self._http.request("POST", self.target.url.rstrip("/") + path, json=dict(body), headers=headers)
        except (HTTPError, OSError) as error:
            raise self._unreachable(error) from error
        if answer.status >= HTTPStatus.BAD_REQUEST and answer.status != HTTPStatus.CONFLICT:
            raise self._refused(answer.status, answer.data.decode("utf-8", "replace"))

    def close(self) -> None:
        """Let go of the connections; a second call does nothing."""
        self._client.close()
        self._http.clear()

    def _chunks(self, line: bytes) -> Iterator[Chunk]:
        if not line.strip():
            return
        try:
            answer = json.loads(line)
        except ValueError as error:
            raise UnavailableError(f"{self.target.url} broke off in the middle of an answer: {error}") from error
        for told in (answer, *answer.get("results", ())):
            if "error" in told:
                raise InputError(f"{self.target.url}: {told['error']}")
            for series in told.get("series", ()):
                yield Chunk(series["columns"], series["values"])

    def _request(
        self, method: str, path: str, parameters: Mapping[str, str] | None = None, *, streamed: bool = False
    ) -> urllib3.BaseHTTPResponse:
        headers = {"Content-Type": "application/x-www-form-urlencoded", **self.target.authorization}
        body = urlencode(parameters) if parameters else None
        try:
            answer = self._http.request(
                method, self.target.url.rstrip("/") + path, body=body, headers=headers, preload_content=not streamed
            )
        except (HTTPError, OSError) as error:
            raise self._unreachable(error) from error
        if answer.status >= HTTPStatus.BAD_REQUEST:
            raise self._refused(answer.status, answer.data.decode("utf-8", "replace"))
        return answer

    def _refused(self, status: int | None, told: str) -> UnavailableError | InputError:
        message = f"{self.target.url} answered {status}: {str(told).strip()[:300]}"
        # What the server itself could not do, and what it has no time for, may work later; the rest never will.
        if status is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
            return UnavailableError(message)
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.NOT_FOUND):
            return UnavailableError(f"{message}; check the token, and run `makespan store init`")
        if _TYPE_CONFLICT in told:
            # Nothing is wrong with what was sent: somebody else writes into this database.
            return UnavailableError(f"{message}; give makespan a database of its own")
        return InputError(message)

    def _unreachable(self, error: Exception) -> UnavailableError:
        return UnavailableError(f"InfluxDB at {self.target.url} does not answer: {error}")


def _write_as_before_1_8(client: Any) -> None:
    """Point the client's one write call at the address that servers before 1.8 know, as 1.8 does itself."""
    api = client.api_client
    call = api.call_api

    def mapped(path: str, method: str, path_params: Any = None, query: Any = None, *rest: Any, **more: Any) -> Any:
        if path == "/api/v2/write":
            given = dict(query)
            database, _, policy = str(given["bucket"]).partition("/")
            path, query = "/write", [("db", database), ("rp", policy), ("precision", given["precision"])]
        return call(path, method, path_params, query, *rest, **more)

    api.call_api = mapped
