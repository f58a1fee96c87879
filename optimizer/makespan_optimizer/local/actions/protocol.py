"""How a stand-in reads its inputs and answers: environment variables in, GitHub's command files out."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path


class ActionError(Exception):
    """The step fails with this message."""


def read_input(name: str, default: str = "") -> str:
    """An input of `with:`; expressions in it were evaluated before the step started."""
    return os.environ.get(f"MAKESPAN_INPUT_{name.upper().replace('-', '_')}", default).strip()


def read_flag(name: str, *, default: bool = False) -> bool:
    """A boolean input, written the way YAML 1.2 writes them.

    Raises:
        ActionError: The text is neither true nor false.
    """
    text = read_input(name).lower()
    if text not in ("", "true", "false"):
        raise ActionError(f"{name} must be true or false, not {text!r}")
    return default if not text else text == "true"


def write_output(name: str, value: str) -> None:
    """Set an output of the step."""
    end = f"end-{os.urandom(8).hex()}"
    with Path(os.environ["GITHUB_OUTPUT"]).open("a", encoding="utf-8") as file:
        file.write(f"{name}<<{end}\n{value}\n{end}\n")


def workspace() -> Path:
    """The job's workspace."""
    return Path(os.environ["GITHUB_WORKSPACE"])


def shared_folder(variable: str) -> Path:
    """A folder that `makespan exec` shares between jobs.

    Raises:
        ActionError: The step runs outside `makespan exec`.
    """
    folder = os.environ.get(variable)
    if not folder:
        raise ActionError(f"{variable} is not set: this command only runs inside `makespan exec`")
    return Path(folder)


def run_action(commands: Mapping[str, Callable[[], None]]) -> None:
    """Run the command named by the first argument; an `ActionError` becomes a failed step."""
    name = sys.argv[1] if len(sys.argv) > 1 else ""
    if name not in commands:
        sys.exit(f"usage: {' | '.join(commands)}")
    try:
        commands[name]()
    except ActionError as error:
        print(f"::error::{error}")
        sys.exit(1)
    except OSError as error:
        print(f"::error::{error}")
        sys.exit(1)
