"""The OTEL_EXPORTER_OTLP_* variables."""

from __future__ import annotations

import pytest

from makespan_agent.exporting.otlp_settings import Compression, Protocol, Signal, signal_settings
from makespan_model.errors import UsageError

_PREFIX = "OTEL_EXPORTER_OTLP_"


def test_without_variables_the_usual_port_of_this_machine_gets_protobuf() -> None:
    settings = signal_settings(Signal.TRACES, {})

    assert (settings.protocol, settings.url) == (Protocol.HTTP_PROTOBUF, "http://127.0.0.1:4318/v1/traces")
    assert (settings.timeout_s, settings.compression, dict(settings.headers)) == (10.0, Compression.NONE, {})
    assert (settings.certificate, settings.client_certificate, settings.client_key) == (None, None, None)


def test_grpc_has_a_port_of_its_own_and_no_path() -> None:
    settings = signal_settings(Signal.METRICS, {f"{_PREFIX}PROTOCOL": "grpc"})

    assert (settings.url, settings.is_insecure) == ("http://127.0.0.1:4317", True)


def test_a_signals_own_variable_wins_over_the_general_one() -> None:
    general = {
        "PROTOCOL": "grpc",
        "ENDPOINT": "http://general:1",
        "HEADERS": "a=general",
        "TIMEOUT": "5",
        "COMPRESSION": "gzip",
        "CERTIFICATE": "general.pem",
        "CLIENT_CERTIFICATE": "client.pem",
        "CLIENT_KEY": "client.key",
    }
    own = {
        "PROTOCOL": "http/json",
        "ENDPOINT": "http://own:2/as/it/is",
        "HEADERS": "a=own",
        "TIMEOUT": "0.5",
        "COMPRESSION": "deflate",
        "CERTIFICATE": "own.pem",
        "CLIENT_CERTIFICATE": "own-client.pem",
        "CLIENT_KEY": "own-client.key",
    }
    variables = {f"{_PREFIX}{name}": value for name, value in general.items()}
    variables |= {f"{_PREFIX}METRICS_{name}": value for name, value in own.items()}

    traces, metrics = signal_settings(Signal.TRACES, variables), signal_settings(Signal.METRICS, variables)

    assert (traces.protocol, traces.url, traces.timeout_s, traces.compression) == (
        "grpc",
        "http://general:1",
        5,
        "gzip",
    )
    assert (traces.certificate, traces.client_certificate, traces.client_key) == (
        "general.pem",
        "client.pem",
        "client.key",
    )
    assert (metrics.protocol, metrics.url) == ("http/json", "http://own:2/as/it/is")
    assert (metrics.timeout_s, metrics.compression, dict(metrics.headers)) == (0.5, "deflate", {"a": "own"})
    assert (metrics.certificate, metrics.client_certificate, metrics.client_key) == (
        "own.pem",
        "own-client.pem",
        "own-client.key",
    )


@pytest.mark.parametrize(
    ("endpoint", "variables", "expected"),
    [
        ("http://given/", {f"{_PREFIX}TRACES_ENDPOINT": "http://own"}, "http://given/v1/traces"),
        (
            None,
            {f"{_PREFIX}ENDPOINT": "http://otel/base/", "MAKESPAN_ENDPOINT": "http://ours"},
            "http://otel/base/v1/traces",
        ),
        (None, {f"{_PREFIX}ENDPOINT": "", "MAKESPAN_ENDPOINT": "http://ours"}, "http://ours/v1/traces"),
    ],
)
def test_the_endpoint_that_is_given_wins_then_the_standard_variables_then_ours(
    endpoint: str | None, variables: dict[str, str], expected: str
) -> None:
    assert signal_settings(Signal.TRACES, variables, endpoint).url == expected


@pytest.mark.parametrize(
    ("endpoint", "insecure", "expected"),
    [
        ("http://h:1", "false", True),
        ("https://h:1", "true", False),
        ("HTTPS://h:1", "", False),
        ("h:1", "", False),
        ("h:1", "TRUE", True),
        ("unix:/run/otel.sock", "true", True),
    ],
)
def test_only_an_endpoint_without_a_scheme_asks_the_insecure_variable(
    endpoint: str, insecure: str, expected: bool
) -> None:
    variables = {f"{_PREFIX}PROTOCOL": "grpc", f"{_PREFIX}ENDPOINT": endpoint, f"{_PREFIX}INSECURE": insecure}

    assert signal_settings(Signal.TRACES, variables).is_insecure is expected


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("PROTOCOL", "http", "OTEL_EXPORTER_OTLP_PROTOCOL must be one of grpc, http/protobuf, http/json, not 'http'"),
        ("COMPRESSION", "br", "OTEL_EXPORTER_OTLP_COMPRESSION must be one of none, gzip, deflate, not 'br'"),
        ("TIMEOUT", "0", "OTEL_EXPORTER_OTLP_TIMEOUT must be a number of seconds above 0, not '0'"),
        ("TRACES_TIMEOUT", "nan", "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT must be a number of seconds above 0, not 'nan'"),
        ("CLIENT_KEY", "k", "OTEL_EXPORTER_OTLP_CLIENT_KEY is set without OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"),
    ],
)
def test_a_value_that_cannot_be_understood_is_told_with_its_variable(name: str, value: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        signal_settings(Signal.TRACES, {f"{_PREFIX}{name}": value})
    assert str(caught.value) == message
