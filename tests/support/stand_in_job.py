"""A job's surroundings for one stand-in action, run as the process it is."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Answer:
    """What a stand-in did."""

    exit_code: int
    output: str
    outputs: dict[str, str]


@dataclass(frozen=True)
class StandInJob:
    """One job: a workspace and a home of its own; `shared` lies outside, as for every job of `makespan exec`."""

    root: Path
    shared: Path

    def __post_init__(self) -> None:
        for folder in (self.workspace, self.home, self.temporary, self.shared):
            folder.mkdir(parents=True, exist_ok=True)

    @property
    def workspace(self) -> Path:
        return self.root / "work [x]"

    @property
    def home(self) -> Path:
        return self.root / "home"

    @property
    def temporary(self) -> Path:
        return self.root / "temp"

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ}
        return kept | {
            "HOME": str(self.home),
            "GITHUB_WORKSPACE": str(self.workspace),
            "GITHUB_OUTPUT": str(self.root / "output"),
            "GITHUB_ENV": str(self.root / "env"),
            "GITHUB_PATH": str(self.root / "path"),
            "RUNNER_TEMP": str(self.temporary),
            "MAKESPAN_CACHE_FOLDER": str(self.shared / "cache"),
            "MAKESPAN_ARTIFACT_FOLDER": str(self.shared / "artifacts"),
            "MAKESPAN_TOOL_FOLDER": str(self.shared / "tools"),
            "MAKESPAN_ACTION_STEP": "0",
        }

    def write(self, *names: str, text: str = "x") -> None:
        for name in names:
            path = self.workspace / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def files(self) -> list[str]:
        """Files in the workspace, as relative paths."""
        return sorted(
            path.relative_to(self.workspace).as_posix() for path in self.workspace.rglob("*") if path.is_file()
        )

    def run(self, module: str, command: str, inputs: dict[str, str] | None = None) -> Answer:
        output = self.root / "output"
        output.write_text("")
        given = {f"MAKESPAN_INPUT_{name.upper().replace('-', '_')}": value for name, value in (inputs or {}).items()}
        finished = subprocess.run(
            [sys.executable, "-m", f"makespan_optimizer.local.actions.{module}", command],
            env=self.environment | given,
            cwd=self.workspace,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        return Answer(finished.returncode, finished.stdout, _read_command_file(output.read_text()))


def _read_command_file(text: str) -> dict[str, str]:
    values = {}
    lines = iter(text.splitlines())
    for line in lines:
        name, _, end = line.partition("<<")
        value: list[str] = []
        for part in lines:
            if part == end:
                break
            value.append(part)
        values[name] = "\n".join(value)
    return values
