"""The arguments of `makespan run` and `makespan shell`, parsed by hand: argparse alone would take 8 ms."""

from __future__ import annotations

RUN_HELP = """\
usage: makespan run [--step NAME] -- CMD [ARGUMENT...]

Run one command as a measured step. Its output, input, signals and exit code are its own.

options:
  --step NAME   what the step is called (default: the name of the command)
  --timeout SECONDS
                end it after so long: SIGTERM to all its processes, SIGKILL ten seconds later; exit code 124
  -h, --help    show this text

which run and job it belongs to, where the CI provider's variables do not say so (or say it wrong):
  --job NAME, --pipeline NAME, --run-id ID, --repository OWNER/NAME, --attempt NUMBER
                each also as MAKESPAN_JOB, MAKESPAN_PIPELINE, MAKESPAN_RUN_ID, MAKESPAN_REPOSITORY,
                MAKESPAN_RUN_ATTEMPT; what is given here, commands inside the step inherit

what else to record, each also as the variable in brackets (docs/agent.md says what is sent):
  --junit GLOB  read the JUnit XML reports the step writes; may be repeated, `**` is any directory
                [MAKESPAN_JUNIT: globs separated by colons or line ends]
  --trace-files record which files the step reads and writes, through strace [MAKESPAN_TRACE_FILES=1]
  --capture-arguments
                record the command's arguments, secrets masked [MAKESPAN_CAPTURE_ARGUMENTS=1]
  --capture-environment NAME,...
                record these variables, secrets masked [MAKESPAN_CAPTURE_ENVIRONMENT=NAME,...]

exit code: the command's own; 128+N when signal N ended it; 127 when it does not exist, 126 when it
cannot be executed; 2 for a wrong `makespan run` command line.

environment: MAKESPAN_ENDPOINT or OTEL_EXPORTER_OTLP_ENDPOINT (where to send), MAKESPAN_SPOOL (where
records wait), MAKESPAN_EXPORT=detached|flush-only|off.
"""

SHELL_HELP = """\
usage: makespan shell [--as SHELL] [--step NAME] SCRIPT
       makespan shell --as "TEMPLATE WITH SCRIPT" [--step NAME]
       makespan shell [--as SHELL] [--step NAME] -c TEXT [ARGUMENT...]

Be the shell of a CI step. In a GitHub workflow, `defaults: {run: {shell: "makespan shell {0}"}}`
measures every `run:` step; in a Makefile, `SHELL = makespan` with `.SHELLFLAGS = shell -c` every recipe.

options:
  --as SHELL    what runs the script, called as GitHub would call it: bash, sh, python, pwsh, or a
                template such as "perl {0}" (default: what GitHub runs for an omitted shell: `bash -e`,
                or `sh -e` where there is no bash). In a workflow a template stands alone, in double
                quotes: shell: makespan shell --as "perl {0}"
  --step NAME   what the step is called (default: the step's name or key)
  --timeout SECONDS
                end it after so long: SIGTERM to all its processes, SIGKILL ten seconds later; exit code 124
  -c, --command TEXT
                run this text instead of a script file, as `sh -c` does; what follows is $0, $1, ...
                --as names another shell then, with its options: --as "bash -eo pipefail"
  -h, --help    show this text

which run and job it belongs to, where the CI provider's variables do not say so (or say it wrong):
  --job NAME, --pipeline NAME, --run-id ID, --repository OWNER/NAME, --attempt NUMBER
                each also as MAKESPAN_JOB, MAKESPAN_PIPELINE, MAKESPAN_RUN_ID, MAKESPAN_REPOSITORY,
                MAKESPAN_RUN_ATTEMPT; what is given here, commands inside the step inherit

what else to record, each also as the variable in brackets (docs/agent.md says what is sent):
  --junit GLOB  read the JUnit XML reports the step writes; may be repeated, `**` is any directory
                [MAKESPAN_JUNIT: globs separated by colons or line ends]
  --trace-files record which files the step reads and writes, through strace [MAKESPAN_TRACE_FILES=1]
  --capture-arguments
                record the command's arguments, secrets masked [MAKESPAN_CAPTURE_ARGUMENTS=1]
  --capture-environment NAME,...
                record these variables, secrets masked [MAKESPAN_CAPTURE_ENVIRONMENT=NAME,...]

exit code: the script's own, as for `makespan run`.
"""


IDENTITY_OPTIONS = {
    "--job": "MAKESPAN_JOB",
    "--pipeline": "MAKESPAN_PIPELINE",
    "--run-id": "MAKESPAN_RUN_ID",
    "--repository": "MAKESPAN_REPOSITORY",
    "--attempt": "MAKESPAN_RUN_ATTEMPT",
}
"""Options that stand for a variable, and win over it."""

