"""What a job sees of this machine: a clean home of its own, and the package caches it would download anyway."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

# Variables of a CI system or a tool around us, which a job on a fresh runner would not have.
_FOREIGN_PREFIXES = ("GITHUB_", "RUNNER_", "ACTIONS_", "CI_", "GITLAB_", "MAKESPAN_", "OTEL_", "GIT_")
_FOREIGN = {
    "VIRTUAL_ENV", "PYTHONHOME", "PYTHONPATH", "PYTEST_ADDOPTS", "MAKEFLAGS", "MAKELEVEL", "MFLAGS",
    "TRACEPARENT", "TRACESTATE", "BAGGAGE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME",
}  # fmt: skip


def job_environment(host: Mapping[str, str], *, home: Path, temporary: Path) -> dict[str, str]:
    """Environment of one job.

    Args:
        host: This process's environment.
        home: A new, empty folder: jobs on hosted runners share nothing.
        temporary: The job's folder for temporary files.
    """
    kept = {
        name: value for name, value in host.items() if name not in _FOREIGN and not name.startswith(_FOREIGN_PREFIXES)
    }
    if host.get("VIRTUAL_ENV") and "PATH" in kept:
        # A job's `pip install` must not end up in the environment somebody happens to have activated.
        active = os.path.join(host["VIRTUAL_ENV"], "bin")  # noqa: PTH118 - compared as text
        kept["PATH"] = os.pathsep.join(folder for folder in kept["PATH"].split(os.pathsep) if folder != active)
    return kept | package_settings(host) | {"HOME": str(home), "TMPDIR": str(temporary)}


def package_settings(host: Mapping[str, str]) -> dict[str, str]:
    """Where package managers find the user's indexes and downloads, which a new home would hide.

    Downloads are shared on purpose: a local run then measures the pipeline and not the network. What
    a cache rewrite saves is understated by the same download.
    """
    home = Path(host.get("HOME") or Path.home())
    caches = Path(host.get("XDG_CACHE_HOME") or home / ".cache")
    config = Path(host.get("XDG_CONFIG_HOME") or home / ".config")
    settings = {
        "PIP_CACHE_DIR": caches / "pip",
        "UV_CACHE_DIR": caches / "uv",
        "NPM_CONFIG_CACHE": home / ".npm",
    }
    for variable, file in (
        ("PIP_CONFIG_FILE", config / "pip" / "pip.conf"),
        ("PIP_CONFIG_FILE", home / ".pip" / "pip.conf"),
        ("NPM_CONFIG_USERCONFIG", home / ".npmrc"),
    ):
        if file.is_file():
            settings.setdefault(variable, file)
    return {name: host.get(name) or str(path) for name, path in settings.items()}


def cpu_count() -> int:
    """CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
