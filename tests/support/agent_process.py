"""Running the agent as a CI job would: a real process with an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


def merged(path: Path) -> dict[str, Any]:
    """A record's lines as one object; later ones win."""
    found: dict[str, Any] = {}
    for line in path.read_text().splitlines():
        found |= json.loads(line.partition(" ")[2])
    return found


FOREIGN_VARIABLES = ("GITHUB_", "CI", "GITLAB", "MAKESPAN_", "OTEL_", "TRACE", "BAGGAGE", "RUNNER_", "LC_", "LANG")


@dataclass
class Agent:
    """Runs `makespan` with a spool of its own."""

    spool: Path
    directory: Path
    environment: dict[str, str] = field(default_factory=dict)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-P", "-m", "makespan_cli.main", *arguments]

    def full_environment(self, **changes: str) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_VARIABLES)}
        return (
            inherited
            | {"MAKESPAN_SPOOL": str(self.spool), "MAKESPAN_EXPORT": "flush-only"}
            | self.environment
            | changes
        )

    def run(self, *arguments: str, input: bytes = b"", **environment: str) -> subprocess.CompletedProcess[bytes]:  # noqa: A002
        return subprocess.run(
            self.command(*arguments),
            input=input,
            capture_output=True,
            env=self.full_environment(**environment),
            cwd=self.directory,
            timeout=60,
            check=False,
        )

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command(*arguments), env=self.full_environment(), cwd=self.directory, stdout=subprocess.PIPE, **options
        )

    def records(self) -> list[dict[str, Any]]:
        """What waits in the spool, oldest first: the lines of each record merged."""
        return [merged(path) for path in sorted(self.spool.glob("*.step"))]

    def open_records(self) -> list[Path]:
        """The records of steps that run, or whose agents were killed."""
        return sorted(self.spool.glob("*.open"))
