"""GitLab's REST API (version 4) through python-gitlab."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from http import HTTPStatus

import gitlab
import requests
from gitlab.exceptions import GitlabAuthenticationError, GitlabError, GitlabHttpError

from makespan_collector.importers.answers import (
    Answer,
    AnswerTooLargeError,
    PassingError,
    RateLimitedError,
    decode_answer,
)
from makespan_model.errors import UnavailableError, UsageError

SERVER_URL = "https://gitlab.com"
_TIMEOUT_S = 30.0
_CHUNK_BYTES = 64 * 1024


class GitLabClient:
    """One connection to the API.

    Args:
        server_url: Base URL of the server, without `/api/v4`.
        token: Personal, project or group access token; None sees public projects.
        timeout_s: For each read and write.
    """

    def __init__(self, server_url: str, token: str | None, timeout_s: float = _TIMEOUT_S) -> None:
        self._host = server_url.rstrip("/").removesuffix("/api/v4")
        # As a bearer token: requests takes `Authorization` away when it is led to another host, `PRIVATE-TOKEN` not.
        self._gitlab = gitlab.Gitlab(self._host, oauth_token=token, timeout=timeout_s, user_agent="makespan")
        self._headers: dict[str, str] = {}
        self._gitlab.session.hooks["response"].append(self._remember)

    def get(self, path: str, query: Mapping[str, str], etag: str | None = None) -> Answer:
        """See `ApiClient`."""
        place = f"{self._host}/api/v4/{path}"
        try:
            response = self._gitlab.http_request(
                "get",
                f"/{path}",
                query_data=dict(query),
                streamed=True,
                obey_rate_limit=False,
                retry_transient_errors=False,
                extra_headers={"If-None-Match": etag} if etag else None,
            )
            with response:
                kind = self._headers.get("content-type", "")
                if "json" not in kind:
                    raise UnavailableError(
                        f"{place} answered {kind or 'nothing'}, not JSON; is --api-url the server's?"
                    )
                return decode_answer(_chunks(response), self._headers, place)
        except GitlabHttpError as error:
            return self._without_content(error, place)
        except GitlabAuthenticationError:
            raise UnavailableError(
                f"{place} refused the token (401); set GITLAB_TOKEN or --token-file to one that is valid"
            ) from None
        except (GitlabError, requests.RequestException) as error:
            raise PassingError(f"{place}: {type(error).__name__}: {error}") from None
        except AnswerTooLargeError as error:
            raise UnavailableError(str(error)) from None

    def close(self) -> None:
        """Give the connections back."""
        self._gitlab.session.close()

    def _remember(self, response: requests.Response, *_: object, **__: object) -> None:
        """Keep the headers: python-gitlab's errors have none."""
        self._headers = {name.lower(): value for name, value in response.headers.items()}

    def _without_content(self, error: GitlabHttpError, place: str) -> Answer:
        status = error.response_code
        if status == HTTPStatus.NOT_MODIFIED:
            return Answer(None)
        if status == HTTPStatus.TOO_MANY_REQUESTS:
            raise RateLimitedError(self._wait_s()) from None
        if status is None or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            raise PassingError(f"{place} answered {status}") from None
        if status == HTTPStatus.FORBIDDEN:
            raise UnavailableError(f"{place} is not allowed (403); the token needs the scope read_api") from None
        if status == HTTPStatus.NOT_FOUND:
            raise UsageError(f"{place}: there is no such project, or the token may not see it (404)") from None
        raise UnavailableError(f"{place} answered {status}") from None

    def _wait_s(self) -> float | None:
        """Retry-After in seconds, else until RateLimit-Reset (GitLab Docs, "User and IP rate limits")."""
        try:
            if "retry-after" in self._headers:
                return max(0.0, float(int(self._headers["retry-after"])))
            return max(0.0, int(self._headers["ratelimit-reset"]) - time.time())
        except (KeyError, ValueError):
            return None


def _chunks(response: requests.Response) -> Iterator[bytes]:
    yield from response.iter_content(_CHUNK_BYTES)
