"""What Jenkins and Docker would execute, executed by the kernel: neither runs here."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from support.agent_process import Agent
from support.ci_runners import INTEGRATIONS


def test_a_script_that_starts_with_the_libraries_first_line_is_a_named_step(
    agent: Agent, ci_environment: dict[str, str], tmp_path: Path
) -> None:
    library = (INTEGRATIONS / "jenkins" / "vars" / "makespan.groovy").read_text()
    (line,) = re.findall(r'sh "(#!.*?)\\n\$\{script\}"', library)
    script = tmp_path / "script.sh"
    script.write_text(line.replace("${quoted(name)}", "unit tests") + "\necho one\nfalse\necho never\n")
    script.chmod(0o755)

    finished = subprocess.run([script], env=ci_environment, capture_output=True, text=True, check=False)

    assert (finished.returncode, finished.stdout) == (1, "one\n")
    assert "+ echo one" in finished.stderr
    (record,) = agent.records()
    assert (record["step"]["name"], record["exit_code"]) == ("unit tests", 1)


def test_a_run_line_under_the_dockerfiles_shell_is_a_step(agent: Agent, ci_environment: dict[str, str]) -> None:
    text = (INTEGRATIONS / "docker" / "Dockerfile").read_text()
    (words,) = re.findall(r"^SHELL (\[.*\])$", text, re.MULTILINE)
    shell = [word.replace("/opt/makespan/bin/", "") for word in json.loads(words)]

    finished = subprocess.run(
        [*shell, "echo a && exit 9"], env=ci_environment, capture_output=True, text=True, check=False
    )

    assert (finished.returncode, finished.stdout) == (9, "a\n")
    assert [record["exit_code"] for record in agent.records()] == [9]
