"""Asks an API again where that helps, and waits or stops where its rate limit says so."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from makespan_collector.importers.answers import Answer, ApiClient, PassingError, RateLimitedError
from makespan_model.errors import UnavailableError

_TRIES = 5
_FIRST_PAUSE_S = 1.0
_UNSAID_WAIT_S = 60.0
"""What GitHub's "Best practices for using the REST API" asks for where an answer does not say how long."""
_SHORT_WAIT_S = 60.0
"""So long is waited even without being told to: a secondary limit's pause."""
_MOST_SHORT_WAITS = 5
_LONGEST_WAIT_S = 24 * 3600.0
"""A limit of a day is not one of these APIs (GitHub's is an hour): the header is wrong."""
_MOST_PAGES = 100_000


@dataclass(frozen=True, slots=True)
class Patience:
    """How long one is ready to wait, and by which clock.

    Attributes:
        waits: Whether to wait for a rate limit to end, however long it takes.
        tell: Gets a line whenever there is a pause.
        sleep: Takes seconds.
        now_s: Unix time.
    """

    waits: bool
    tell: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep
    now_s: Callable[[], float] = time.time


class PatientClient:
    """A client that does not give up at once.

    Args:
        client: Asks once.
        patience: How long to go on.
    """

    def __init__(self, client: ApiClient, patience: Patience) -> None:
        self._client = client
        self._patience = patience
        self.requests = 0

    def get(self, path: str, query: Mapping[str, str] | None = None, etag: str | None = None) -> Answer:
        """Ask until there is an answer.

        Raises:
            UnavailableError: The rate limit lasts longer than one may wait, or it failed five times in a row.
            UsageError: There is no such thing.
        """
        failures, waits = 0, 0
        while True:
            self.requests += 1
            try:
                return self._client.get(path, query or {}, etag)
            except RateLimitedError as error:
                waits += 1
                self._wait_for_limit(error, waits)
            except PassingError as error:
                failures += 1
                if failures >= _TRIES:
                    raise UnavailableError(
                        f"{error}, {failures} times in a row; the same command goes on where this one stopped"
                    ) from None
                # Jitter keeps several importers from coming back in step.
                pause_s = _FIRST_PAUSE_S * 2 ** (failures - 1) * random.uniform(0.75, 1.25)  # noqa: S311
                self._patience.tell(f"{error}; again in {pause_s:.0f} s")
                self._patience.sleep(pause_s)

    def pages(self, path: str, query: Mapping[str, str]) -> Iterator[Any]:
        """The content of every page, along the next links."""
        for answer in self.answers(path, query):
            yield answer.content

    def answers(self, path: str, query: Mapping[str, str], etags: Sequence[str | None] = ()) -> Iterator[Answer]:
        """The answer of every page, along the next links.

        Args:
            path: Below the API's base.
            query: Of the first page; `page` is ours.
            etags: Of the pages as they were known before. A page that has not changed has no next link to follow, so
                the next one is asked for by its number, as far as there was one.

        Raises:
            UnavailableError: As `get`, or the links lead in a circle.
        """
        asked: set[str] = set()
        page: Mapping[str, str] = {}
        for number in range(_MOST_PAGES):
            etag = etags[number] if number < len(etags) else None
            if str(sorted(page.items())) in asked:
                raise UnavailableError(f"{path}: the next page is one that was there before ({dict(page)})")
            asked.add(str(sorted(page.items())))
            # A server that leaves a filter out of its links must not widen what we asked for.
            answer = self.get(path, {**query, **page}, etag)
            yield answer
            if answer.is_unchanged and number + 1 < len(etags):
                page = {"page": str(number + 2)}
            elif answer.next_query is not None:
                page = answer.next_query
            else:
                return

    def close(self) -> None:
        """Give the connections back."""
        self._client.close()

    def _wait_for_limit(self, error: RateLimitedError, waits: int) -> None:
        wait_s = min(_LONGEST_WAIT_S, _UNSAID_WAIT_S if error.wait_s is None else error.wait_s)
        # A reset that has just passed is of a clock that differs a little from ours.
        wait_s = max(1.0, wait_s)
        until = datetime.fromtimestamp(self._patience.now_s() + wait_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        if (wait_s > _SHORT_WAIT_S or waits > _MOST_SHORT_WAITS) and not self._patience.waits:
            raise UnavailableError(
                f"the rate limit is used up until {until}; the same command goes on from there then, "
                "and --wait waits for it"
            )
        self._patience.tell(f"rate limit: waiting until {until} ({wait_s:.0f} s)")
        self._patience.sleep(wait_s)
