"""The collector's WSGI application: what listens, put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flask import Blueprint, Flask

from makespan_collector.access.guard import Guard
from makespan_collector.operation.endpoints import operation_endpoints
from makespan_collector.operation.http_observation import ObservedApplication
from makespan_collector.operation.logs import RefusalLog
from makespan_collector.operation.metrics import Metrics
from makespan_collector.operation.readiness import Check, Readiness
from makespan_collector.operation.store_checks import store_checks
from makespan_collector.receiving.admission import Admission
from makespan_collector.receiving.http import PATHS, ReceivingApplication, answer_errors
from makespan_collector.receiving.limits import Limits
from makespan_collector.store.contract import Store


def create_app(
    store: Store,
    *,
    limits: Limits | None = None,
    admission: Admission | None = None,
    guard: Guard | None = None,
    metrics: Metrics | None = None,
    refusals: RefusalLog | None = None,
    checks: Mapping[str, Check] | None = None,
    blueprints: Sequence[Blueprint] = (),
) -> Flask:
    """The application.

    Args:
        store: Open for writing.
        limits: Of the receivers; the defaults when None.
        admission: Shared with other transports; one of its own when None.
        guard: Says who may do what; when None nobody has a token, and only this machine may.
        metrics: Counts requests; shared with other transports.
        refusals: Told of refused requests; shared too.
        checks: What `/readyz` asks; the store alone when None.
        blueprints: What else to serve.
    """
    limits = limits or Limits()
    app = Flask("makespan_collector", static_folder=None)
    admission = admission or Admission(limits.max_in_flight_bytes, limits.requests_per_s)
    guard, metrics = guard or Guard(dict), metrics or Metrics()
    metrics.watch(store, lambda: admission.in_flight_bytes)
    answer_errors(app)
    app.register_blueprint(operation_endpoints(metrics, Readiness(checks or store_checks(store)), guard))
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    receiving = ReceivingApplication(app.wsgi_app, store, limits, admission, guard, metrics)
    endpoints = {*PATHS, *(rule.rule for rule in app.url_map.iter_rules() if not rule.arguments)}
    observed = ObservedApplication(receiving, endpoints, metrics, refusals or RefusalLog())
    app.wsgi_app = observed  # type: ignore[method-assign]
    return app
