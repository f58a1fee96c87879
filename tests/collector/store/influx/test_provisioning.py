"""InfluxDB 2 and 3 are not installable here: a local server answers as their documented API does."""

from __future__ import annotations

import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from makespan_collector.store.influx.provisioning import provide
from makespan_collector.store.influx.server import Server
from makespan_collector.store.influx.target import Target
from makespan_model.errors import InputError, UnavailableError


@dataclass
class DocumentedApi:
    """What https://docs.influxdata.com says of buckets and mappings (2.x) and databases (3), kept in memory."""

    version: str
    url: str = ""
    organisations: tuple[str, ...] = ("acme",)
    buckets: dict[str, dict[str, Any]] = field(default_factory=dict)
    mappings: list[dict[str, Any]] = field(default_factory=list)
    databases: dict[str, dict[str, str]] = field(default_factory=dict)

    def answer(self, method: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
        if path == "/api/v2/orgs":
            found = [name for name in self.organisations if name in query["org"]]
            return 200, {"orgs": [{"id": f"id of {name}", "name": name} for name in found]}
        if path == "/api/v2/buckets" and method == "GET":
            named = self.buckets.get(query["name"][0])
            return 200, {"buckets": [named] if named else []}
        if path == "/api/v2/buckets":
            self.buckets[body["name"]] = {"id": f"id of {body['name']}", **body}
            return 201, self.buckets[body["name"]]
        if path.startswith("/api/v2/buckets/"):
            bucket = next(
                one
                for one in self.buckets.values()
                if one["id"] == path.rpartition("/")[2].replace("%20", " ").replace("%2F", "/")
            )
            bucket.update(body)
            return 200, bucket
        if path == "/api/v2/dbrps" and method == "GET":
            return 200, {"content": [one for one in self.mappings if one["database"] in query["db"]]}
        if path == "/api/v2/dbrps":
            self.mappings.append({"id": f"mapping {len(self.mappings)}", **body})
            return 201, self.mappings[-1]
        if path == "/api/v3/configure/database":
            if body["db"] in self.databases:
                return 409, {"error": "attempted to create a resource that already exists"}
            self.databases[body["db"]] = body
            return 200, None
        return 404, {"code": "not found", "message": path}


@pytest.fixture
def api(request: pytest.FixtureRequest) -> Iterator[DocumentedApi]:
    found = DocumentedApi(request.param)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            if parts.path == "/ping":
                status, told = 204, None
            elif self.headers.get("Authorization") not in ("Token t0k", "Bearer t0k"):
                status, told = 401, {"code": "unauthorized", "message": "unauthorized access"}
            else:
                status, told = found.answer(self.command, parts.path, parse_qs(parts.query), body)
            content = b"" if told is None else json.dumps(told).encode()
            self.send_response(status)
            self.send_header("X-Influxdb-Version", found.version)
            self.send_header("Content-Type", "application/json")
            if status != 204:
                self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def do_GET(self) -> None:
            self._answer()

        def do_POST(self) -> None:
            self._answer()

        def do_PATCH(self) -> None:
            self._answer()

        def log_message(self, *message: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    found.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("api", ["v2.7.1"], indirect=True)
def test_version_2_gets_buckets_and_the_names_that_influxql_reads_them_by(api: DocumentedApi) -> None:
    server = Server(Target(api.url, org="acme", secret="t0k"))

    provide(server, samples_days=30)
    provide(server, samples_days=14)

    kept_s = {name: [rule["everySeconds"] for rule in bucket["retentionRules"]] for name, bucket in api.buckets.items()}
    assert kept_s == {"makespan/history": [0], "makespan/samples": [14 * 86_400]}
    assert [(one["database"], one["retention_policy"], one["default"], one["bucketID"]) for one in api.mappings] == [
        ("makespan", "history", True, "id of makespan/history"),
        ("makespan", "samples", False, "id of makespan/samples"),
    ]


@pytest.mark.parametrize("api", ["v2.7.1"], indirect=True)
def test_an_organisation_that_is_not_there_and_a_wrong_token_are_named(api: DocumentedApi) -> None:
    with pytest.raises(InputError, match="no organisation 'other'"):
        provide(Server(Target(api.url, org="other", secret="t0k")), samples_days=30)
    with pytest.raises(UnavailableError, match="check the token"):
        provide(Server(Target(api.url, org="acme", secret="wrong")), samples_days=30)


@pytest.mark.parametrize("api", ["3.2.1"], indirect=True)
def test_version_3_gets_a_database_for_each_retention(api: DocumentedApi) -> None:
    server = Server(Target(api.url, secret="t0k"))

    provide(server, samples_days=30)
    provide(server, samples_days=30)

    assert api.databases == {
        "makespan/history": {"db": "makespan/history"},
        "makespan/samples": {"db": "makespan/samples", "retention_period": "30d"},
    }
    with pytest.raises(UnavailableError, match="401"):
        provide(Server(Target(api.url, secret="wrong")), samples_days=30)
