"""What a job evaluates and act does not tell: its outputs, and whether its failure is tolerated.

A last step of the copy, which always runs, writes them to files that `makespan exec` reads.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from makespan_model.identity import job_label

FOLDER_VARIABLE = "MAKESPAN_CAPTURE_FOLDER"
_OUTPUTS = "outputs"
_TOLERATED_SUFFIX = ".tolerated"


def capture_step(outputs: Sequence[str], continue_on_error: str | None) -> dict[str, object] | None:
    """The step, or None where there is nothing to capture.

    Args:
        outputs: The values of the job's outputs, as written.
        continue_on_error: The job's `continue-on-error` where it is an expression, else None.
    """
    if not outputs and continue_on_error is None:
        return None
    env = {f"MAKESPAN_OUTPUT_{index}": value for index, value in enumerate(outputs)}
    commands = []
    if outputs:
        values = " ".join(f'"${name}"' for name in env)
        # Renamed into place: matrix legs write the same file at once, and the last one counts.
        part = f'"${FOLDER_VARIABLE}/{_OUTPUTS}.$$"'
        commands.append(f"printf '%s\\0' {values} > {part} && mv {part} \"${FOLDER_VARIABLE}/{_OUTPUTS}\"")
    if continue_on_error is not None:
        env["MAKESPAN_TOLERATED"] = continue_on_error
        file = f'"${FOLDER_VARIABLE}/$$"{_TOLERATED_SUFFIX}'
        commands.append(f'printf \'%s\\0%s\' "$MAKESPAN_TOLERATED" "$MAKESPAN_MATRIX" > {file}')
    return {
        "name": "Capture the job's outputs",
        "if": "always()",
        "shell": "bash -e {0}",
        "working-directory": ".",
        "env": env,
        "run": "\n".join(commands),
    }


def read_outputs(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """The job's outputs; none when the job never came to its last step."""
    try:
        text = (folder / _OUTPUTS).read_bytes().decode("utf-8", "replace")
    except FileNotFoundError:
        return {}
    # GitHub leaves out outputs that evaluate to nothing.
    return {name: value for name, value in zip(names, text.split("\0"), strict=False) if value}


def read_tolerated(folder: Path, job_id: str) -> frozenset[str]:
    """Labels of the legs whose `continue-on-error` evaluated to true."""
    labels = set()
    for file in folder.glob(f"*{_TOLERATED_SUFFIX}"):
        verdict, _, matrix = file.read_text("utf-8").partition("\0")
        if verdict == "true":
            labels.add(job_label(job_id, json.loads(matrix) if matrix else None))
    return frozenset(labels)
