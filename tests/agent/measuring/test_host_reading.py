from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest

from makespan_agent.measuring.host_reading import Host
from support.cgroup_trees import write_tree

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def test_the_figures_of_the_machine_are_read_from_its_files(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            "proc/stat": "cpu  100 20 30 4000 500 6 7 8 90 9\ncpu0 1 1 1 1 1 1 1 1 1 1\n",
            "proc/meminfo": "MemTotal:       2000 kB\nMemFree:         100 kB\nMemAvailable:   1500 kB\n",
            "proc/loadavg": "1.25 0.50 0.10 2/90 1234\n",
            "proc/diskstats": (
                "   8       0 sda 5 0 100 0 7 0 200 0 0 0 0\n"
                "   8       1 sda1 5 0 100 0 7 0 200 0 0 0 0\n"
                " 253       0 dm-0 5 0 100 0 7 0 200 0 0 0 0\n"
                "   7       0 loop0 5 0 100 0 7 0 200 0 0 0 0\n"
                " 259       0 nvme0n1 5 0 10 0 7 0 20 0 0 0 0\n"
            ),
            "sys/block/sda/size": "",
            "sys/block/dm-0/size": "",
            "sys/block/loop0/size": "",
            "sys/block/nvme0n1/size": "",
        },
    )

    host = Host(str(tmp_path), str(tmp_path))
    reading = host.read()
    host.close()

    assert reading.busy_s == (100 + 20 + 30 + 6 + 7) / _TICKS_PER_S
    assert reading.memory_available_bytes == 1500 * 1024
    assert reading.load == 1.25
    assert (reading.disk_read_bytes, reading.disk_write_bytes) == (110 * 512, 220 * 512)


def test_this_machine_is_read_as_psutil_reads_it(tmp_path: Path) -> None:
    host = Host(str(tmp_path))
    reading = host.read()
    host.close()

    times = psutil.cpu_times()
    assert reading.busy_s == pytest.approx(times.user + times.nice + times.system + times.irq + times.softirq, abs=5)
    assert reading.memory_available_bytes == pytest.approx(psutil.virtual_memory().available, rel=0.2)
    assert reading.load == pytest.approx(psutil.getloadavg()[0], abs=1)
    assert reading.disk_used_bytes == pytest.approx(psutil.disk_usage(str(tmp_path)).used, rel=0.05)


@pytest.mark.parametrize("content", ["", "nonsense\n", "cpu\n", "\0"])
def test_files_that_are_missing_or_strange_leave_their_figures_unknown(tmp_path: Path, content: str) -> None:
    if content:
        write_tree(tmp_path, {f"proc/{name}": content for name in ("stat", "meminfo", "loadavg", "diskstats")})

    host = Host(str(tmp_path / "gone"), str(tmp_path))
    reading = host.read()
    host.close()

    assert [getattr(reading, name) for name in reading.__slots__] == [None] * len(reading.__slots__)
