from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from makespan_analytics.fleet.process_pool import Done, run_in_processes
from makespan_model.errors import InputError
from support.fleet_work import DiesOn, Doubles, Refuses

TESTS = Path(__file__).parents[2]


def test_every_piece_is_done_once() -> None:
    found = list(run_in_processes(Doubles(), range(7), workers=2))

    assert sorted(done.piece for done in found) == list(range(7))
    assert all(done.answer == 2 * done.piece for done in found)


def test_nothing_to_do_starts_no_process() -> None:
    assert list(run_in_processes(Doubles(), [], workers=2)) == []


def test_a_piece_whose_process_died_is_done_by_another(tmp_path: Path) -> None:
    found = list(run_in_processes(DiesOn(2, 1, tmp_path), range(5), workers=2))

    assert len(list(tmp_path.iterdir())) == 1
    assert {done.piece: done.answer for done in found} == {number: 2 * number for number in range(5)}


def test_a_piece_that_kills_every_process_is_named_and_the_others_are_done(tmp_path: Path) -> None:
    found = {done.piece: done for done in run_in_processes(DiesOn(2, 9, tmp_path), range(5), workers=2)}

    assert found[2] == Done(2, None, "its process was ended by SIGKILL, 2 times")
    assert len(list(tmp_path.iterdir())) == 2
    assert {piece: done.answer for piece, done in found.items() if piece != 2} == {0: 0, 1: 2, 3: 6, 4: 8}


def test_an_error_in_the_work_is_raised_here() -> None:
    with pytest.raises(InputError, match="is broken"):
        list(run_in_processes(Refuses(), range(3), workers=1))


def test_no_process_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one process"):
        list(run_in_processes(Doubles(), [1], workers=0))


_HANGING = """
import sys
from pathlib import Path
from makespan_analytics.fleet.process_pool import run_in_processes
from support.fleet_work import SaysPidAndHangs
if __name__ == "__main__":
    try:
        list(run_in_processes(SaysPidAndHangs(Path(sys.argv[1])), [1, 2], workers=2))
    except KeyboardInterrupt:
        sys.exit(130)
"""


def test_an_interrupt_ends_all_processes(tmp_path: Path) -> None:
    script = tmp_path / "hanging.py"
    script.write_text(_HANGING)
    seen = tmp_path / "seen"
    seen.mkdir()
    path = os.pathsep.join([str(TESTS), *sys.path])
    with subprocess.Popen(
        [sys.executable, str(script), str(seen)],
        env={**os.environ, "PYTHONPATH": path},
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            _wait_until(lambda: len(list(seen.iterdir())) == 2)
            # As a terminal does it: to the whole group.
            os.killpg(process.pid, signal.SIGINT)
            _, told = process.communicate(timeout=60)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    assert (process.returncode, told) == (130, b"")
    assert not [file.name for file in seen.iterdir() if Path("/proc", file.name).exists()]


def _wait_until(holds: object, within_s: float = 60.0) -> None:
    assert callable(holds)
    until = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)
