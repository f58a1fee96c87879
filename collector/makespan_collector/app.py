"""The collector's WSGI application: what listens, put together."""

from __future__ import annotations

from collections.abc import Sequence

from flask import Blueprint, Flask, Response, jsonify

from makespan_collector.access.guard import Guard
from makespan_collector.receiving.admission import Admission
from makespan_collector.receiving.http import receivers
from makespan_collector.receiving.limits import Limits
from makespan_collector.store.contract import Store


def create_app(
    store: Store,
    *,
    limits: Limits | None = None,
    admission: Admission | None = None,
    guard: Guard | None = None,
    blueprints: Sequence[Blueprint] = (),
) -> Flask:
    """The application.

    Args:
        store: Open for writing.
        limits: Of the receivers; the defaults when None.
        admission: Shared with other transports; one of its own when None.
        guard: Says who may do what; when None nobody has a token, and only this machine may.
        blueprints: What else to serve.
    """
    limits = limits or Limits()
    app = Flask("makespan_collector", static_folder=None)
    admission = admission or Admission(limits.max_in_flight_bytes, limits.requests_per_s)
    app.register_blueprint(receivers(store, limits, admission, guard or Guard(dict)))
    for blueprint in blueprints:
        app.register_blueprint(blueprint)

    @app.get("/health")
    @app.get("/healthz")
    def health() -> Response:
        return jsonify(status="ok")

    return app
