"""The collector's WSGI application: what listens, put together."""

from __future__ import annotations

from flask import Flask, Response, jsonify

from makespan_collector.receiving.admission import Admission
from makespan_collector.receiving.http import receivers
from makespan_collector.receiving.limits import Limits
from makespan_collector.store.contract import Store


def create_app(store: Store, *, limits: Limits | None = None, admission: Admission | None = None) -> Flask:
    """The application.

    Args:
        store: Open for writing.
        limits: Of the receivers; the defaults when None.
        admission: Shared with other transports; one of its own when None.
    """
    limits = limits or Limits()
    app = Flask("makespan_collector", static_folder=None)
    app.register_blueprint(
        receivers(store, limits, admission or Admission(limits.max_in_flight_bytes, limits.requests_per_s))
    )

    @app.get("/health")
    @app.get("/healthz")
    def health() -> Response:
        return jsonify(status="ok")

    return app
