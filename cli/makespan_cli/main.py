"""Entry point: picks the command, parses its arguments, turns errors into messages and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from makespan_cli.registry import AGENT_COMMANDS, COMMANDS


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns:
        The exit code of `makespan_model.errors`, or the wrapped command's own for `run` and `shell`.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if arguments and arguments[0] in AGENT_COMMANDS:
        # Nothing but the launcher may be imported before the wrapped command runs.
        from makespan_agent.launcher import launch

        return launch(arguments[0], arguments[1:])
    return _dispatch(arguments)


def _dispatch(arguments: list[str]) -> int:
    from makespan_model.errors import ExitCode, MakespanError

    try:
        return _execute(arguments)
    except MakespanError as error:
        print(f"makespan: {error}", file=sys.stderr)
        return int(error.exit_code)
    except KeyboardInterrupt:
        print("makespan: interrupted", file=sys.stderr)
        return int(ExitCode.INTERRUPTED)
    except BrokenPipeError:
        # The reader (head, less) has what it wanted; keep the interpreter's own flush from complaining.
        sys.stdout = None
        return int(ExitCode.SUCCESS)


def _execute(arguments: list[str]) -> int:
    import argparse
    from importlib import import_module

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
    module_name, summary = COMMANDS[name]
    command = _import_command(import_module, module_name, name)
    parser = argparse.ArgumentParser(
        prog=f"makespan {name}",
        description=command.__doc__ or summary,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.configure(parser)
    return int(command.execute(parser.parse_args(arguments[1:])))


def _import_command(import_module, module_name: str, name: str):  # type: ignore[no-untyped-def]
    try:
        return import_module(f"makespan_cli.commands.{module_name}")
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("makespan"):
            raise
        from makespan_model.errors import UnavailableError

        raise UnavailableError(
            f"`makespan {name}` needs the package {error.name!r}; install it with: pip install 'makespan[all]'"
        ) from error


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
