from __future__ import annotations

import io
import json
import logging
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from makespan_collector.operation.logs import RefusalLog, TextFormatter, configure_logging, fields

LOGGER = logging.getLogger("makespan_collector.somewhere")


@pytest.fixture(autouse=True)
def _log_as_before() -> Iterator[None]:
    logger = logging.getLogger("makespan_collector")
    before = (logger.handlers[:], logger.level, logger.propagate)
    yield
    logger.handlers[:], logger.level, logger.propagate = before


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_json_is_an_object_a_line_with_the_fields_of_the_record() -> None:
    stream = io.StringIO()
    configure_logging("json", stream)

    LOGGER.warning("it %s", "failed\nforged", extra=fields(endpoint="/v1/traces", status="401"))

    (line,) = _lines(stream)
    assert line.pop("time").endswith("Z")
    assert line == {
        "level": "warning",
        "logger": "makespan_collector.somewhere",
        "message": "it failed\nforged",
        "endpoint": "/v1/traces",
        "status": "401",
    }


def test_an_exception_is_a_field_of_its_line() -> None:
    stream = io.StringIO()
    configure_logging("json", stream)
    try:
        raise ValueError("no")
    except ValueError:
        LOGGER.exception("it failed")

    (line,) = _lines(stream)
    assert "ValueError: no" in line["exception"]


def test_text_shows_the_fields_after_the_message() -> None:
    stream = io.StringIO()
    configure_logging("text", stream)

    LOGGER.info("request refused", extra=fields(status="401", client="10.0.0.1"))
    LOGGER.debug("not shown")

    assert stream.getvalue().endswith(" INFO request refused status=401 client=10.0.0.1\n")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(), st.text())
def test_nothing_logged_makes_a_line_of_its_own_or_moves_the_cursor(message: str, value: str) -> None:
    record = logging.LogRecord("x", logging.INFO, "", 0, "%s", (message,), None)
    record.fields = {"client": value}
    assert TextFormatter().format(record).isprintable()


def test_a_stream_that_is_configured_twice_gets_each_line_once() -> None:
    stream = io.StringIO()
    configure_logging("json", sys.stderr)
    configure_logging("json", stream)

    LOGGER.info("once")

    assert len(_lines(stream)) == 1


def test_refusals_of_one_kind_are_told_at_once_and_then_counted() -> None:
    stream, now_s = io.StringIO(), 0.0
    configure_logging("json", stream)
    refusals = RefusalLog(lambda: now_s)

    for number in range(1000):
        refusals.refused("/v1/traces", "401", f"10.0.0.{number % 256}", None)
    refusals.refused("/v1/traces", "403", "10.0.0.1", "0a1b2c3d")
    now_s = 10.0
    refusals.refused("/v1/traces", "401", "10.0.0.9", None)

    said = [{key: line.get(key) for key in ("status", "client", "token_id")} for line in _lines(stream)]
    assert said == [
        {"status": "401", "client": "10.0.0.0", "token_id": None},
        {"status": "403", "client": "10.0.0.1", "token_id": "0a1b2c3d"},
        {"status": "401", "client": "10.0.0.9", "token_id": None},
    ]
    assert [line.get("others_since_last_line") for line in _lines(stream)] == [None, None, 999]
