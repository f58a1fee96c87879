"""The commands in the order `makespan --help` shows them.

A command's module is `makespan_cli.commands.<name>` (a trailing underscore where the name is a Python
keyword or builtin). `run` and `shell` are not here: the agent parses those itself, before argparse
would be imported.
"""

from __future__ import annotations

AGENT_COMMANDS = {
    "run": "wrap one step: makespan run [--step NAME] -- CMD...",
    "shell": "be the shell of a CI step: makespan shell {0}",
}

COMMANDS = {
    "flush": ("flush", "send what is spooled"),
    "exec": ("exec_", "run a workflow here, under the agent"),
    "serve": ("serve", "collect spans and samples over OTLP/HTTP"),
    "store": ("store", "look after the history: info, backup, restore, prune"),
    "import": ("import_", "bring in history: GitHub, GitLab, CSV, JSON lines"),
    "token": ("token", "who may send to a collector and read from it"),
    "steps": ("steps", "name the steps of a GitHub workflow for the agent"),
    "analyze": ("analyze", "where the time of a pipeline goes"),
    "size": ("size", "how much memory and CPU its jobs need, and which runner is enough"),
    "regressions": ("regressions", "what got slower, since which commit"),
    "simulate": ("simulate", "makespan and cost of runs that nobody has run yet"),
    "optimize": ("optimize", "findings and a verified patch for a workflow file"),
    "demo": ("demo", "the whole loop on a real project"),
    "doctor": ("doctor", "what is missing here"),
}
