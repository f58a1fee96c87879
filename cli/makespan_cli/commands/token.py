"""Make, list and revoke the tokens with which others than this machine may send to a collector and read from it.

The text of a token is printed once, when it is made; the store keeps its digest. A collector that is running takes
a change up within a second.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from makespan_model.errors import UsageError
from makespan_model.settings import load_settings

if TYPE_CHECKING:
    from makespan_collector.access.tokens import Token

_UNITS_S = {"h": 3_600, "d": 86_400, "w": 7 * 86_400}
_LONGEST_S = 100 * 365 * 86_400
_SCOPES = ("ingest", "read", "admin")


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the subcommands."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a token and print it", description="Make a token and print it.")
    create.add_argument("name", metavar="NAME", help="what you will know it by")
    create.add_argument(
        "--scope",
        action="append",
        choices=_SCOPES,
        help="what it allows: ingest (the default), read or admin; may be given more than once",
    )
    create.add_argument(
        "--project",
        action="append",
        default=[],
        metavar="PATTERN",
        help="bind it to repositories, such as `octo/app` or `octo/*`; may be given more than once",
    )
    create.add_argument("--expires", metavar="TIME", type=_seconds, help="when it ends: 12h, 90d, 4w (default: never)")
    listing = actions.add_parser("list", help="show the tokens", description="Show the tokens, without their texts.")
    revoke = actions.add_parser("revoke", help="end a token", description="End a token, within a second.")
    revoke.add_argument("id", metavar="ID", help="its id, as `list` shows it")
    for action in (create, listing, revoke):
        action.add_argument("--store", metavar="DIR", help="directory of the store (setting: store)")
        action.add_argument("--json", action="store_true", help="print the token or tokens as JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Carry out one action.

    Raises:
        UsageError: There is no such token, or one of this name or these projects cannot be.
        InputError: The file of tokens is broken, or others may read it.
        UnavailableError: It cannot be written.
    """
    from makespan_collector.access.token_file import read_tokens, tokens_path

    settings = load_settings(Path.cwd(), flags={"store": arguments.store})
    path = tokens_path(settings.store, settings.collector.tokens_file)
    if arguments.action == "create":
        _create(path, arguments)
    elif arguments.action == "revoke":
        _revoke(path, arguments)
    else:
        tokens = read_tokens(path)
        if arguments.json:
            print(json.dumps([_as_json(token) for token in tokens], indent=2))
        else:
            _print_table(tokens)
    return 0


def _create(path: Path, arguments: argparse.Namespace) -> None:
    from makespan_collector.access.token_file import create_token
    from makespan_collector.access.tokens import Scope, new_token

    now_ns = time.time_ns()
    expires_ns = None if arguments.expires is None else now_ns + arguments.expires * 1_000_000_000
    scopes = [Scope(scope) for scope in arguments.scope or ("ingest",)]

    def make() -> tuple[str, Token]:
        return new_token(arguments.name, scopes, arguments.project, now_ns=now_ns, expires_ns=expires_ns)

    try:
        text, token = create_token(path, make)
    except ValueError as error:
        raise UsageError(str(error)) from error
    print(json.dumps({**_as_json(token), "token": text}, indent=2) if arguments.json else text)


def _revoke(path: Path, arguments: argparse.Namespace) -> None:
    from makespan_collector.access.token_file import change_tokens

    revoked: list[Token] = []

    def without(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
        revoked.extend(token for token in tokens if token.token_id == arguments.id)
        if not revoked:
            raise UsageError(f"no token {arguments.id!r}; `makespan token list` shows them")
        return tuple(token for token in tokens if token.token_id != arguments.id)

    change_tokens(path, without)
    print(json.dumps(_as_json(revoked[0]), indent=2) if arguments.json else f"revoked {arguments.id}")


def _print_table(tokens: tuple[Token, ...]) -> None:
    from rich.table import Table
    from rich.text import Text

    from makespan_cli.rendering.consoles import result_console

    console = result_console()
    if not tokens:
        console.print("no tokens; `makespan token create NAME` makes one")
        return
    table = Table(box=None, pad_edge=False)
    for heading in ("id", "name", "scopes", "projects", "created", "expires"):
        table.add_column(heading)
    now_ns = time.time_ns()
    for token in tokens:
        expires = "never" if token.expires_ns is None else _day(token.expires_ns)
        table.add_row(
            token.token_id,
            token.name,
            " ".join(sorted(token.scopes)),
            " ".join(token.projects) or "all",
            _day(token.created_ns),
            Text(f"{expires} (over)", "red") if token.is_expired(now_ns) else expires,
        )
    console.print(table)


def _as_json(token: Token) -> dict[str, Any]:
    return {
        "id": token.token_id,
        "name": token.name,
        "scopes": sorted(token.scopes),
        "projects": list(token.projects),
        "created": _instant(token.created_ns),
        "expires": None if token.expires_ns is None else _instant(token.expires_ns),
    }


def _instant(time_ns: int) -> str:
    return datetime.fromtimestamp(time_ns // 1_000_000_000, UTC).isoformat().replace("+00:00", "Z")


def _day(time_ns: int) -> str:
    return _instant(time_ns)[:10]


def _seconds(text: str) -> int:
    match = re.fullmatch(r"([1-9][0-9]{0,6})([hdw])", text)
    seconds = 0 if match is None else int(match[1]) * _UNITS_S[match[2]]
    if not 0 < seconds <= _LONGEST_S:
        raise argparse.ArgumentTypeError(
            f"a time is a number with h, d or w up to 100 years, such as 90d, not {text!r}"
        )
    return seconds
