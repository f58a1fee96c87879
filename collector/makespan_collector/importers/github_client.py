"""GitHub's REST API through githubkit, which knows its authentication and both kinds of its rate limit."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from types import MappingProxyType

import httpx
from githubkit import GitHub, TokenAuthStrategy, UnauthAuthStrategy
from githubkit.exception import GitHubException, RateLimitExceeded, RequestFailed
from githubkit.response import Response

from makespan_collector.importers.answers import (
    Answer,
    AnswerTooLargeError,
    PassingError,
    RateLimitedError,
    decode_answer,
)
from makespan_model.errors import UnavailableError, UsageError

API_URL = "https://api.github.com"
_VERSION = MappingProxyType({"X-GitHub-Api-Version": "2022-11-28"})
_TIMEOUT_S = 30.0


class GitHubClient:
    """One connection to the API.

    Args:
        api_url: Base URL; `https://HOST/api/v3` for GitHub Enterprise Server.
        token: None asks anonymously, which is allowed 60 times an hour.
        timeout_s: For each read and write.
    """

    def __init__(self, api_url: str, token: str | None, timeout_s: float = _TIMEOUT_S) -> None:
        self._host = api_url
        # ETags are kept by us, across processes; waiting and trying again are the caller's, who tells the user.
        self._github = GitHub(
            TokenAuthStrategy(token) if token else UnauthAuthStrategy(),
            base_url=api_url,
            user_agent="makespan",
            timeout=timeout_s,
            http_cache=False,
            auto_retry=False,
        )
        self._github.__enter__()  # type: ignore[no-untyped-call]

    def get(self, path: str, query: Mapping[str, str], etag: str | None = None) -> Answer:
        """See `ApiClient`."""
        headers = {**_VERSION, **({"If-None-Match": etag} if etag else {})}
        place = f"{self._host}/{path}"
        try:
            response = self._github.request("GET", path, params=dict(query), headers=headers, stream=True)
            return _answer(response, place)
        except RateLimitExceeded as error:
            error.response.raw_response.close()
            raise RateLimitedError(error.retry_after.total_seconds()) from None
        except RequestFailed as error:
            raise _failure(error, place) from None
        except (GitHubException, httpx.HTTPError) as error:
            raise PassingError(f"{place}: {_reason(error)}") from None
        except (ValueError, OverflowError, OSError):
            # githubkit does not expect a Retry-After or a reset that is no number.
            raise RateLimitedError(None) from None
        except AnswerTooLargeError as error:
            raise UnavailableError(str(error)) from None

    def close(self) -> None:
        """Give the connections back."""
        self._github.__exit__()


def _answer(response: Response[object], place: str) -> Answer:
    raw = response.raw_response
    try:
        headers = {name.lower(): value for name, value in raw.headers.items()}
        if raw.status_code == HTTPStatus.NOT_MODIFIED:
            return Answer(None)
        kind = headers.get("content-type", "")
        if "json" not in kind:
            raise UnavailableError(f"{place} answered {kind or 'nothing'}, not JSON; is --api-url that of the API?")
        return decode_answer(raw.iter_bytes(), headers, place)
    finally:
        raw.close()


def _failure(error: RequestFailed, place: str) -> Exception:
    status = error.response.status_code
    error.response.raw_response.close()
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return PassingError(f"{place} answered {status}")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return RateLimitedError(None)
    if status == HTTPStatus.UNAUTHORIZED:
        return UnavailableError(
            f"{place} refused the token (401); set GITHUB_TOKEN or --token-file to one that is valid"
        )
    if status == HTTPStatus.FORBIDDEN:
        return UnavailableError(f"{place} is not allowed (403); the token needs to read Actions and metadata")
    if status == HTTPStatus.NOT_FOUND:
        return UsageError(f"{place}: there is no such repository or workflow, or the token may not see it (404)")
    return UnavailableError(f"{place} answered {status}")


def _reason(error: Exception) -> str:
    cause = getattr(error, "exc", error)
    return f"{type(cause).__name__}: {cause}" if str(cause) else type(cause).__name__
