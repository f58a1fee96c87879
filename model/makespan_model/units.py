"""Numbers as people read them."""

from __future__ import annotations


def format_duration(seconds: float) -> str:
    """`0.42 s`, `12.3 s`, `3 min 05 s`, `2 h 07 min`; negative values keep their sign."""
    if seconds <= -0.005:
        return f"-{format_duration(-seconds)}"
    seconds = max(0.0, seconds)  # What would round to zero has no sign.
    if seconds < 0.995:
        return f"{seconds:.2f} s"
    if seconds < 59.95:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min"


def format_bytes(count: float) -> str:
    """Binary units: `512 B`, `1.5 KiB`, `230 MiB`."""
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if abs(size) < 1023.5:  # Above it would be rounded to 1024 of this unit.
            return f"{size:.0f} {unit}" if unit == "B" or abs(size) >= 100 else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def format_ratio(ratio: float) -> str:
    """A speed-up: `2.1×`."""
    return f"{ratio:.2f}×" if ratio < 9.995 else f"{ratio:.0f}×"
