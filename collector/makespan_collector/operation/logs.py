"""The collector's log on stderr: lines for people, or a JSON object a line for machines.

What a request said of itself (body, headers, path) is never logged: tokens and data stay out, and no sender can
write lines of its own.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import IO, Any, Final

FORMATS: Final = ("text", "json")
_ROOT = "makespan_collector"
_FIELDS = "fields"
_EVERY_S = 10.0
"""How often refusals of one kind are told: a client that is refused all day long makes 8,640 lines, not millions."""

_log = logging.getLogger(__name__)


def configure_logging(log_format: str, stream: IO[str]) -> None:
    """Write the collector's log to a stream from now on.

    Args:
        log_format: One of `FORMATS`.
        stream: Where to.
    """
    handler = logging.StreamHandler(stream)
    handler.setFormatter(JsonFormatter() if log_format == "json" else TextFormatter())
    logger = logging.getLogger(_ROOT)
    logger.handlers[:] = [handler]
    logger.setLevel(logging.INFO)
    logger.propagate = False


class JsonFormatter(logging.Formatter):
    """A line of JSON: time, level, logger, message, the fields of the record, and an exception if there was one."""

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter.format`."""
        line: dict[str, Any] = {
            "time": _instant(record.created),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
            **getattr(record, _FIELDS, {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


class TextFormatter(logging.Formatter):
    """A line for people: time, level, message, and the fields; control characters are escaped."""

    def format(self, record: logging.LogRecord) -> str:
        """See `logging.Formatter.format`."""
        fields = "".join(f" {key}={value}" for key, value in getattr(record, _FIELDS, {}).items())
        text = f"{_instant(record.created)} {record.levelname} {record.getMessage()}{fields}"
        line = "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
        if record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return line


def fields(**values: object) -> dict[str, dict[str, object]]:
    """What a record says besides its message, as `extra=` of a logging call."""
    return {_FIELDS: values}


class RefusalLog:
    """Tells of refused requests: the first of a kind at once, then how many there were, every ten seconds.

    Args:
        clock_s: Monotonic seconds.
    """

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._lock = threading.Lock()
        self._told: dict[tuple[str, str], tuple[float, int]] = {}

    def refused(self, endpoint: str, status: str, client: str, token_id: str | None) -> None:
        """A request was answered with an error.

        Args:
            endpoint: A path or gRPC method that we serve.
            status: Of HTTP, or gRPC's name of it.
            client: The address it came from.
            token_id: Of its token, where it had one.
        """
        kind, now_s = (endpoint, status), self._clock_s()
        with self._lock:
            told_s, untold = self._told.get(kind, (now_s - _EVERY_S, 0))
            if now_s - told_s < _EVERY_S:
                self._told[kind] = (told_s, untold + 1)
                return
            self._told[kind] = (now_s, 0)
        said: dict[str, object] = {"endpoint": endpoint, "status": status, "client": client}
        if token_id:
            said["token_id"] = token_id
        if untold:
            said["others_since_last_line"] = untold
        _log.warning("request refused", extra=fields(**said))


def _instant(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
