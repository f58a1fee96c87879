"""The body of an OTLP request, bounded before and after decompression."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from typing import IO, Any

import zstandard

# zlib reads gzip framing alone when 16 is added to the window size.
_GZIP_WINDOW = zlib.MAX_WBITS | 16
# What RFC 8878 (section 3.1.1.1.2) asks every decoder to support; a larger window is memory the sender asks for.
_ZSTD_WINDOW_BYTES = 8 * 1024 * 1024
_PIECE_BYTES = 512
"""Decompressed at once: zstd makes 128 KiB of four bytes at the most, which is 16 MiB a piece."""
_MOST_MEMBERS = 1_000
"""A sender that flushes makes a member of each flush; millions of empty ones are an attack."""
_RATIO_FROM_BYTES = 1024 * 1024
"""Under this no ratio is a danger."""


class PayloadTooLargeError(ValueError):
    """The body, or what it decompresses to, is over the limit."""


class PayloadEncodingError(ValueError):
    """The body is not what `Content-Encoding` says, or not all of it came."""


class PayloadLateError(ValueError):
    """The body did not come in time."""


def read_bounded(stream: IO[bytes], limit_bytes: int) -> bytes:
    """Read to the end, whatever `Content-Length` claims.

    Raises:
        PayloadTooLargeError: There is more than the limit.
    """
    parts: list[bytes] = []
    size_bytes = 0
    while chunk := stream.read(limit_bytes + 1 - size_bytes):
        parts.append(chunk)
        size_bytes += len(chunk)
        if size_bytes > limit_bytes:
            raise PayloadTooLargeError(f"the body is larger than {limit_bytes} bytes")
    # What is in memory already comes as one part, which is not copied.
    return b"".join(parts)


def decompressed(
    encoding: str, body: bytes, *, limit_bytes: int, max_ratio: int, grow: Callable[[int], None] = lambda _: None
) -> bytes:
    """What a body of this `Content-Encoding` says, never holding more than the limit.

    Args:
        encoding: One of `ENCODINGS`.
        body: As it came.
        grow: Told of every so many bytes more; may raise to stop.
        limit_bytes: Of what it decompresses to.
        max_ratio: Times the body's own size that it may decompress to, where that is more than a megabyte.

    Raises:
        PayloadTooLargeError: It decompresses to more.
        PayloadEncodingError: Not in this encoding, damaged, or cut off.
    """
    decompress = ENCODINGS[encoding]
    if decompress is None:
        return body
    ratio_bytes = max(_RATIO_FROM_BYTES, max_ratio * len(body))
    output = bytearray()
    for chunk in decompress(body):
        output += chunk
        grow(len(chunk))
        if len(output) > limit_bytes:
            raise PayloadTooLargeError(f"the body decompresses to more than {limit_bytes} bytes")
        if len(output) > ratio_bytes:
            raise PayloadTooLargeError(f"the body decompresses to more than {max_ratio} times its size")
    return bytes(output)


def _members(body: bytes, decompressor: Callable[[], Any], what: str) -> Iterator[bytes]:
    """The members (gzip) or frames (zstd) of a body one after the other, in small pieces."""
    position = 0
    for _ in range(_MOST_MEMBERS):
        current = decompressor()
        while not current.eof:
            piece = body[position : position + _PIECE_BYTES]
            if not piece:
                raise PayloadEncodingError(f"the {what} body is cut off")
            try:
                output = current.decompress(piece)
            except (zlib.error, zstandard.ZstdError) as error:
                raise PayloadEncodingError(f"the body is not {what}: {error}") from error
            position += len(piece) - len(current.unused_data)
            yield output
        if position == len(body):
            return
    raise PayloadTooLargeError(f"the {what} body has more than {_MOST_MEMBERS} parts")


def _gunzip(body: bytes) -> Iterator[bytes]:
    return _members(body, lambda: zlib.decompressobj(_GZIP_WINDOW), "gzip")


def _unzstd(body: bytes) -> Iterator[bytes]:
    return _members(body, zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW_BYTES).decompressobj, "zstd")


ENCODINGS: dict[str, Callable[[bytes], Iterator[bytes]] | None] = {
    "identity": None,
    "gzip": _gunzip,
    "zstd": _unzstd,
}
"""The values of `Content-Encoding` that are understood."""
