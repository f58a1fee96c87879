"""Lines of a file or of standard input, unpacked where they are gzip, and never longer than a line may be."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from makespan_model.errors import InputError

STDIN = "-"
LONGEST_LINE = 1024 * 1024
_GZIP_MAGIC = b"\x1f\x8b"
"""RFC 1952, section 2.3.1."""


@contextmanager
def open_lines(name: str) -> Iterator[IO[str]]:
    """The text of a file, or of standard input for `-`.

    What is no UTF-8 comes as lone surrogates, so that the line it is in can be told.

    Raises:
        InputError: It cannot be read, or is damaged gzip; the same while it is read.
    """
    place = "standard input" if name == STDIN else name
    try:
        with sys.stdin.buffer if name == STDIN else Path(name).open("rb") as raw:
            assert isinstance(raw, io.BufferedReader)
            is_packed = raw.peek(2)[:2] == _GZIP_MAGIC
            binary = gzip.GzipFile(fileobj=raw) if is_packed else raw
            # csv wants line ends as they are.
            with io.TextIOWrapper(binary, "utf-8-sig", errors="surrogateescape", newline="") as text:
                yield text
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{place}: damaged gzip: {error}") from error
    except OSError as error:
        raise InputError(f"{place}: {error.strerror or error}") from error


def bounded_lines(text: IO[str]) -> Iterator[str]:
    """The lines; of one that is too long only the beginning, so that a file without line breaks takes no memory."""
    while line := text.readline(LONGEST_LINE):
        if not line.endswith("\n") and len(line) >= LONGEST_LINE:
            while rest := text.readline(LONGEST_LINE):
                if rest.endswith("\n"):
                    break
        yield line
