"""Look at what makespan needs here, and say what to do about what is missing.

Only Python, the agent's own packages and a writable spool are needed, for measuring steps; all else is
optional and belongs to single commands. Nothing is changed, and nothing but an empty request is sent.

Exit codes: 0 nothing that is needed is missing, 2 usage, 3 a broken .makespan.toml, 4 something needed is.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from makespan_cli.diagnosis.check import Check
from makespan_cli.diagnosis.installation import installation_checks
from makespan_cli.diagnosis.surroundings import surroundings_checks
from makespan_model.errors import ExitCode
from makespan_model.settings import load_settings


def configure(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--store", metavar="DIR", help="directory of the store (setting: store)")
    parser.add_argument("--json", action="store_true", help="print the checks as JSON")


def execute(arguments: argparse.Namespace) -> int:
    """Look and report."""
    settings = load_settings(Path.cwd(), flags={"store": arguments.store})
    checks = [*installation_checks(), *surroundings_checks(settings, os.environ)]
    failed = [check.name for check in checks if check.fails]
    if arguments.json:
        print(json.dumps({"ok": not failed, "checks": [_as_json(check) for check in checks]}, indent=2))
    else:
        _print(checks, failed)
    return int(ExitCode.UNAVAILABLE if failed else ExitCode.SUCCESS)


def _print(checks: list[Check], failed: list[str]) -> None:
    """Plain text: this command must work where no optional package is installed."""
    width = max(len(check.name) for check in checks)
    for check in checks:
        state = "ok" if check.is_ok else "MISSING" if check.is_needed else "missing"
        print(f"{state:<7}  {check.name:<{width}}  {check.found}")
        if check.advice:
            print(f"{'':<7}  {'':<{width}}  -> {check.advice}")
    print(f"needed and missing: {', '.join(failed)}" if failed else "nothing that is needed is missing")


def _as_json(check: Check) -> dict[str, object]:
    return {
        "name": check.name,
        "ok": check.is_ok,
        "needed": check.is_needed,
        "found": check.found,
        "advice": check.advice,
    }
