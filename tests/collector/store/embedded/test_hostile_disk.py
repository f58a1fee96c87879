"""The store on disks that are full, read-only, or damaged."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from makespan_collector.store.opening import open_store
from makespan_model.errors import InputError, UnavailableError
from support.span_rows import EPOCH, SECOND, run_rows

TESTS = Path(__file__).parents[3]
ONE_JOB = {"test": [("pytest", 1, 5)]}

FULL_DISK = """
import contextlib, json, subprocess, sys
from pathlib import Path
from makespan_collector.store.opening import open_store
from makespan_model.errors import UnavailableError
from support.span_rows import EPOCH, SECOND, run_rows

root = Path(sys.argv[1])
store = open_store(root / "store")
told, refused = [], []
for number in range(10_000):
    run = run_rows(str(number), {"test": [("pytest", 0, 5)]}, start_ns=EPOCH + number * SECOND)
    try:
        store.append(spans=run)
        told.append(str(number))
    except UnavailableError as error:
        refused.append(str(error))
        if len(refused) == 3:
            break
full = [run.identity.run_id for run in store.runs()]
with contextlib.suppress(OSError, UnavailableError):
    store.compact()
after = [run.identity.run_id for run in store.runs()]
subprocess.run(["mount", "-o", "remount,size=64m", str(root)], check=True)
store.append(spans=run_rows("more", {"test": [("pytest", 0, 5)]}, start_ns=EPOCH + 10**6 * SECOND))
store.compact()
store.close()
with open_store(root / "store") as again:
    end = [run.identity.run_id for run in again.runs()]
left = [path.name for path in root.rglob("*.tmp")]
print(json.dumps({"told": told, "refused": refused, "full": full, "after": after, "end": end, "left": left}))
"""


def _on_small_disk(folder: Path, code: str, size: str) -> dict[str, Any]:
    words = 'mount -t tmpfs -o size="$1" none "$2" || exit 99; exec "$3" -c "$4" "$2"'
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("mounting a file system of its own takes root and unshare")
    finished = subprocess.run(
        ["unshare", "-m", "sh", "-c", words, "sh", size, str(folder), sys.executable, code],
        env={**os.environ, "PYTHONPATH": str(TESTS)},
        capture_output=True,
        text=True,
    )
    if finished.returncode == 99 or "unshare" in finished.stderr:
        pytest.skip(f"no file system can be mounted here: {finished.stderr.strip()}")
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout)  # type: ignore[no-any-return]


def test_on_a_full_disk_nothing_acknowledged_is_lost_and_writing_goes_on_when_there_is_room(tmp_path: Path) -> None:
    found = _on_small_disk(tmp_path, FULL_DISK, "1m")

    assert len(found["told"]) > 20
    assert all("No space left on device" in message for message in found["refused"])
    assert found["full"] == found["after"] == found["told"]
    assert found["end"] == [*found["told"], "more"]
    assert found["left"] == []


READ_ONLY = """
import json, subprocess, sys
from pathlib import Path
from makespan_collector.store.opening import open_store
from makespan_model.errors import UnavailableError
from support.span_rows import run_rows

root = Path(sys.argv[1], "store")
with open_store(root) as store:
    store.append(spans=run_rows("1", {"test": [("pytest", 0, 5)]}))
subprocess.run(["mount", "-o", "remount,ro", sys.argv[1]], check=True)
runs = len(open_store(root, read_only=True).runs())
try:
    open_store(root)
    error = None
except UnavailableError as failure:
    error = str(failure)
print(json.dumps({"runs": runs, "error": error}))
"""


def test_a_store_on_a_read_only_disk_is_read_and_says_why_it_is_not_written(tmp_path: Path) -> None:
    found = _on_small_disk(tmp_path, READ_ONLY, "1m")

    assert found["runs"] == 1
    assert found["error"] == f"cannot write to the store {tmp_path / 'store'}: Read-only file system"


@pytest.mark.parametrize("damage", ["cut", "zeros", "text"])
def test_a_damaged_segment_is_told_with_its_place_and_the_others_are_left_alone(tmp_path: Path, damage: str) -> None:
    with open_store(tmp_path / "store") as store:
        store.append(spans=run_rows("1", ONE_JOB))
        store.compact()
    (segment,) = (tmp_path / "store" / "spans").glob("*.parquet")
    whole = segment.read_bytes()
    segment.write_bytes({"cut": whole[:100], "zeros": bytes(len(whole)), "text": b"hello"}[damage])

    with pytest.raises(InputError, match=r"spans: cannot be read"):
        open_store(tmp_path / "store", read_only=True).runs()
    with open_store(tmp_path / "store") as store:
        store.append(spans=run_rows("2", ONE_JOB, start_ns=EPOCH + SECOND))
        with pytest.raises(UnavailableError, match="cannot be rewritten"):
            store.compact()
    segment.write_bytes(whole)
    runs = open_store(tmp_path / "store", read_only=True).runs()
    assert [run.identity.run_id for run in runs] == ["1", "2"]
