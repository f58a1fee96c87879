"""Bring in history that no agent saw: from GitHub's or GitLab's API, or from a file of CSV or JSON lines.

An import goes on where the last one stopped, also one that was killed: it asks only for what is new, and for runs that
had not ended. What the agent measured of a run stays; the two are put together. docs/importing.md has the details.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from makespan_cli.state import state_folder
from makespan_model.errors import ExitCode, InputError
from makespan_model.settings import load_settings

if TYPE_CHECKING:
    from makespan_collector.importers.history_walk import History
    from makespan_collector.importers.patience import Patience, PatientClient
    from makespan_collector.importers.progress import Progress
    from makespan_collector.store.contract import Store

_TOKEN_VARIABLES = {"github": "GITHUB_TOKEN", "gitlab": "GITLAB_TOKEN"}
_NS_PER_S = 1_000_000_000
_UNITS_S = {"h": 3_600, "d": 86_400, "w": 7 * 86_400}
_DEFAULT_SINCE = "30d"
_MOST_SHOWN = 20


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    origins = parser.add_subparsers(dest="origin", required=True, metavar="ORIGIN")
    github = origins.add_parser("github", help="runs of a repository, over the REST API")
    github.add_argument("project", metavar="OWNER/REPO")
    github.add_argument(
        "--workflow", metavar="FILE", help="one workflow only: its file's name, such as ci.yml, or its id"
    )
    gitlab = origins.add_parser("gitlab", help="pipelines of a project, over the REST API")
    gitlab.add_argument("project", metavar="GROUP/PROJECT")
    gitlab.add_argument("--ref", metavar="BRANCH", help="one branch only")
    for origin, url in ((github, "https://api.github.com"), (gitlab, "https://gitlab.com")):
        origin.add_argument(
            "--since",
            metavar="TIME",
            type=_instant_ns,
            default=_DEFAULT_SINCE,
            help="how far back to go: 12h, 30d, 8w, or a day such as 2026-01-31 (default: %(default)s)",
        )
        origin.add_argument("--limit", metavar="N", type=_positive, help="the newest N runs at most")
        origin.add_argument("--api-url", metavar="URL", type=_url, default=url, help="base URL (default: %(default)s)")
        origin.add_argument("--token-file", metavar="FILE", type=Path, help="file with the token (else by environment)")
        origin.add_argument(
            "--wait", action="store_true", help="wait when the rate limit is used up, instead of ending"
        )
    for form in ("csv", "jsonl"):
        lines = origins.add_parser(form, help=f"one run, job or step a line, {form.upper()}")
        lines.add_argument("file", metavar="FILE", help="`-` is standard input; gzip is unpacked")
        lines.add_argument(
            "--map", action="append", default=[], metavar="COLUMN=FIELD", help="which field a column is (repeatable)"
        )
        lines.add_argument(
            "--set", action="append", default=[], metavar="FIELD=VALUE", help="a field of every line (repeatable)"
        )
        lines.add_argument(
            "--result",
            action="append",
            default=[],
            metavar="WORD=RESULT",
            help="what a word means, e.g. COMPLETED=success",
        )
        lines.add_argument("--strict", action="store_true", help="end at the first line that cannot be understood")
    for origin in origins.choices.values():
        origin.description = f"Import {origin.prog.rpartition(' ')[2]}: see docs/importing.md."
        origin.add_argument("--store", metavar="DIR", help="the store, made if missing (setting: store)")
        origin.add_argument("--json", action="store_true", help="print what was imported as JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Import.

    Returns:
        0, or 3 where nothing but what cannot be understood was found.

    Raises:
        UsageError: There is no such repository, project or field.
        InputError: The file, its header, or with `--strict` a line cannot be read.
        UnavailableError: The API or the store is not there, or the rate limit is used up.
    """
    from makespan_collector.importers.progress import Progress
    from makespan_collector.store.opening import open_store

    store_name = load_settings(Path.cwd(), flags={"store": arguments.store}).store
    progress = Progress()
    with open_store(Path(store_name)) as store, _shown(progress) as (tell, say):
        try:
            if arguments.origin in _TOKEN_VARIABLES:
                _import_history(arguments, store, store_name, progress, tell, say)
            else:
                _import_file(arguments, store, progress, tell)
        finally:
            tell()
    _report(arguments, progress)
    nothing = progress.unreadable and not (progress.runs or progress.jobs or progress.steps or progress.known)
    return int(ExitCode.BAD_INPUT if nothing else ExitCode.SUCCESS)


