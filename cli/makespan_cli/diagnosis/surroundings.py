"""The spool, the collector, the store, and what the kernel tells about processes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryFile

from makespan_agent.measuring.cgroups import ControlGroups
from makespan_agent.spooling.spool import spool_directory, unfinished, waiting
from makespan_cli.diagnosis.check import Check
from makespan_model.errors import MakespanError, UnavailableError
from makespan_model.settings import Settings

_ANSWER_TIMEOUT_S = 2.0


def surroundings_checks(settings: Settings, environment: Mapping[str, str]) -> Iterator[Check]:
    """What holds where this process runs, with these settings and variables."""
    yield _spool(Path(spool_directory(environment)))
    yield _collector(settings, environment)
    yield _store(Path(settings.store))
    yield _proc()
    yield _control_groups()


def _spool(folder: Path) -> Check:
    """Looks only: a spool that does not exist yet is made by the first step, if its parent can be written."""
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    try:
        with TemporaryFile(dir=existing):
            pass
    except OSError as error:
        return Check(
            "spool",
            is_ok=False,
            found=f"{existing} cannot be written: {error.strerror or error}",
            advice="set MAKESPAN_SPOOL to a folder that can be",
            is_needed=True,
        )
    records, running = len(waiting(str(folder))), len(unfinished(str(folder)))
    held = f"{records} waiting" + (f", {running} unfinished" if running else "")
    hint = ", `makespan flush` sends them" if records else ""
    return Check("spool", is_ok=True, found=f"{folder}: {held}{hint}", is_needed=True)


def _collector(settings: Settings, environment: Mapping[str, str]) -> Check:
    """Sends an empty request the way the agent would: any OTLP receiver answers it and keeps nothing."""
    try:
        from makespan_agent.exporting.sending import Outcome, Sender
    except ImportError as error:
        return Check("collector", is_ok=False, found=f"not asked: {error}", advice="pip install makespan")
    own = any(environment.get(f"OTEL_EXPORTER_OTLP_{kind}ENDPOINT") for kind in ("", "TRACES_"))
    # The default is for HTTP; gRPC has a port of its own.
    endpoint = None if own or settings.endpoint == Settings().endpoint else settings.endpoint
    sender = Sender(endpoint, _ANSWER_TIMEOUT_S, environment)
    try:
        delivery = sender.send([])
    finally:
        sender.close()
    if delivery.outcome is Outcome.SENT:
        return Check("collector", is_ok=True, found=f"answers at {sender.endpoint}")
    return Check(
        "collector",
        is_ok=False,
        found=f"no receiver at {sender.endpoint}: {delivery.reason}",
        advice="start `makespan serve`, or set MAKESPAN_ENDPOINT; until then steps wait in the spool",
    )


def _store(folder: Path) -> Check:
    try:
        from makespan_collector.store.opening import open_store

        with open_store(folder, read_only=True) as store:
            runs = sum(summary.runs for summary in store.pipelines())
    except ImportError as error:
        return Check("store", is_ok=False, found=f"not read: {error}", advice="pip install 'makespan[server]'")
    except UnavailableError:
        return Check(
            "store",
            is_ok=False,
            found=f"no history at {folder}",
            advice="`makespan exec FILE` or `makespan serve` makes one; --store names another",
        )
    except (MakespanError, OSError) as error:
        return Check("store", is_ok=False, found=f"{folder} cannot be read: {error}", advice="name another store")
    return Check("store", is_ok=True, found=f"{folder}: {runs} run{'' if runs == 1 else 's'}")


def _proc() -> Check:
    readable = os.access("/proc/self/stat", os.R_OK) and os.access("/proc/self/io", os.R_OK)
    if readable:
        return Check("/proc", is_ok=True, found="samples and I/O of every process of a step")
    return Check(
        "/proc",
        is_ok=False,
        found="/proc/self/stat or /proc/self/io is not readable",
        advice="run on Linux with /proc; elsewhere CPU time is exact, I/O is not measured",
    )


def _control_groups() -> Check:
    groups = ControlGroups()
    if groups.unified:
        return Check("cgroup v2", is_ok=True, found=f"limits, throttling and pressure from {groups.unified[0]}")
    version_1 = groups.cpu_v1 or groups.memory_v1
    found = f"version 1 only ({version_1[0]}): no pressure of the group" if version_1 else "none"
    return Check(
        "cgroup v2",
        is_ok=False,
        found=found,
        advice="mount cgroup v2 at /sys/fs/cgroup to see limits, throttling and memory pressure",
    )
