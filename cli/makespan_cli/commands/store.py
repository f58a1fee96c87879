"""Look after the history: what is in it, backups, what is too old.

`prune` and `migrate` write, so the collector of the same store must be stopped; `info` and `backup` may run beside it.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from makespan_model.errors import UsageError
from makespan_model.setting_tables import names_server
from makespan_model.settings import load_settings
from makespan_model.units import format_bytes

if TYPE_CHECKING:
    from makespan_collector.store.embedded.inspection import StoreInfo
    from makespan_model.settings import Settings

_SAMPLES_DAYS = 30
_NS_PER_DAY = 86_400 * 1_000_000_000
_AGE = re.compile(r"([1-9]\d{0,4})([dwy])")
_DAYS = {"d": 1, "w": 7, "y": 365}


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    info = actions.add_parser("info", help="show what is in it", description="Show what is in the store.")
    backup = actions.add_parser(
        "backup", help="write it into one file", description="Write the store into one file, also while it is written."
    )
    backup.add_argument("file", metavar="FILE", type=Path, help="the file to make, such as history.tar.zst")
    restore = actions.add_parser(
        "restore", help="make a store of a backup", description="Make a store of a backup, in a new directory."
    )
    restore.add_argument("file", metavar="FILE", type=Path, help="what `backup` made")
    migrate = actions.add_parser(
        "migrate", help="bring it to this version's format", description="Bring the store to this version's format."
    )
    prune = actions.add_parser("prune", help="take out what is old", description="Take out what is old.")
    prune.add_argument(
        "--samples-older-than",
        metavar="AGE",
        type=_age_days,
        help="samples of steps that ended longer ago, such as 30d or 8w; their quantiles stay",
    )
    prune.add_argument("--runs-older-than", metavar="AGE", type=_age_days, help="whole runs that ended longer ago")
    prune.add_argument("--dry-run", action="store_true", help="say what would go, and change nothing")
    init = actions.add_parser(
        "init",
        help="make the database of an InfluxDB server",
        description="Make database and retention policies (InfluxDB 1.x), buckets (2.x) or databases (3) on the server "
        "of [influxdb].",
    )
    init.add_argument(
        "--samples-days",
        type=int,
        default=_SAMPLES_DAYS,
        metavar="N",
        help="how long samples are kept (default: %(default)s); the history is kept for ever",
    )
    init.add_argument("--json", action="store_true", help="print the result as JSON")
    copy = actions.add_parser(
        "copy",
        help="move history between stores",
        description="Copy everything from one store into another; a copy that was interrupted goes on where it was.",
    )
    copy.add_argument(
        "source",
        metavar="FROM",
        help="a store's directory, influxdb://HOST:PORT/DATABASE, or `influxdb` for the server of [influxdb]",
    )
    copy.add_argument("target", metavar="TO", help="the same of where it goes")
    copy.add_argument(
        "--cursor",
        type=Path,
        default=Path(".makespan/copy.json"),
        metavar="FILE",
        help="remembers how far the copy is (default: %(default)s)",
    )
    copy.add_argument("--json", action="store_true", help="print the result as JSON")
    for action in (info, backup, restore, migrate, prune):
        action.add_argument("--store", metavar="DIR", help="directory of the store (setting: store)")
        action.add_argument("--json", action="store_true", help="print the result as JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Carry out one action.

    Raises:
        UsageError: `prune` without an age; `influxdb` without a URL.
        InputError: The store, or the backup, is damaged.
        UnavailableError: There is no store, another process writes it, or a file cannot be written.
    """
    if arguments.action in ("init", "copy"):
        between = {"init": _init, "copy": _copy}[arguments.action](load_settings(Path.cwd()), arguments)
        if arguments.json:
            print(json.dumps(between, indent=2))
        return 0
    store = load_settings(Path.cwd(), flags={"store": arguments.store}).store
    if names_server(store):
        raise UsageError(f"`makespan store {arguments.action}` is for directories; a server has means of its own")
    root = Path(store)
    actions: dict[str, Callable[[Path, argparse.Namespace], dict[str, Any]]] = {
        "info": _info,
        "backup": _backup,
        "restore": _restore,
        "migrate": _migrate,
        "prune": _prune,
    }
    result = actions[arguments.action](root, arguments)
    if arguments.json:
        print(json.dumps(result, indent=2))
    return 0