EVIDENCE_OPTIONS = {
    "--junit": "MAKESPAN_JUNIT",
    "--trace-files": "MAKESPAN_TRACE_FILES",
    "--capture-arguments": "MAKESPAN_CAPTURE_ARGUMENTS",
    "--capture-environment": "MAKESPAN_CAPTURE_ENVIRONMENT",
}
"""Options for what is recorded beyond the usage, in the same way."""
_SWITCHES = ("--trace-files", "--capture-arguments")


class WrongUsageError(Exception):
    """The command line of the agent is wrong; the message says how to write it."""


class Invocation:
    """What one `run` or `shell` command line asks for.

    Attributes:
        command: `run` or `shell`.
        words: The command and its arguments; for `shell` the script file alone, or what follows `-c TEXT`.
        text: The command text of `makespan shell -c`, if given.
        variables: The variables that options stand for.
        step: The step's name from `--step`, if given.
        shell: The value of `--as`, if given.
        timeout_s: Seconds the command may take, from `--timeout`, if given.
        wants_help: Whether `--help` was asked for; nothing runs then.
    """

    __slots__ = ("command", "shell", "step", "text", "timeout_s", "variables", "wants_help", "words")

    def __init__(self, command: str) -> None:
        self.command = command
        self.words: list[str] = []
        self.step: str | None = None
        self.shell: str | None = None
        self.text: str | None = None
        self.timeout_s: float | None = None
        self.variables: dict[str, str] = {}
        self.wants_help = False


def parse_command_line(command: str, arguments: list[str]) -> Invocation:
    """Read the arguments after `makespan run` or `makespan shell`.

    Raises:
        WrongUsageError: An unknown option, a missing value, no command, or more than one script.
    """
    found = Invocation(command)
    options = ("--step", "--timeout", *IDENTITY_OPTIONS, *EVIDENCE_OPTIONS)
    if command == "shell":
        options = ("--as", "--command", "-c", *options)
    position = 0
    while position < len(arguments) and arguments[position].startswith("-"):
        word = arguments[position]
        position += 1
        if word == "--":
            break
        if word in ("-h", "--help"):
            found.wants_help = True
            return found
        name, equals, value = word.partition("=")
        if name not in options:
            raise WrongUsageError(f"unknown option {word!r} of `makespan {command}`; it has {', '.join(options)}")
        if name in _SWITCHES:
            if equals:
                raise WrongUsageError(f"`makespan {command} {name}` takes no value")
            value = "1"
        elif not equals:
            if position == len(arguments):
                raise WrongUsageError(f"`makespan {command} {name}` needs a value")
            value = arguments[position]
            position += 1
        if not value:
            raise WrongUsageError(f"`makespan {command} {name}` needs a value that is not empty")
        _take(found, name, value)
        if found.text is not None:
            break  # As for `sh -c`, all that follows belongs to the command.
    found.words = arguments[position:]
    _check_words(found)
    return found


def _take(found: Invocation, name: str, value: str) -> None:
    if name == "--step":
        found.step = value
    elif name == "--as":
        found.shell = value
    elif name in ("-c", "--command"):
        found.text = value
    elif name == "--timeout":
        found.timeout_s = _seconds(found.command, value)
    elif name == "--attempt" and not (value.isdecimal() and int(value) > 0):
        raise WrongUsageError(f"`makespan {found.command} --attempt` must be a whole number from 1 up, not {value!r}")
    elif name == "--junit":
        # The line end tells a list of globs from one glob with a colon in it.
        variable = EVIDENCE_OPTIONS[name]
        found.variables[variable] = found.variables.get(variable, "") + value + "\n"
    elif name == "--capture-environment" and any("=" in part or not part.strip() for part in value.split(",")):
        raise WrongUsageError(f"`makespan {found.command} {name}` takes names without values, not {value!r}")
    else:
        found.variables[IDENTITY_OPTIONS.get(name) or EVIDENCE_OPTIONS[name]] = value


def _seconds(command: str, value: str) -> float:
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds < float("inf"):
        raise WrongUsageError(f"`makespan {command} --timeout` must be a number of seconds above 0, not {value!r}")
    return seconds


def _check_words(found: Invocation) -> None:
    if found.command == "run" and not found.words:
        raise WrongUsageError("`makespan run` needs a command: makespan run [--step NAME] -- CMD...")
    if found.text is not None:
        return
    # act fills in the first {0} of a workflow's `shell:` only, so a template comes without a second one.
    holds_script = found.shell is not None and " " in found.shell.strip()
    if found.command == "shell" and len(found.words) != 1 and not (holds_script and not found.words):
        count = len(found.words)
        raise WrongUsageError(
            f"`makespan shell` needs one script file, not {count}; in a workflow write: shell: makespan shell {{0}}"
        )
