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


def shell_words(shell: str | None, script: str | None) -> list[str]:
    """The command that runs a script under the shell named by `--as`.

    Args:
        shell: A named shell, a template, or None for what an omitted `shell:` runs.
        script: The path of the script file; None (or a `{0}` that nobody filled in) when the template
            holds it: GitHub fills in every `{0}` of the workflow's text, act the first one.

    Raises:
        WrongUsageError: No script, or neither a known name nor a template that mentions the script.
    """
    if script == "{0}":
        script = None
    if script is None:
        if shell is None or shell in _TEMPLATES or "{0}" in shell:
            raise WrongUsageError("`makespan shell` got no script; in a workflow write: shell: makespan shell {0}")
        return _split(shell)
    if shell is None:
        # GitHub: "If bash is not found in the path, this is treated as sh." Without pipefail, unlike `bash`.
        return ["bash", "-e", script] if find_executable("bash") else ["sh", "-e", script]
    if shell in _TEMPLATES:
        return [word.replace("{0}", script) for word in _TEMPLATES[shell]]
    if "{0}" not in shell and script not in shell:
        names = ", ".join(_TEMPLATES)
        raise WrongUsageError(f"--as {shell!r} is neither {names} nor a template with {{0}} for the script's path")
    return [word.replace("{0}", script) for word in _split(shell)]


def text_words(shell: str | None, text: str, arguments: list[str]) -> list[str]:
    """The command that runs a command text, as make and a Dockerfile's `SHELL` have it run.

    Args:
        shell: A shell with its options; None for `/bin/sh`, what both use by default.
        text: The commands.
        arguments: What the text sees as $0, $1 and so on.

    Raises:
        WrongUsageError: The shell's quotes are not closed, or it names a script.
    """
    if shell is not None and "{0}" in shell:
        raise WrongUsageError(f"--as {shell!r} names a script file, and -c runs a text; leave {{0}} out")
    words = ["/bin/sh"] if shell is None else _split(shell)
    if not words:
        raise WrongUsageError("--as needs the name of a shell")
    return [*words, "-c", text, *arguments]


def _split(template: str) -> list[str]:
    if "'" not in template and '"' not in template and "\\" not in template:
        return template.split()
    import shlex  # Only for quotes: it imports `re`.

    try:
        return shlex.split(template)
    except ValueError as error:
        raise WrongUsageError(f"--as {template!r}: {error}") from None
