"""The body of an OTLP/HTTP request, bounded before and after decompression."""

from __future__ import annotations

import zlib
from typing import IO

_CHUNK_BYTES = 64 * 1024
# zlib reads gzip framing alone when 16 is added to the window size.
_GZIP_WINDOW = zlib.MAX_WBITS | 16


class PayloadTooLargeError(ValueError):
    """The body, or what it decompresses to, is over the limit."""


class PayloadEncodingError(ValueError):
    """The body is not what `Content-Encoding` says."""


def read_bounded(stream: IO[bytes], limit_bytes: int) -> bytes:
    """Read to the end, whatever `Content-Length` claims.

    Raises:
        PayloadTooLargeError: There is more than the limit.
    """
    body = bytearray()
    while chunk := stream.read(min(_CHUNK_BYTES, limit_bytes + 1 - len(body))):
        body += chunk
        if len(body) > limit_bytes:
            raise PayloadTooLargeError(f"the body is larger than {limit_bytes} bytes")
    return bytes(body)


def gunzip_bounded(body: bytes, limit_bytes: int) -> bytes:
    """Decompress gzip (one or more members), never holding more than the limit.

    Raises:
        PayloadTooLargeError: It decompresses to more than the limit.
        PayloadEncodingError: Not gzip, damaged, or cut off.
    """
    output = bytearray()
    rest = body
    while True:
        decompressor = zlib.decompressobj(_GZIP_WINDOW)
        try:
            output += decompressor.decompress(rest, limit_bytes + 1 - len(output))
        except zlib.error as error:
            raise PayloadEncodingError(f"the body is not gzip: {error}") from error
        if len(output) > limit_bytes:
            raise PayloadTooLargeError(f"the body decompresses to more than {limit_bytes} bytes")
        if not decompressor.eof:
            raise PayloadEncodingError("the gzip body is cut off")
        rest = decompressor.unused_data
        if not rest:
            return bytes(output)
