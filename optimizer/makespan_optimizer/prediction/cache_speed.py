"""How fast a dependency cache is where the pipeline runs: on hosted runners, or here under `makespan exec`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class CacheSpeed:
    """Speed of `actions/cache`, or of what stands in for it.

    Attributes:
        lookup_s: Time to ask for a key, whether it exists or not.
        restore_bytes_per_s: Bytes of unpacked files a second, download included.
        save_bytes_per_s: The same for packing and uploading.
    """

    lookup_s: float
    restore_bytes_per_s: float
    save_bytes_per_s: float


HOSTED: Final = CacheSpeed(lookup_s=0.5, restore_bytes_per_s=80e6, save_bytes_per_s=40e6)
"""A virtual environment is many small files: unpacking them, not the network, sets the pace. Packing compresses."""

LOCAL: Final = CacheSpeed(lookup_s=0.2, restore_bytes_per_s=120e6, save_bytes_per_s=500e6)
"""Measured with `makespan exec` on two cores: 197 MB in 6,100 files took tar 0.3 to 0.8 s to pack, uncompressed, and
0.4 to 2.8 s to unpack, two jobs at once; the lookup is the start of the stand-in."""
