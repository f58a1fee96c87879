"""Python, the packages of each extra, and the programs that are called."""

from __future__ import annotations

import importlib
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from makespan_cli.diagnosis.check import Check

_OLDEST_PYTHON = (3, 11)

EXTRAS: Final[Mapping[str, Mapping[str, str]]] = {
    "agent": {
        "psutil": "psutil",
        "opentelemetry-sdk": "opentelemetry.sdk.trace",
        "opentelemetry-exporter-otlp-proto-http": "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    },
    "server": {
        "flask": "flask",
        "granian": "granian",
        "opentelemetry-proto": "opentelemetry.proto.collector.trace.v1.trace_service_pb2",
        "pyarrow": "pyarrow",
        "duckdb": "duckdb",
        "rich": "rich",
        "numpy": "numpy",
        "scipy": "scipy.special",
        "ptars": "ptars",
        "zstandard": "zstandard",
        "prometheus-client": "prometheus_client",
    },
    "optimizer": {"pyyaml": "yaml", "defusedxml": "defusedxml", "jinja2": "jinja2", "lark": "lark"},
}
"""A module to import for each distribution of an extra; a test compares them with pyproject.toml."""

PROGRAMS: Final[Mapping[str, tuple[str, str, str]]] = {
    "act": (
        "--version",
        "runs workflows for `makespan exec` and `makespan demo`",
        "pip install 'makespan[optimizer]'",
    ),
    "git": ("--version", "`makespan exec` checks work trees out with it", "install git"),
    "actionlint": (
        "--version",
        "lints what `makespan optimize` rewrites",
        "pip install 'makespan[optimizer]'",
    ),
}
"""Each program with its version option, what it is for, and how to get it."""


def installation_checks() -> Iterator[Check]:
    """Python first, then extras and programs in the order of this module's tables."""
    yield _python()
    for extra, modules in EXTRAS.items():
        yield _extra(extra, modules)
    for program, (option, purpose, advice) in PROGRAMS.items():
        yield _program(program, option, purpose, advice)


def _python() -> Check:
    version = platform.python_version()
    is_ok = sys.version_info >= _OLDEST_PYTHON
    return Check("python", is_ok, version, "" if is_ok else "install Python 3.11 or newer", is_needed=True)


def _extra(extra: str, modules: Mapping[str, str]) -> Check:
    broken = {}
    for distribution, module in modules.items():
        try:
            importlib.import_module(module)
        except Exception as error:  # noqa: BLE001 - a broken extension module may raise anything on import
            broken[distribution] = f"{distribution} ({error})"
    name = f"packages of {extra}"
    needed = extra == "agent"
    if broken:
        package = "makespan" if needed else f"makespan[{extra}]"
        found = f"not importable: {', '.join(broken.values())}"
        return Check(name, is_ok=False, found=found, advice=f"pip install '{package}'", is_needed=needed)
    return Check(name, is_ok=True, found=", ".join(modules), is_needed=needed)


def _program(program: str, option: str, purpose: str, advice: str) -> Check:
    beside = Path(sysconfig.get_path("scripts")) / program
    path = str(beside) if beside.is_file() else shutil.which(program)
    if path is None:
        return Check(program, is_ok=False, found=f"not installed; {purpose}", advice=advice)
    try:
        # act makes a settings folder below its home even when it is only asked for its version.
        with TemporaryDirectory() as home:
            finished = subprocess.run(
                [path, option],
                env={**os.environ, "HOME": home, "XDG_CONFIG_HOME": home},
                capture_output=True,
                text=True,
                timeout=20,
                check=False,
                stdin=subprocess.DEVNULL,
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Check(program, is_ok=False, found=f"{path} does not start: {error}", advice=advice)
    if finished.returncode:
        found = f"{path} {option} ended with {finished.returncode}"
        return Check(program, is_ok=False, found=found, advice=advice)
    version = (finished.stdout.strip().splitlines() or [path])[0]
    return Check(program, is_ok=True, found=f"{version} ({path})")
