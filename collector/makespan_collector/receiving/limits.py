"""How much of one request, and of all of them at once, the receivers take."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from makespan_model.errors import UsageError

_MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the receivers.

    Attributes:
        max_body_bytes: A larger request body is refused. An agent's request is a few hundred kilobytes.
        max_decompressed_bytes: So is a body that decompresses to more.
        max_decompression_ratio: And one that decompresses to this many times its size, from a megabyte on.
            Repetitive spans reach 30 in gzip and 100 in zstd; a bomb reaches 1,000.
        max_in_flight_bytes: Bytes of all requests that are being received, decoded and stored, as they came and
            decompressed; more are told to come back. Decoded, a byte takes some ten in memory.
        body_deadline_s: A body that has not come whole by then is given up.
        requests_per_s: Requests of one client (token, or address) in the long run; 0 for no limit. A burst of ten
            seconds' worth is let through.
    """

    max_body_bytes: int = 16 * _MIB
    max_decompressed_bytes: int = 64 * _MIB
    max_decompression_ratio: int = 200
    max_in_flight_bytes: int = 128 * _MIB
    body_deadline_s: float = 30.0
    requests_per_s: float = 0.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "requests_per_s" and value == 0:
                continue
            if not 0 < value < math.inf:
                raise UsageError(f"{field.name} must be more than 0, not {value}")
        if self.max_in_flight_bytes < self.max_body_bytes:
            raise UsageError(
                f"max_in_flight_bytes ({self.max_in_flight_bytes}) must hold one request of max_body_bytes "
                f"({self.max_body_bytes})"
            )
