"""Entry point: picks the command, parses its arguments, turns errors into messages and exit codes."""

from __future__ import annotations

import os
import sys

from makespan_cli.registry import AGENT_COMMANDS, COMMANDS

TYPE_CHECKING = False  # Importing typing for it takes 7 ms, before the wrapped command starts.
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code of `makespan_model.errors`, or the wrapped command's own for `run` and `shell`.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments[:1] == ["help"] and len(arguments) > 1:
        arguments = [arguments[1], "--help"]
    if arguments and arguments[0] in AGENT_COMMANDS:
        # Nothing but the launcher may be imported before the wrapped command runs.
        from makespan_agent.launcher import launch

        exit_code = launch(arguments[0], arguments[1:])
        if argv is None:
            # Taking the interpreter apart takes 3 ms, in which the step's own time goes on. The agent writes
            # through descriptors, starts no thread, and has closed its record: nothing is left to be flushed.
            os._exit(exit_code)
        return exit_code
    return _dispatch(arguments)


def _dispatch(arguments: list[str]) -> int:
    from makespan_model.errors import ExitCode, MakespanError

    try:
        code = _execute(arguments)
        # What is still buffered meets a closed pipe here, and not in the interpreter's last moments.
        sys.stdout.flush()
    except MakespanError as error:
        return _fail(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _fail("interrupted", ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # The reader (head, less) has what it wanted; what the interpreter flushes at its end must go somewhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return int(ExitCode.SUCCESS)
    except OSError as error:
        if error.strerror is None:
            raise
        place = f"{error.filename}: " if error.filename is not None else ""
        return _fail(f"{place}{error.strerror}", ExitCode.FAILURE)
    return code


def _fail(message: str, code: int) -> int:
    print(f"makespan: {message}", file=sys.stderr)
    return int(code)


def _execute(arguments: list[str]) -> int:
    import argparse

    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(_overview())
        return 0
    if arguments[0] in ("-V", "--version"):
        from importlib.metadata import version

        print(f"makespan {version('makespan')}")
        return 0
    name = arguments[0]
    if name not in COMMANDS:
        from makespan_model.errors import UsageError
        from makespan_model.matching import did_you_mean

        known = [*AGENT_COMMANDS, *COMMANDS]
        raise UsageError(f"no command {name!r}{did_you_mean(name, known)}; `makespan --help` lists them")
    try:
        command = load_command(name)
        parser = argparse.ArgumentParser(
            prog=f"makespan {name}",
            description=command.__doc__,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        command.configure(parser)
        return int(command.execute(parser.parse_args(arguments[1:])))
    except ModuleNotFoundError as error:
        # Commands import what they need when they need it, some of it only as they run.
        if error.name is None or error.name.startswith("makespan"):
            raise
        from makespan_model.errors import UnavailableError

        package = error.name.partition(".")[0]
        raise UnavailableError(
            f"`makespan {name}` needs the package {package!r}; install it with: pip install 'makespan[all]'"
        ) from error


def load_command(name: str) -> ModuleType:
    """The module of a command of the registry: it has `configure(parser)` and `execute(arguments)`.

    Raises:
        ModuleNotFoundError: A package of an extra is not installed.
    """
    from importlib import import_module

    return import_module(f"makespan_cli.commands.{COMMANDS[name][0]}")


def _overview() -> str:
    width = max(map(len, [*AGENT_COMMANDS, *COMMANDS]))
    rows = [(name, text) for name, text in AGENT_COMMANDS.items()]
    rows += [(name, summary) for name, (_, summary) in COMMANDS.items()]
    lines = "\n".join(f"  {name:<{width}}  {text}" for name, text in rows)
    return (
        "makespan: profile-guided optimization for CI/CD pipelines\n\n"
        f"usage: makespan COMMAND [OPTIONS]\n\n{lines}\n\n"
        "`makespan COMMAND --help` explains one command; `makespan --version` prints the version.\n"
        "Exit codes: 0 done, 1 failed, 2 usage, 3 broken input, 4 something needed is not there, 5 rewrite refused;\n"
        "`run` and `shell` end with the wrapped command's own code."
    )


if __name__ == "__main__":
    sys.exit(main())
