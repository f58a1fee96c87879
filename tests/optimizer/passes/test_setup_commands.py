from __future__ import annotations

import pytest

from makespan_optimizer.passes.setup_commands import Command, in_workspace, is_pure_setup, read_commands


@pytest.mark.parametrize(
    ("run", "commands"),
    [
        ("python3.12 -m venv .venv", [Command("venv", "pip", ".venv", (".venv",))]),
        ("python -m venv --clear .venv", [Command("venv", "pip", None, ("--clear", ".venv"))]),
        (".venv/bin/pip install -r a.txt", [Command("install", "pip", ".venv", ("-r", "a.txt"))]),
        ("env/bin/python -m pip install x", [Command("install", "pip", "env", ("x",))]),
        (
            ". .venv/bin/activate && pip install x # why",
            [Command("activate", environment=".venv"), Command("install", "pip", ".venv", ("x",))],
        ),
        ("PIP_NO_INPUT=1 pip install \\\n  -r a.txt", [Command("install", "pip", None, ("-r", "a.txt"))]),
        ("npm ci\necho done", [Command("install", "npm", None, ("ci",)), Command("quiet")]),
        ("yarn lint", [Command("other")]),
        ("yarn --immutable", [Command("install", "yarn", arguments=("--immutable",))]),
        ("pip install x | tee log", [Command("other")]),
        ("pip install $(cat list)", [Command("other")]),
        ("bash -c '\npip install x\n'", [Command("other")]),
        ("cat <<EOF\npip install x\nEOF", [Command("other")]),
        ("if true; then pip install x; fi", [Command("other"), Command("other"), Command("other")]),
    ],
)
def test_only_plain_commands_are_understood(run: str, commands: list[Command]) -> None:
    assert list(read_commands(run)) == commands


@pytest.mark.parametrize(
    ("run", "pure"), [("pip install x", True), ("echo x", False), ("pip install x\npytest", False), ("", False)]
)
def test_a_setup_step_does_nothing_else(run: str, pure: bool) -> None:
    assert is_pure_setup(read_commands(run)) is pure


@pytest.mark.parametrize(
    ("directory", "path", "seen"),
    [
        (".", ".venv", ".venv"),
        ("web", "../.venv", ".venv"),
        ("web", "x", "web/x"),
        (".", "../x", None),
        (".", "~/x", None),
        (".", "/x", None),
        (".", "$HOME/x", None),
        (".", ".", None),
    ],
)
def test_only_paths_inside_the_workspace_count(directory: str, path: str, seen: str | None) -> None:
    assert in_workspace(directory, path) == seen
