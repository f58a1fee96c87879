from __future__ import annotations

import subprocess
import sys


def test_the_entry_point_imports_nothing_that_the_interpreter_has_not_loaded() -> None:
    program = "import sys; old = set(sys.modules); import makespan_cli.main; print(*sorted(set(sys.modules) - old))"

    finished = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)

    assert finished.stdout.split() == ["__future__", "makespan_cli", "makespan_cli.main", "makespan_cli.registry"]
