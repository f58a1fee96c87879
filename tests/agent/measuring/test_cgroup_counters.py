from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from makespan_agent.measuring.cgroup_counters import CgroupCounters
from makespan_agent.measuring.cgroups import ControlGroups
from support.agent_process import Agent
from support.cgroup_trees import real_group, write_tree

_V2 = {
    "proc/self/cgroup": "0::/pod/step\n",
    "sys/fs/cgroup/cgroup.procs": "",
    "sys/fs/cgroup/pod/cgroup.procs": "",
    "sys/fs/cgroup/pod/step/cgroup.procs": "",
    "sys/fs/cgroup/pod/step/cgroup.type": "domain\n",
    "sys/fs/cgroup/pod/cpu.max": "100000 100000\n",
    "sys/fs/cgroup/pod/cpu.stat": "usage_usec 9\nnr_periods 50\nnr_throttled 10\nthrottled_usec 1000000\n",
    "sys/fs/cgroup/pod/step/cpu.stat": "usage_usec 9\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n",
    "sys/fs/cgroup/pod/memory.max": "4096000\n",
    "sys/fs/cgroup/pod/memory.events": "low 0\nhigh 1\nmax 2\noom 3\noom_kill 9\n",
    "sys/fs/cgroup/pod/step/memory.events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 1\n",
    "sys/fs/cgroup/pod/step/cpu.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=500000\nfull total=1\n",
    "sys/fs/cgroup/pod/step/memory.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
    "sys/fs/cgroup/pod/step/io.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
    "proc/pressure/cpu": "some avg10=0.00 avg60=0.00 avg300=0.00 total=77\n",
}


def _counters(root: Path) -> CgroupCounters:
    return CgroupCounters(ControlGroups(str(root)), str(root))


def test_version_2_counts_from_the_start_and_where_the_limit_is_set(tmp_path: Path) -> None:
    write_tree(tmp_path, _V2)
    counters = _counters(tmp_path)
    write_tree(
        tmp_path,
        {
            "sys/fs/cgroup/pod/cpu.stat": "usage_usec 9\nnr_periods 50\nnr_throttled 14\nthrottled_usec 3500000\n",
            "sys/fs/cgroup/pod/memory.events": "low 0\nhigh 2\nmax 4\noom 6\noom_kill 99\n",
            "sys/fs/cgroup/pod/step/memory.events": "low 0\nhigh 0\nmax 0\noom 0\noom_kill 3\n",
            "sys/fs/cgroup/pod/step/cpu.pressure": "some avg10=0.00 avg60=0.00 avg300=0.00 total=750000\n",
        },
    )

    assert counters.since_start() == {
        "throttled_periods": 4,
        "throttled_s": 2.5,
        "memory_high_events": 1,
        "memory_max_events": 2,
        "memory_oom_events": 3,
        "oom_kills": 2,
        "cpu_pressure_s": 0.25,
        "memory_pressure_s": 0.0,
        "io_pressure_s": 0.0,
        "pressure_source": "cgroup",
        "cpu_limit_cores": 1.0,
        "memory_limit_bytes": 4_096_000,
    }
    counters.close()


def test_version_1_counts_too_with_the_machines_pressure(tmp_path: Path) -> None:
    files = {
        "proc/self/cgroup": "4:memory:/job\n3:cpu:/job\n",
        "sys/fs/cgroup/cpu/job/cpu.stat": "nr_periods 1\nnr_throttled 1\nthrottled_time 1000000000\n",
        "sys/fs/cgroup/cpu/job/cpu.cfs_quota_us": "100000\n",
        "sys/fs/cgroup/cpu/job/cpu.cfs_period_us": "50000\n",
        "sys/fs/cgroup/memory/job/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 5\n",
        "sys/fs/cgroup/memory/job/memory.failcnt": "10\n",
        "proc/pressure/io": "some avg10=0.00 avg60=0.00 avg300=0.00 total=1000000\n",
    }
    write_tree(tmp_path, files)
    counters = _counters(tmp_path)
    write_tree(
        tmp_path,
        {
            "sys/fs/cgroup/cpu/job/cpu.stat": "nr_periods 9\nnr_throttled 3\nthrottled_time 1500000000\n",
            "sys/fs/cgroup/memory/job/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 6\n",
            "sys/fs/cgroup/memory/job/memory.failcnt": "15\n",
            "proc/pressure/io": "some avg10=0.00 avg60=0.00 avg300=0.00 total=3000000\n",
        },
    )

    assert counters.since_start() == {
        "throttled_periods": 2,
        "throttled_s": 0.5,
        "oom_kills": 1,
        "memory_max_events": 5,
        "io_pressure_s": 2.0,
        "pressure_source": "host",
        "cpu_limit_cores": 2.0,
    }
    counters.close()


@pytest.mark.parametrize(
    "content", ["", "nonsense\n", "nr_throttled\n", "nr_throttled x\nthrottled_usec y\n", "some avg10=0.00\n", "\0\0"]
)
def test_files_of_another_shape_are_passed_over(tmp_path: Path, content: str) -> None:
    write_tree(
        tmp_path,
        {path: content if path.endswith(("stat", "events", "pressure")) else text for path, text in _V2.items()},
    )
    counters = _counters(tmp_path)

    found = counters.since_start()

    assert set(found) == {"cpu_pressure_s", "pressure_source", "cpu_limit_cores", "memory_limit_bytes"}
    assert found["pressure_source"] == "host"
    counters.close()


def test_a_machine_without_groups_counts_nothing(tmp_path: Path) -> None:
    assert _counters(tmp_path).since_start() == {}


def _run_in(group: Path, agent: Agent, *command: str) -> None:
    subprocess.run(
        ["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh", *agent.command("run", "--", *command)],
        env=agent.full_environment(),
        cwd=agent.directory,
        capture_output=True,
        check=False,
        timeout=60,
    )


def test_a_real_cpu_quota_is_recorded_with_the_throttling_it_caused(agent: Agent) -> None:
    with real_group("cpu") as group:
        try:
            (group / "cpu.cfs_period_us").write_text("20000")
            (group / "cpu.cfs_quota_us").write_text("10000")
        except OSError as error:
            pytest.skip(f"no CPU quota can be set here: {error.strerror}")
        _run_in(group, agent, "sh", "-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done")

    (record,) = agent.records()
    usage = record["usage"]
    assert usage["cpu_limit_cores"] == 0.5
    assert usage["throttled_periods"] > 3
    assert usage["throttled_s"] > 0


def test_a_real_out_of_memory_kill_is_counted(agent: Agent) -> None:
    with real_group("memory") as group:
        try:
            (group / "memory.limit_in_bytes").write_text(str(120 << 20))
        except OSError as error:
            pytest.skip(f"no memory limit can be set here: {error.strerror}")
        if (group / "memory.swappiness").exists():
            (group / "memory.swappiness").write_text("0")
        _run_in(group, agent, sys.executable, "-c", "data = bytearray(400 << 20)")

    (record,) = agent.records()
    assert record["exit_code"] == 137
    assert record["usage"]["oom_kills"] >= 1
    assert record["usage"]["memory_limit_bytes"] == 120 << 20
    assert record["usage"]["memory_max_events"] >= 1


def test_the_readers_close_what_they_opened(tmp_path: Path) -> None:
    write_tree(tmp_path, _V2)
    before = len(list(Path("/proc/self/fd").iterdir()))
    counters = _counters(tmp_path)
    assert len(list(Path("/proc/self/fd").iterdir())) > before

    counters.close()

    assert len(list(Path("/proc/self/fd").iterdir())) == before
