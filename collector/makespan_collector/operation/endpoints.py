"""`/healthz`, `/readyz` and `/metrics`."""

from __future__ import annotations

from http import HTTPStatus

from flask import Blueprint, Response, jsonify, request

from makespan_collector.access.guard import AccessError, Guard
from makespan_collector.access.http import CHALLENGE, granted
from makespan_collector.access.tokens import Scope
from makespan_collector.operation.metrics import Metrics
from makespan_collector.operation.readiness import Readiness

_RETRY_AFTER_S = 5


def operation_endpoints(metrics: Metrics, readiness: Readiness, guard: Guard) -> Blueprint:
    """The endpoints.

    Args:
        metrics: What `/metrics` shows to those who may read.
        readiness: What `/readyz` tells everybody, as the probes of a cluster carry no token.
        guard: Says who may read.
    """
    blueprint = Blueprint("operation", __name__)

    @blueprint.get("/health")
    @blueprint.get("/healthz")
    def health() -> Response:
        return jsonify(status="ok")

    @blueprint.get("/readyz")
    def ready() -> Response:
        problems = readiness.problems()
        if not problems:
            return jsonify(status="ready")
        response = jsonify(status="not ready", problems=dict(problems))
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
        response.headers["Retry-After"] = str(_RETRY_AFTER_S)
        return response

    @blueprint.get("/metrics")
    def show_metrics() -> Response:
        granted(guard, Scope.READ)
        text, content_type = metrics.exposition(request.headers.get("Accept", ""))
        return Response(text, content_type=content_type)

    blueprint.register_error_handler(AccessError, _not_allowed)
    return blueprint


def _not_allowed(error: AccessError) -> Response:
    response = jsonify(error=str(error))
    response.status_code = HTTPStatus.FORBIDDEN if error.is_known else HTTPStatus.UNAUTHORIZED
    if not error.is_known:
        response.headers["WWW-Authenticate"] = CHALLENGE
    return response
