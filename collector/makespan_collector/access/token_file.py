"""The tokens of one store: a file that only its owner may read, replaced as a whole."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import stat
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from makespan_collector.access.tokens import Scope, Token
from makespan_model.errors import InputError, UnavailableError
from makespan_model.setting_tables import names_server

TOKEN_FILE = "tokens.json"  # noqa: S105 - a file's name
_FOLDER_BESIDE_SERVER = ".makespan"
_log = logging.getLogger(__name__)

_CHECK_AFTER_S = 1.0
"""How long a changed file may go unnoticed: looking at it costs 2 µs, a thousand times a second."""


def tokens_path(store: str, told: str) -> Path:
    """Where the tokens of a collector are.

    Args:
        store: The setting `store`: a directory, or `influxdb`.
        told: The setting `collector.tokens_file`; empty when nobody said.
    """
    if told:
        return Path(told)
    return Path(_FOLDER_BESIDE_SERVER if names_server(store) else store) / TOKEN_FILE


def read_tokens(path: Path) -> tuple[Token, ...]:
    """The tokens in order of their making; none where there is no file.

    Raises:
        InputError: Others may read the file, or it is not one of tokens.
    """
    try:
        with path.open(encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            text = file.read()
    except FileNotFoundError:
        return ()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: {error}") from error
    if stat.S_IMODE(mode) & 0o077:
        raise InputError(f"{path}: others than its owner may read it; run `chmod 600 {path}`")
    try:
        tokens = tuple(_token(entry) for entry in json.loads(text)["tokens"])
        if len({token.token_id for token in tokens}) < len(tokens):
            raise ValueError("two tokens with one id")
    except (ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
        raise InputError(f"{path}: not a file of tokens ({error!r}); restore it, or delete it to begin anew") from error
    return tokens


def create_token(path: Path, make: Callable[[], tuple[str, Token]]) -> tuple[str, Token]:
    """Add a token whose id no other has: of 32 random bits, two among 10,000 agree once in a hundred times.

    Args:
        path: The file; made with its folder where it is missing.
        make: Makes a token, another each time.

    Raises:
        InputError: As `read_tokens`.
        UnavailableError: The file cannot be written.
    """
    made: list[tuple[str, Token]] = []

    def add(tokens: tuple[Token, ...]) -> tuple[Token, ...]:
        known = {token.token_id for token in tokens}
        while not made or made[-1][1].token_id in known:
            made.append(make())
        return (*tokens, made[-1][1])

    change_tokens(path, add)
    return made[-1]


def change_tokens(path: Path, change: Callable[[tuple[Token, ...]], tuple[Token, ...]]) -> tuple[Token, ...]:
    """Replace the tokens by what `change` makes of them; two that change at once take turns.

    Raises:
        InputError: As `read_tokens`.
        UnavailableError: The file cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with _held(path.with_name(f"{path.name}.lock")):
            tokens = change(read_tokens(path))
            _replace(path, json.dumps({"tokens": [_entry(token) for token in tokens]}, indent=1))
    except OSError as error:
        raise UnavailableError(f"cannot write {path}: {error.strerror or error}") from error
    return tokens


class LiveTokens:
    """The tokens of a file, read again when it has changed.

    Args:
        path: The file; need not be there.
        clock_s: Monotonic seconds.

    Raises:
        InputError: As `read_tokens`. A file that is spoilt later leaves the tokens as they were.
    """

    def __init__(self, path: Path, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._clock_s = clock_s
        self._checked_s = clock_s()
        self._stamp = _stamp(path)
        self._by_id = {token.token_id: token for token in read_tokens(path)}

    def by_id(self) -> Mapping[str, Token]:
        """The tokens by their id."""
        now_s = self._clock_s()
        if now_s - self._checked_s >= _CHECK_AFTER_S:
            self._checked_s = now_s
            stamp = _stamp(self._path)
            if stamp != self._stamp:
                self._stamp = stamp
                try:
                    self._by_id = {token.token_id: token for token in read_tokens(self._path)}
                except InputError as error:
                    _log.warning("the tokens stay as they were: %s", error)
        return self._by_id


def _stamp(path: Path) -> tuple[int, ...] | None:
    """What changes with the file; the change time is there for `chmod`, which mends a file too."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size


@contextmanager
def _held(path: Path) -> Iterator[None]:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        _give_to_owner(descriptor, path.parent)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _give_to_owner(descriptor: int, folder: Path) -> None:
    """Let the collector's own user read what root makes in that user's folder."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(descriptor, owner.st_uid, owner.st_gid)


def _replace(path: Path, text: str) -> None:
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        # What a killed process of this id left behind may have another mode.
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        _give_to_owner(descriptor, path.parent)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    finally:
        temporary.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _entry(token: Token) -> dict[str, Any]:
    return {
        "id": token.token_id,
        "name": token.name,
        "sha256": token.digest,
        "scopes": sorted(token.scopes),
        "projects": list(token.projects),
        "created_ns": token.created_ns,
        "expires_ns": token.expires_ns,
    }


def _token(entry: Mapping[str, Any]) -> Token:
    return Token(
        token_id=str(entry["id"]),
        name=str(entry["name"]),
        digest=str(entry["sha256"]),
        scopes=frozenset(Scope(scope) for scope in entry["scopes"]),
        projects=tuple(str(project) for project in entry["projects"]),
        created_ns=int(entry["created_ns"]),
        expires_ns=None if entry["expires_ns"] is None else int(entry["expires_ns"]),
    )
