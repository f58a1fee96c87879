from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from makespan_agent.measuring.accounting import highest_peak
from makespan_agent.measuring.cgroups import ControlGroups
from makespan_agent.measuring.memory_peak import GroupPeak
from support.agent_process import Agent
from support.cgroup_trees import real_group, write_tree

MIB = 1 << 20


@pytest.mark.parametrize(
    ("known", "peak"),
    [
        ({}, None),
        ({"resident_bytes": 50}, (50, "rss")),
        ({"resident_bytes": 50, "proportional_bytes": 30}, (30, "pss")),
        ({"resident_bytes": 50, "proportional_bytes": 30, "largest_process_bytes": 40}, (40, "rusage")),
        ({"proportional_bytes": 30, "largest_process_bytes": 20}, (30, "pss")),
        ({"largest_process_bytes": 20}, (20, "rusage")),
        ({"group_bytes": 10, "resident_bytes": 50, "largest_process_bytes": 20}, (10, "cgroup")),
    ],
)
def test_the_most_exact_source_gives_the_peak(known: dict[str, int], peak: tuple[int, str] | None) -> None:
    assert highest_peak(**known) == peak


def _container(root: Path, pids: str, peak: int) -> None:
    write_tree(
        root,
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/cgroup.procs": pids,
            "sys/fs/cgroup/memory.peak": f"{peak:<20}",
        },
    )


def test_a_container_that_holds_nobody_else_gives_the_peak(tmp_path: Path) -> None:
    _container(tmp_path, f"{os.getppid()}\n{os.getpid()}\n", 100)
    peak = GroupPeak(ControlGroups(str(tmp_path)))
    _container(tmp_path, "", 5000)

    assert peak.since_start() == 5000


@pytest.mark.parametrize("strangers", ["1000000000\n", "0\n", "2\n"])
def test_a_container_with_others_in_it_does_not(tmp_path: Path, strangers: str) -> None:
    _container(tmp_path, f"{os.getpid()}\n{strangers}", 100)
    peak = GroupPeak(ControlGroups(str(tmp_path)))
    _container(tmp_path, "", 5000)

    assert peak.since_start() is None


def test_a_container_with_groups_inside_does_not(tmp_path: Path) -> None:
    _container(tmp_path, f"{os.getpid()}\n", 100)
    write_tree(tmp_path, {"sys/fs/cgroup/inner/cgroup.procs": ""})

    assert GroupPeak(ControlGroups(str(tmp_path))).since_start() is None


def test_in_a_group_of_its_own_a_step_that_shares_memory_has_the_kernels_peak(agent: Agent) -> None:
    """Four processes share one block: the sum of their resident sizes would be four times as much."""
    holder = "import os, time; block = bytearray(b'x') * (60 << 20)\nos.fork(); os.fork()\ntime.sleep(0.5)\n"
    with real_group("memory") as group:
        subprocess.run(
            [
                "sh",
                "-c",
                f'echo $$ > {group}/cgroup.procs && exec "$@"',
                "sh",
                *agent.command("run", "--", sys.executable, "-c", holder),
            ],
            env=agent.full_environment(),
            check=True,
            timeout=60,
        )

    usage = agent.records()[0]["usage"]
    assert usage["memory_peak_source"] == "cgroup"
    assert 60 * MIB < usage["memory_peak_bytes"] < 110 * MIB


def test_shared_memory_counts_once_where_proportional_sizes_can_be_read(agent: Agent) -> None:
    holder = "import os, time; block = bytearray(b'x') * (60 << 20)\nos.fork(); os.fork()\ntime.sleep(1.0)\n"

    agent.run("run", "--", sys.executable, "-c", holder)

    (record,) = agent.records()
    resident = max(sample[2] for sample in record["samples"])
    assert resident > 200 * MIB
    assert record["usage"]["memory_peak_source"] in ("pss", "rusage")
    assert 60 * MIB < record["usage"]["memory_peak_bytes"] < 110 * MIB
