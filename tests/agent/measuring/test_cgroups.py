from __future__ import annotations

from pathlib import Path

import pytest

from makespan_agent.measuring.cgroups import ControlGroups
from support.cgroup_trees import write_tree

GIB = 1 << 30


def test_a_containers_own_group_of_version_2_gives_its_limits(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            "proc/self/cgroup": "0::/\n",
            "sys/fs/cgroup/cgroup.procs": "1\n",
            "sys/fs/cgroup/cpu.max": "150000 100000\n",
            "sys/fs/cgroup/memory.max": f"{2 * GIB}\n",
        },
    )

    groups = ControlGroups(str(tmp_path))

    place = f"{tmp_path}/sys/fs/cgroup"
    assert groups.unified == [place]
    assert groups.cpu_limit() == (1.5, place)
    assert groups.memory_limit() == (2 * GIB, place)


def test_the_tightest_limit_of_all_groups_around_is_what_holds(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            "proc/self/cgroup": "0::/pod/step\n",
            "sys/fs/cgroup/cgroup.procs": "",
            "sys/fs/cgroup/pod/cgroup.procs": "",
            "sys/fs/cgroup/pod/cpu.max": "50000 100000\n",
            "sys/fs/cgroup/pod/memory.max": "max\n",
            "sys/fs/cgroup/pod/step/cgroup.procs": "1\n",
            "sys/fs/cgroup/pod/step/cpu.max": "max 100000\n",
            "sys/fs/cgroup/pod/step/memory.max": "1000000\n",
        },
    )

    groups = ControlGroups(str(tmp_path))

    pod = f"{tmp_path}/sys/fs/cgroup/pod"
    assert groups.unified == [f"{pod}/step", pod, f"{tmp_path}/sys/fs/cgroup"]
    assert groups.cpu_limit() == (0.5, pod)
    assert groups.memory_limit() == (1_000_000, f"{pod}/step")


def test_version_1_gives_the_same_limits(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            "proc/self/cgroup": "5:memory:/job\n2:cpu,cpuacct:/job\n1:name=systemd:/job\n",
            "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "250000\n",
            "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/memory/job/memory.limit_in_bytes": f"{GIB}\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
        },
    )

    groups = ControlGroups(str(tmp_path))

    assert groups.unified == []
    assert groups.cpu_limit() == (2.5, f"{tmp_path}/sys/fs/cgroup/cpu,cpuacct/job")
    assert groups.memory_limit() == (GIB, f"{tmp_path}/sys/fs/cgroup/memory/job")


@pytest.mark.parametrize("path", ["/docker/0123abcd", "/../../other", "/"])
def test_a_path_of_the_host_leads_to_the_group_that_is_mounted(tmp_path: Path, path: str) -> None:
    write_tree(
        tmp_path,
        {
            "proc/self/cgroup": f"4:memory:{path}\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "4096\n",
        },
    )

    assert ControlGroups(str(tmp_path)).memory_limit() == (4096, f"{tmp_path}/sys/fs/cgroup/memory")


def test_no_limit_is_no_number(tmp_path: Path) -> None:
    write_tree(
        tmp_path,
        {
            "proc/self/cgroup": "4:memory:/\n3:cpu:/\n0::/\n",
            "sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            "sys/fs/cgroup/unified/cgroup.procs": "",
            "sys/fs/cgroup/unified/cpu.max": "max 100000\n",
        },
    )

    groups = ControlGroups(str(tmp_path))

    assert groups.unified == [f"{tmp_path}/sys/fs/cgroup/unified"]
    assert groups.cpu_limit() is None
    assert groups.memory_limit() is None


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"proc/self/cgroup": "0::/\n"},
        {"proc/self/cgroup": "nonsense\n\n::\n"},
        {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cgroup.procs": "", "sys/fs/cgroup/cpu.max": "many\n"},
        {"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cgroup.procs": "", "sys/fs/cgroup/cpu.max": "1 0\n"},
    ],
)
def test_a_machine_without_groups_or_with_strange_ones_has_no_limits(tmp_path: Path, files: dict[str, str]) -> None:
    write_tree(tmp_path, files)

    groups = ControlGroups(str(tmp_path))

    assert groups.cpu_limit() is None
    assert groups.memory_limit() is None