def _info(root: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    from makespan_collector.store.embedded.inspection import inspect_store
    from makespan_collector.store.opening import open_store, stored_format

    with open_store(root, read_only=True):
        info = inspect_store(root)
    if not arguments.json:
        _print_info(root, stored_format(root), info)
    return {"store": str(root), "format": stored_format(root), "size_bytes": info.size_bytes, **asdict(info)}


def _backup(root: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    from makespan_collector.store.embedded.backup import back_up
    from makespan_collector.store.opening import open_store

    with open_store(root, read_only=True), _progress("backing up") as progress:
        size_bytes = back_up(root, arguments.file, progress)
    return _moved(arguments, "backup", size_bytes, f"{root} is in {arguments.file}")


def _restore(root: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    from makespan_collector.store.embedded.backup import restore
    from makespan_collector.store.opening import open_store

    with _progress("restoring") as progress:
        size_bytes = restore(arguments.file, root, progress)
    with open_store(root, read_only=True) as store:
        pipelines = len(store.pipelines())
    return {
        **_moved(arguments, "restore", size_bytes, f"{arguments.file} is at {root}: {pipelines} pipelines"),
        "pipelines": pipelines,
    }


def _moved(arguments: argparse.Namespace, action: str, size_bytes: int, sentence: str) -> dict[str, Any]:
    if not arguments.json:
        print(f"{sentence} ({format_bytes(size_bytes)} uncompressed)")
    return {"action": action, "file": str(arguments.file), "bytes": size_bytes}


def _migrate(root: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    from makespan_collector.store.embedded.migration import add_step_keys
    from makespan_collector.store.opening import open_store, stored_format

    with open_store(root, read_only=True):
        before = stored_format(root)
    with open_store(root) as store:
        # Logs of an older format become segments of this one.
        store.compact()
        rewritten = add_step_keys(root)
    after = stored_format(root)
    if not arguments.json:
        print(f"{root} is of format {after}" + (f", it was {before}" if before != after else " already"))
        if rewritten:
            print(f"{rewritten} segments of samples were given the keys that quantiles are asked by")
    return {"before": before, "after": after, "rewritten_segments": rewritten}


def _prune(root: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    from makespan_collector.store.embedded.directory_store import EmbeddedStore
    from makespan_collector.store.embedded.retention import foreseen
    from makespan_collector.store.opening import open_store

    if arguments.samples_older_than is None and arguments.runs_older_than is None:
        raise UsageError("say what is too old: --samples-older-than 30d, --runs-older-than 2y, or both")
    samples_before_ns, runs_before_ns = _before_ns(arguments.samples_older_than), _before_ns(arguments.runs_older_than)
    with open_store(root, read_only=True):
        pass  # There must be a store: pruning makes none.
    if arguments.dry_run:
        pruned = foreseen(root, samples_before_ns=samples_before_ns, runs_before_ns=runs_before_ns)
    else:
        with open_store(root) as store:
            assert isinstance(store, EmbeddedStore)
            pruned = store.prune(samples_before_ns=samples_before_ns, runs_before_ns=runs_before_ns)
    if not arguments.json:
        would = "would take out" if arguments.dry_run else "took out"
        print(f"{would} {pruned.samples:,} samples ({pruned.summaries:,} steps summarised) and {pruned.spans:,} spans")
    return {"dry_run": arguments.dry_run, **asdict(pruned)}


def _init(settings: Settings, arguments: argparse.Namespace) -> dict[str, Any]:
    from makespan_collector.store.places import place_of
    from makespan_model.setting_tables import INFLUXDB

    if arguments.samples_days < 1:
        raise UsageError(f"--samples-days must be 1 or more, not {arguments.samples_days}")
    server = place_of(INFLUXDB, settings)
    from makespan_collector.store.influx.provisioning import provide

    assert not isinstance(server, Path)
    provide(server, samples_days=arguments.samples_days)
    if not arguments.json:
        print(
            f"{server.target.url} keeps the history in {server.target.database}, samples {arguments.samples_days} days"
        )
    return {
        "url": server.target.url,
        "database": server.target.database,
        "samples_days": arguments.samples_days,
        "server_version": ".".join(map(str, server.version)),
    }


def _copy(settings: Settings, arguments: argparse.Namespace) -> dict[str, Any]:
    from makespan_collector.store.copying import copy_store
    from makespan_collector.store.places import open_place, place_of

    if arguments.source == arguments.target:
        raise UsageError("FROM and TO are the same store")
    source, target = place_of(arguments.source, settings), place_of(arguments.target, settings)
    with open_place(source, read_only=True):
        pass  # There must be one.
    arguments.cursor.parent.mkdir(parents=True, exist_ok=True)
    with open_place(target) as opened, _progress("copying", days=True) as progress:
        copied = copy_store(source, opened, target, arguments.cursor, progress)
    if not arguments.json:
        before = f" ({copied.days_before} days were done before)" if copied.days_before else ""
        print(f"{arguments.target} has all {copied.spans:,} spans and {copied.samples:,} samples{before}")
        if copied.samples_too_old:
            print(f"{copied.samples_too_old:,} samples stay behind: they are older than {arguments.target} keeps them")
    return asdict(copied)


def _before_ns(days: int | None) -> int | None:
    return None if days is None else time.time_ns() - days * _NS_PER_DAY


def _print_info(root: Path, format_number: str, info: StoreInfo) -> None:
    from rich.table import Table

    from makespan_cli.rendering.consoles import result_console

    console = result_console()
    console.print(
        f"{root}: format {format_number}, {format_bytes(info.size_bytes)}, {info.runs:,} runs of {info.pipelines:,} "
        f"pipelines",
        soft_wrap=True,
    )
    table = Table(box=None, pad_edge=False)
    table.add_column("table")
    for heading in ("rows", "size", "logs", "segments", "from", "to"):
        table.add_column(heading, justify="right")
    for one in info.tables:
        table.add_row(
            one.name,
            f"{one.rows:,}",
            format_bytes(one.size_bytes),
            str(one.logs),
            str(one.segments),
            _day(one.first_ns),
            _day(one.last_ns),
        )
    console.print(table)


def _day(time_ns: int | None) -> str:
    return "–" if time_ns is None else datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).strftime("%Y-%m-%d")


@contextmanager
def _progress(what: str, *, days: bool = False) -> Iterator[Callable[[int, int], None]]:
    """A bar on a terminal, nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    done = MofNCompleteColumn() if days else DownloadColumn()
    columns = (TextColumn("{task.description}"), BarColumn(), done, TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _age_days(text: str) -> int:
    match = _AGE.fullmatch(text)
    if match is None:
        raise argparse.ArgumentTypeError(f"an age is a number with d, w or y, such as 30d, not {text!r}")
    return int(match[1]) * _DAYS[match[2]]
