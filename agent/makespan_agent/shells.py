"""How a CI provider calls the shell of a step.

Source: GitHub Actions, "Workflow syntax", `jobs.<job_id>.steps[*].shell`: the internal command of each
named shell on Linux and macOS.
"""

from __future__ import annotations

from makespan_agent.command_line import WrongUsageError
from makespan_agent.executables import find_executable

_TEMPLATES = {
    "bash": ("bash", "--noprofile", "--norc", "-eo", "pipefail", "{0}"),
    "sh": ("sh", "-e", "{0}"),
    "python": ("python", "{0}"),
    "pwsh": ("pwsh", "-command", ". '{0}'"),
}


def shell_words(shell: str | None, script: str) -> list[str]:
    """The command that runs `script` under the shell named by `--as`.

    Args:
        shell: A named shell, a template with `{0}`, or None for what an omitted `shell:` runs.
        script: The path of the script file.

    Raises:
        WrongUsageError: Neither a known name nor a template that mentions the script.
    """
    if shell is None:
        # GitHub: "If bash is not found in the path, this is treated as sh." Without pipefail, unlike `bash`.
        return ["bash", "-e", script] if find_executable("bash") else ["sh", "-e", script]
    template = _TEMPLATES.get(shell)
    if template is not None:
        return [word.replace("{0}", script) for word in template]
    # GitHub fills in every {0} of the workflow's text, so the template may already hold the path.
    if "{0}" not in shell and script not in shell:
        names = ", ".join(_TEMPLATES)
        raise WrongUsageError(f"--as {shell!r} is neither {names} nor a template with {{0}} for the script's path")
    return [word.replace("{0}", script) for word in _split(shell)]


def _split(template: str) -> list[str]:
    if "'" not in template and '"' not in template and "\\" not in template:
        return template.split()
    import shlex  # Only for quotes: it imports `re`.

    try:
        return shlex.split(template)
    except ValueError as error:
        raise WrongUsageError(f"--as {template!r}: {error}") from None
