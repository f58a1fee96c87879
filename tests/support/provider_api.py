"""A local server that answers as the documented REST APIs of GitHub and GitLab do, troubles included.

Pages and Link headers, ETags with 304, both rate limits of GitHub, GitLab's 429, server errors, answers that are cut
off, late or no JSON. Sources: GitHub REST API ("Using pagination", "Rate limits", "Best practices": conditional
requests), GitLab Docs ("REST API", pagination; "User and IP rate limits").
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlencode, urlsplit


@dataclass
class Trouble:
    """What happens to the next requests instead of an answer.

    Attributes:
        status: Of the answer; 200 with a `body` for what looks right and is not.
        times: How many requests have it.
        path: Only those whose path this matches.
        cut: Send only half of the right answer's bytes.
        late_s: Send the right answer after so long.
    """

    status: int = 500
    times: int = 1
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b"{}"
    path: str = ""
    kind: str = "application/json; charset=utf-8"
    cut: bool = False
    late_s: float = 0.0


@dataclass
class Asked:
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    status: int = 0


class ProviderApi:
    """Resources by path, and what was asked.

    Attributes:
        lists: Path to all items of a list; `key` is the member that holds them (None: the answer is the list).
        objects: Path to an object.
        asked: Every request in order.
        troubles: Used up from the front.
        token: Who does not send it gets 401; None asks for none.
        pace_s: How long every answer takes.
    """

    def __init__(self) -> None:
        self.lists: dict[str, tuple[str | None, Callable[[dict[str, str]], Sequence[Any]]]] = {}
        self.objects: dict[str, Any] = {}
        self.asked: list[Asked] = []
        self.troubles: list[Trouble] = []
        self.token: str | None = None
        self.pace_s = 0.0
        self.link_base: str | None = None
        self.url = ""
        self._lock = threading.Lock()

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]

    def counted(self) -> list[Asked]:
        """Requests that cost something of the rate limit: 304 does not."""
        return [asked for asked in self.asked if asked.status != 304]

    def trouble_for(self, path: str) -> Trouble | None:
        with self._lock:
            for trouble in self.troubles:
                if trouble.times and re.search(trouble.path, path):
                    trouble.times -= 1
                    return trouble
        return None

    def answer(self, asked: Asked) -> tuple[int, bytes, dict[str, str]]:
        """Status, body and headers."""
        if self.token is not None and asked.headers.get("authorization", "").split(" ")[-1] != self.token:
            return 401, b'{"message": "Bad credentials"}', {}
        found = self.content(asked.path, asked.query)
        if found is None:
            return 404, b'{"message": "Not Found"}', {}
        content, headers = found
        body = content if isinstance(content, bytes) else json.dumps(content).encode()
        etag = f'W/"{hashlib.sha256(body).hexdigest()}"'
        if asked.headers.get("if-none-match") == etag:
            return 304, b"", {"ETag": etag}
        return 200, body, {"ETag": etag, **headers}

    def content(self, path: str, query: dict[str, str]) -> tuple[Any, dict[str, str]] | None:
        """What is there, with the headers that belong to it."""
        if path in self.objects:
            return self.objects[path], {}
        if path not in self.lists:
            return None
        key, items_of = self.lists[path]
        items = items_of(query)
        size, page = min(100, int(query.get("per_page", "30"))), int(query.get("page", "1"))
        part = items[(page - 1) * size : page * size]
        headers = {}
        if page * size < len(items):
            base = self.link_base or f"{self.url}{path}"
            links = {"next": page + 1, "last": -(-len(items) // size)}
            headers["Link"] = ", ".join(
                f'<{base}?{urlencode({**query, "page": str(number)})}>; rel="{rel}"' for rel, number in links.items()
            )
        return (part if key is None else {"total_count": len(items), key: part}), headers


@contextmanager
def provider_api() -> Iterator[ProviderApi]:
    """The server, on a free port of 127.0.0.1 until the block ends."""
    api = ProviderApi()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(api))
    server.daemon_threads = True
    api.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield api
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(api: ProviderApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Head and body in one packet: the other way a client waits for 40 ms (delayed ACK).
        wbufsize = 65_536
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            split = urlsplit(self.path)
            # GitLab's project is one percent-encoded segment.
            path = unquote(split.path)
            query = {name: values[0] for name, values in parse_qs(split.query).items()}
            asked = Asked(path, query, {name.lower(): value for name, value in self.headers.items()})
            api.asked.append(asked)
            time.sleep(api.pace_s)
            try:
                self._answer(asked)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def _answer(self, asked: Asked) -> None:
            trouble = api.trouble_for(asked.path)
            if trouble is not None and not trouble.cut and not trouble.late_s:
                self._send(asked, trouble.status, trouble.body, dict(trouble.headers), trouble.kind)
                return
            status, body, headers = api.answer(asked)
            if trouble is not None and status == 200:
                time.sleep(trouble.late_s)
                body = body[: len(body) // 2] if trouble.cut else body
            self._send(asked, status, body, headers)

        def _send(
            self,
            asked: Asked,
            status: int,
            body: bytes,
            headers: Mapping[str, str],
            kind: str = "application/json; charset=utf-8",
        ) -> None:
            asked.status = status
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            if status != 304:
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            pass

    return Handler
