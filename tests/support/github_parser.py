"""GitHub's own parser of workflows, actions and expressions (npm `@actions/workflow-parser`), under Node."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.ci_runners import require

# Read here: tests see none of the MAKESPAN_* variables.
_FOLDER = os.environ.get("MAKESPAN_GITHUB_PARSER")
_SCRIPT = Path(__file__).with_suffix(".mjs")


@dataclass(frozen=True, slots=True)
class GithubParser:
    """A running parser that answers one request at a time."""

    process: subprocess.Popen[str]

    def accepts(self, text: str, contexts: list[str]) -> bool:
        """Whether it takes an expression (no braces) where some contexts and functions (`name(least,most)`) are."""
        return bool(self._ask(kind="expression", text=text, contexts=contexts, evaluate=False)["ok"])

    def evaluation(self, text: str) -> dict[str, Any]:
        """`value` (and `special` for NaN and infinities), or `failed`, of a constant expression; or `error`."""
        return self._ask(kind="expression", text=text, contexts=[], evaluate=True)

    def workflow_errors(self, text: str) -> list[str]:
        """What it has against a workflow; steps in the background are allowed."""
        answer = self._ask(kind="workflow", text=text)
        return [*answer.get("errors", []), *([answer["error"]] if "error" in answer else [])]

    def action_errors(self, text: str) -> list[str]:
        """What it has against an action's file."""
        answer = self._ask(kind="action", text=text)
        return [*answer.get("errors", []), *([answer["error"]] if "error" in answer else [])]

    def schema(self, name: str) -> dict[str, Any]:
        """Definitions of its schema of a `workflow` or an `action`."""
        definitions = self._ask(kind="schema", name=name)["schema"]["definitions"]
        assert isinstance(definitions, dict)
        return definitions

    def _ask(self, **request: object) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert isinstance(answer, dict)
        return answer


@contextmanager
def running_github_parser() -> Iterator[GithubParser]:
    """The parser from the folder MAKESPAN_GITHUB_PARSER; skips the test where it is not installed."""
    node = require("node", shutil.which("node"))
    folder = require("GitHub's parser (MAKESPAN_GITHUB_PARSER)", _FOLDER)
    command = [node, str(_SCRIPT), folder]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        yield GithubParser(process)
        assert process.stdin is not None
        process.stdin.close()
