"""What a server must have before history can be kept on it, and for how long it keeps it."""

from __future__ import annotations

import re
from typing import Final

from influxdb_client import BucketRetentionRules, DBRPCreate
from influxdb_client.service.dbr_ps_service import DBRPsService

from makespan_collector.store.influx.server import HISTORY, SAMPLES, Server
from makespan_model.errors import InputError

_UNIT_S: Final = {"w": 604_800, "d": 86_400, "h": 3_600, "m": 60, "s": 1}
_SECOND_NS = 1_000_000_000


def provide(server: Server, *, samples_days: int) -> None:
    """Make database and retention policies (1.x), buckets and their names for InfluxQL (2.x), or databases (3).

    Once made they are made; what is there is brought to the retention given, where the version lets that change.

    Args:
        server: Where.
        samples_days: How long samples are kept; the history is kept for ever.

    Raises:
        UnavailableError: The server does not answer.
        InputError: It refuses.
    """
    if server.version >= (3, 0):
        for policy, kept in ((HISTORY, {}), (SAMPLES, {"retention_period": f"{samples_days}d"})):
            # "Database and retention policy" is how InfluxQL names the database of the two with a slash between them.
            server.configure("/api/v3/configure/database", {"db": f"{server.target.database}/{policy}", **kept})
        return
    if server.version >= (2, 0):
        with server.failures_told():
            _provide_buckets(server, samples_days)
        return
    name = f'"{server.target.database}"'
    server.command(f"CREATE DATABASE {name}")
    known = {row["name"] for row in server.ask(f"SHOW RETENTION POLICIES ON {name}")}
    for policy, duration, default in ((HISTORY, "INF", " DEFAULT"), (SAMPLES, f"{samples_days}d", "")):
        verb = "ALTER" if policy in known else "CREATE"
        server.command(
            f'{verb} RETENTION POLICY "{policy}" ON {name} DURATION {duration} REPLICATION 1'
            f"{' SHARD DURATION 52w' if policy == HISTORY else ''}{default}"
        )


def samples_kept_ns(server: Server) -> int | None:
    """How long the server keeps samples; None for ever, or where it does not say.

    Raises:
        UnavailableError: The server does not answer.
        InputError: It refuses.
    """
    for policy in server.ask(f'SHOW RETENTION POLICIES ON "{server.target.database}"'):
        if policy["name"] == SAMPLES:
            # As Go writes durations: 720h0m0s; 0s is for ever.
            parts = re.findall(r"(\d+)([wdhms])", str(policy.get("duration", "")))
            return sum(int(number) * _UNIT_S[unit] for number, unit in parts) * _SECOND_NS or None
    return None


def _provide_buckets(server: Server, samples_days: int) -> None:
    buckets = server.client.buckets_api()
    org = server.target.org
    organisation = next(iter(server.client.organizations_api().find_organizations(org=org)), None)
    if organisation is None:
        raise InputError(f"{server.target.url} has no organisation {org!r}: set `org` in [influxdb]")
    mappings = DBRPsService(server.client.api_client)
    mapped = mappings.get_dbr_ps(org_id=organisation.id, db=server.target.database).content or []
    known = {mapping.retention_policy for mapping in mapped}
    for policy, seconds in ((HISTORY, 0), (SAMPLES, samples_days * 86_400)):
        rules = [BucketRetentionRules(type="expire", every_seconds=seconds)]
        bucket = buckets.find_bucket_by_name(f"{server.target.database}/{policy}")
        if bucket is None:
            bucket = buckets.create_bucket(
                bucket_name=f"{server.target.database}/{policy}", retention_rules=rules, org=org
            )
        else:
            bucket.retention_rules = rules
            buckets.update_bucket(bucket)
        if policy not in known:
            mapping = DBRPCreate(
                bucket_id=bucket.id,
                database=server.target.database,
                retention_policy=policy,
                default=policy == HISTORY,
                org_id=organisation.id,
            )
            mappings.post_dbrp(mapping)
