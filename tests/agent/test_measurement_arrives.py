from __future__ import annotations

import sys
from pathlib import Path

import pytest

from makespan_collector.server import BackgroundCollector
from makespan_collector.store.opening import open_store
from makespan_model.identity import step_span_id
from makespan_model.records import MemoryPeakSource
from support.agent_process import Agent


def test_what_the_agent_measures_is_what_the_store_answers(agent: Agent, tmp_path: Path) -> None:
    burn = "import time\ndata = bytearray(b'x') * (64 << 20)\nwhile time.process_time() < 0.8: pass"
    with BackgroundCollector(tmp_path / "store") as collector:
        agent.run("run", "--", "sh", "-c", f'"{sys.executable}" -c "{burn}"; :')
        agent.run("flush", "--endpoint", collector.endpoint)

    with open_store(tmp_path / "store", read_only=True) as store:
        (run,) = store.runs()
        (step,) = run.jobs[0].steps
        trace_id = run.identity.trace_id
        samples = store.samples(trace_id, step_span_id(trace_id, run.jobs[0].name, step.path))
    usage = step.usage
    assert usage.cpu_s is not None
    assert usage.cpu_s > 0.6
    assert sum(share.cpu_s for share in usage.executables) == pytest.approx(usage.cpu_s)
    assert usage.memory_peak_source in (MemoryPeakSource.RUSAGE, MemoryPeakSource.PSS)
    assert usage.minor_faults is not None
    assert usage.voluntary_switches is not None
    assert usage.offered_cores is not None
    assert usage.offered_memory_bytes is not None
    assert len(samples) >= 2
    last = samples[-1]
    for value in (last.host_cpu_cores, last.host_memory_available_bytes, last.host_load, last.host_disk_used_bytes):
        assert value is not None
