"""Durations as GitLab reads them (`1h 30m`, `90 minutes`, `2 days`)."""

from __future__ import annotations

import re

# Source: the Ruby library chronic_duration, as GitLab configures it (a month of 30 days, a year of 365.25).
_UNITS_S = {
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
    "m": 60.0, "min": 60.0, "mins": 60.0, "minute": 60.0, "minutes": 60.0,
    "h": 3600.0, "hr": 3600.0, "hrs": 3600.0, "hour": 3600.0, "hours": 3600.0,
    "d": 86400.0, "day": 86400.0, "days": 86400.0,
    "w": 604800.0, "wk": 604800.0, "wks": 604800.0, "week": 604800.0, "weeks": 604800.0,
    "mo": 2592000.0, "mos": 2592000.0, "mth": 2592000.0, "mths": 2592000.0, "month": 2592000.0, "months": 2592000.0,
    "y": 31557600.0, "yr": 31557600.0, "yrs": 31557600.0, "year": 31557600.0, "years": 31557600.0,
}  # fmt: skip
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)?[\s,]*(?:and\s+)?")


def duration_s(text: str) -> float | None:
    """Seconds of a duration; a number alone is seconds. None for anything else (`never`, a variable)."""
    total, at = 0.0, 0
    lowered = text.strip().lower()
    while at < len(lowered):
        part = _PART.match(lowered, at)
        unit = None if part is None else _UNITS_S.get(part[2] or "s")
        if part is None or unit is None:
            return None
        total += float(part[1]) * unit
        at = part.end()
    return total if lowered else None
