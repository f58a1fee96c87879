"""One InfluxDB server: which version it is, writes through influxdb-client, reads in InfluxQL."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3
from influxdb_client import InfluxDBClient
from influxdb_client.client.write_api import SYNCHRONOUS
from influxdb_client.rest import ApiException
from urllib3.exceptions import HTTPError
from urllib3.util.retry import Retry

from makespan_collector.store.influx.points import quoted
from makespan_model.errors import InputError, UnavailableError

_TIMEOUT_MS = 30_000
_BATCH_LINES = 5_000
_RETRIES = 3
_CHUNK_ROWS = 10_000
_FIRST_WITH_V2_WRITE = (1, 8)
HISTORY = "history"
"""Retention policy (1.x) or the part of the bucket's name (2.x) of what is kept for years."""
SAMPLES = "samples"
"""The same of samples, which are kept for weeks."""


@dataclass(frozen=True, slots=True)
class Target:
    """Which server and what in it.

    Attributes:
        url: Base URL.
        database: Database of 1.x; in 2.x the buckets `database/history` and `database/samples`.
        org: Organisation of 2.x.
        username: Of 1.x.
        secret: Token, or password of 1.x; never shown.
    """

    url: str
    database: str = "makespan"
    org: str = "-"
    username: str = ""
    secret: str = ""

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise InputError(f"an InfluxDB URL is http://HOST:PORT, not {self.url!r}")
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", self.database):
            raise InputError(f"a database is named by letters, digits and underscores, not {self.database!r}")

    @property
    def token(self) -> str:
        """As `Authorization: Token …` carries it; 1.x takes user and password there as well."""
        return f"{self.username}:{self.secret}" if self.username else self.secret


class Server:
    """A connection to it; connects when it is first used.

    Args:
        target: Which.
    """

    def __init__(self, target: Target) -> None:
        self.target = target
        self._http = urllib3.PoolManager(
            timeout=urllib3.Timeout(_TIMEOUT_MS / 1000),
            retries=Retry(_RETRIES, backoff_factor=0.2, status_forcelist=(502, 503, 504), raise_on_status=False),
        )
        self._client = InfluxDBClient(
            url=target.url,
            token=target.token,
            org=target.org,
            timeout=_TIMEOUT_MS,
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
                raise self._refused(error.status, error.body or error.reason) from error
            except (HTTPError, OSError) as error:
                raise self._unreachable(error) from error

    def ask(self, sql: str, policy: str | None = None) -> Iterator[dict[str, Any]]:
        """The rows of an InfluxQL query: fields and tags by name, times as nanoseconds under `time`.

        Raises:
            UnavailableError: The server does not answer, or not now.
            InputError: It does not take the query.
        """
        parameters = {"db": self.target.database, "q": sql, "epoch": "ns", "chunked": "true"}
        parameters["chunk_size"] = str(_CHUNK_ROWS)
        if policy is not None:
            parameters["rp"] = policy
        answer = self._request("POST", "/query", parameters)
        for line in answer.data.splitlines():
            yield from self._rows(line)

    def command(self, sql: str) -> None:
        """Carry out an InfluxQL statement that answers nothing.

        Raises:
            UnavailableError: The server does not answer.
            InputError: It does not take the statement.
        """
        for _ in self.ask(sql):
            pass

    def close(self) -> None:
        """Let go of the connections; a second call does nothing."""
        self._client.close()
        self._http.clear()

    def make(self, *, samples_days: int) -> None:
        """Make database and retention policies (1.x), or buckets and their names for InfluxQL (2.x); idempotent.

        Args:
            samples_days: How long samples are kept; the history is kept for ever.

        Raises:
            UnavailableError: The server does not answer.
            InputError: It refuses.
        """
        if self.version >= (2, 0):
            self._make_buckets(samples_days)
            return
        name = f'"{self.target.database}"'
        self.command(f"CREATE DATABASE {name}")
        known = {row["name"] for row in self.ask(f"SHOW RETENTION POLICIES ON {name}")}
        for policy, duration, default in ((HISTORY, "INF", " DEFAULT"), (SAMPLES, f"{samples_days}d", "")):
            verb = "ALTER" if policy in known else "CREATE"
            self.command(
                f'{verb} RETENTION POLICY "{policy}" ON {name} DURATION {duration} REPLICATION 1'
                f"{' SHARD DURATION 52w' if policy == HISTORY else ''}{default}"
            )

    def _make_buckets(self, samples_days: int) -> None:
        from influxdb_client import BucketRetentionRules, DBRPCreate
        from influxdb_client.service.dbr_ps_service import DBRPsService

        try:
            buckets = self._client.buckets_api()
            organisation = next(iter(self._client.organizations_api().find_organizations(org=self.target.org)))
            for policy, seconds in ((HISTORY, 0), (SAMPLES, samples_days * 86_400)):
                name = f"{self.target.database}/{policy}"
                bucket = buckets.find_bucket_by_name(name)
                if bucket is None:
                    rules = [BucketRetentionRules(type="expire", every_seconds=seconds)]
                    bucket = buckets.create_bucket(bucket_name=name, retention_rules=rules, org=self.target.org)
                    mapping = DBRPCreate(
                        bucket_id=bucket.id,
                        database=self.target.database,
                        retention_policy=policy,
                        default=policy == HISTORY,
                        org_id=organisation.id,
                    )
                    DBRPsService(self._client.api_client).post_dbrp(mapping)
        except ApiException as error:
            raise self._refused(error.status, error.body or error.reason) from error
        except (HTTPError, OSError) as error:
            raise self._unreachable(error) from error

    def _rows(self, line: bytes) -> Iterator[dict[str, Any]]:
        if not line:
            return
        try:
            answer = json.loads(line)
        except ValueError as error:
            raise UnavailableError(f"{self.target.url} broke off in the middle of an answer: {error}") from error
        if "error" in answer:
            raise InputError(f"{self.target.url}: {answer['error']}")
        for result in answer.get("results", ()):
            if "error" in result:
                raise InputError(f"{self.target.url}: {result['error']}")
            for series in result.get("series", ()):
                tags: Mapping[str, str] = series.get("tags", {})
                for values in series["values"]:
                    yield {**tags, **dict(zip(series["columns"], values, strict=True))}

    def _request(self, method: str, path: str, parameters: Mapping[str, str] | None = None) -> urllib3.BaseHTTPResponse:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        if self.target.token:
            headers["Authorization"] = f"Token {self.target.token}"
        body = urlencode(parameters) if parameters else None
        try:
            answer = self._http.request(method, self.target.url.rstrip("/") + path, body=body, headers=headers)
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


def condition(**values: str | None) -> str:
    """An InfluxQL condition that all the values given are equal; always true without any."""
    given = [f'"{name}" = {quoted(value)}' for name, value in values.items() if value is not None]
    return " AND ".join(given) or "time > 0"
