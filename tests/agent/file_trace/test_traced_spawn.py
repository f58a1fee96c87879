from __future__ import annotations

from pathlib import Path

import pytest

from makespan_agent.file_trace.traced_spawn import gains_privileges


@pytest.mark.parametrize(
    "words",
    [
        ["sudo", "make"],
        ["/usr/bin/sudo", "make"],
        ["sh", "-c", "set -e\nsudo make install"],
        ["env", "A=b", "doas", "x"],
    ],
)
def test_a_command_that_calls_sudo_is_known(words: list[str]) -> None:
    assert gains_privileges(words)


def test_a_script_that_calls_sudo_is_known(tmp_path: Path) -> None:
    script = tmp_path / "script.sh"
    script.write_text("#!/bin/sh\nif true; then\n  sudo apt-get update\nfi\n")

    assert gains_privileges(["bash", "-e", str(script)])


def test_other_commands_and_programs_are_not(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF\0 sudo \0")

    assert not gains_privileges(["make", "pseudo", "visudo-like", str(program), str(tmp_path)])
