"""Asks actionlint about the rewritten file; what it said about the original is no news."""

from __future__ import annotations

import json
import shutil
import subprocess
import sysconfig
from collections import Counter
from functools import lru_cache
from pathlib import Path

# actionlint answers in 30 ms; a minute means that it hangs.
_TIMEOUT_S = 60.0


def find_actionlint() -> str | None:
    """Path of the binary: beside this Python, else on PATH; None when absent."""
    beside = Path(sysconfig.get_path("scripts")) / "actionlint"
    return str(beside) if beside.is_file() else shutil.which("actionlint")


def new_complaints(before: str, after: str) -> list[str] | None:
    """What actionlint says of `after` that it did not say of `before`; None when it is not there."""
    binary = find_actionlint()
    if binary is None:
        return None
    old, new = _complaints(binary, before), _complaints(binary, after)
    return None if old is None or new is None else sorted((Counter(new) - Counter(old)).elements())


@lru_cache(maxsize=8)
def _complaints(binary: str, text: str) -> tuple[str, ...] | None:
    """Messages without their lines; scripts are not linted, for no rewrite changes one."""
    command = [binary, "-no-color", "-shellcheck=", "-pyflakes=", "-format", "{{json .}}", "-"]
    try:
        done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if done.returncode not in (0, 1):
        return None
    return tuple(f"{item['kind']}: {item['message']}" for item in json.loads(done.stdout or b"[]") or ())