def _import_history(
    arguments: argparse.Namespace,
    store: Store,
    store_name: str,
    progress: Progress,
    tell: Callable[[], None],
    say: Callable[[str], None],
) -> None:
    from makespan_collector.importers.cursor import FOLDER, read_cursor
    from makespan_collector.importers.history_walk import HistoryWalk
    from makespan_collector.importers.patience import Patience

    # A store that is a server has no room for our files.
    folder = state_folder(Path.cwd()) if "://" in store_name else Path(store_name)
    part = arguments.workflow if arguments.origin == "github" else arguments.ref
    origin = " ".join((arguments.origin, arguments.api_url, arguments.project, part or "*"))
    cursor = read_cursor(folder / FOLDER, origin)
    client, history = _history(arguments, Patience(arguments.wait, say))
    try:
        walk = HistoryWalk(history, store, cursor, progress, tell)
        walk.import_runs(since_ns=arguments.since, limit=arguments.limit)
    finally:
        progress.requests = client.requests
        client.close()


def _history(arguments: argparse.Namespace, patience: Patience) -> tuple[PatientClient, History]:
    from makespan_collector.importers.patience import PatientClient

    token = _token(arguments)
    if arguments.origin == "github":
        from makespan_collector.importers.github import GitHubHistory
        from makespan_collector.importers.github_client import GitHubClient

        client = PatientClient(GitHubClient(arguments.api_url, token), patience)
        return client, GitHubHistory(client, arguments.project, arguments.workflow)
    from makespan_collector.importers.gitlab import GitLabHistory
    from makespan_collector.importers.gitlab_client import GitLabClient

    client = PatientClient(GitLabClient(arguments.api_url, token), patience)
    return client, GitLabHistory(client, arguments.project, arguments.ref)


def _import_file(arguments: argparse.Namespace, store: Store, progress: Progress, tell: Callable[[], None]) -> None:
    from makespan_collector.importers.field_mapping import parse_mapping
    from makespan_collector.importers.file_import import import_lines

    mapping = parse_mapping(arguments.map, arguments.set, arguments.result)
    import_lines(
        arguments.file,
        arguments.origin,
        store,
        progress,
        mapping=mapping,
        is_strict=arguments.strict,
        tell=tell,
    )


def _token(arguments: argparse.Namespace) -> str | None:
    """The token; None without one. It is printed nowhere."""
    variable = _TOKEN_VARIABLES[arguments.origin]
    place, token = variable, os.environ.get(variable, "")
    if arguments.token_file is not None:
        place = str(arguments.token_file)
        try:
            token = arguments.token_file.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{place}: {getattr(error, 'strerror', None) or 'it is not text'}") from None
    token = token.strip()
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise InputError(f"{place} holds something that is no token")
    return token or None


@contextmanager
def _shown(progress: Progress) -> Iterator[tuple[Callable[[], None], Callable[[str], None]]]:
    """Show the progress on a terminal; gives what shows it as it is now, and what says a line."""
    if not sys.stderr.isatty():
        yield (lambda: None), (lambda line: print(f"makespan: {line}", file=sys.stderr, flush=True))
        return
    from rich.console import Console

    console = Console(stderr=True, highlight=False, markup=False, emoji=False)
    with console.status("importing") as status:
        yield (lambda: status.update(_sentence(progress))), (lambda line: console.print(f"makespan: {line}"))


def _report(arguments: argparse.Namespace, progress: Progress) -> None:
    for problem in progress.problems[:_MOST_SHOWN]:
        print(f"makespan: left out: {_printable(problem)}", file=sys.stderr)
    if progress.unreadable > _MOST_SHOWN:
        print(f"makespan: left out: {progress.unreadable - _MOST_SHOWN} more", file=sys.stderr)
    if arguments.json:
        print(json.dumps(asdict(progress), indent=2))
    else:
        print(_sentence(progress))


def _sentence(progress: Progress) -> str:
    if progress.unchanged and not progress.runs:
        return f"nothing is new ({progress.requests} requests)"
    text = f"imported {progress.runs} runs, {progress.jobs} jobs, {progress.steps} steps"
    text += f"; {progress.known} runs were known" if progress.known else ""
    text += f"; left out {progress.unreadable}" if progress.unreadable else ""
    text += f"; back to {progress.day}" if progress.day else ""
    return text + (f" ({progress.requests} requests)" if progress.requests else "")


def _printable(text: str) -> str:
    """Names come from other people: none may move the cursor or set a colour."""
    return "".join(letter if letter.isprintable() else "?" for letter in text)


def _instant_ns(text: str) -> int:
    match = re.fullmatch(r"([1-9]\d{0,5})([hdw])", text)
    if match is not None:
        return max(1, time.time_ns() - int(match[1]) * _UNITS_S[match[2]] * _NS_PER_S)
    from makespan_collector.providers.payload import instant_ns

    try:
        found = instant_ns(text)
    except ValueError:
        found = None
    if found is None:
        raise argparse.ArgumentTypeError(f"a time is such as 30d, 12h, 8w, or a day such as 2026-01-31, not {text!r}")
    return found


def _positive(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text[:10]) < 10**9:
        raise argparse.ArgumentTypeError(f"a number from 1 up, not {text!r}")
    return int(text)


def _url(text: str) -> str:
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", text):
        raise argparse.ArgumentTypeError(f"a base URL such as https://github.example.com/api/v3, not {text!r}")
    return text.rstrip("/")
