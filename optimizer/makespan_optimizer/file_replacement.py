"""Replaces a file all at once: readers see the old text or the new one, never a part."""

from __future__ import annotations

import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

from makespan_model.errors import InputError, RefusedError


def read_utf8(path: Path) -> str:
    """The text of a file with its BOM and line endings.

    Raises:
        InputError: The file cannot be read or is not UTF-8, with the byte where it is not.
    """
    try:
        return path.read_bytes().decode("utf-8")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text: byte {error.start} is {error.object[error.start]:#04x}") from None


def replace_text(path: Path, *, before: str, after: str) -> None:
    """Write `after` where `before` stands; a link keeps pointing, the mode stays.

    Raises:
        RefusedError: The file no longer holds `before`.
        InputError: It cannot be written.
    """
    target = path.resolve()
    temporary: Path | None = None
    try:
        mode = stat.S_IMODE(target.stat().st_mode)
        descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        temporary = Path(name)
        with os.fdopen(descriptor, "wb") as file:
            file.write(after.encode("utf-8"))
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(mode)
        if target.read_bytes() != before.encode("utf-8"):
            raise RefusedError(f"{path} changed while it was being optimized; nothing was written, run it again")
        temporary.replace(target)
        temporary = None
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from None
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink()
