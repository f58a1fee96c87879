from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_analytics.sizing.resource_flags import resource_flags

MIB = 1024 * 1024


def test_one_size_in_every_language() -> None:
    flags = resource_flags(1000 * MIB + 1, 3.14)
    assert flags.docker == "--memory=1001m --memory-swap=1001m --cpus=3.14"
    assert flags.kubernetes == {"requests": {"cpu": "3140m", "memory": "1001Mi"}, "limits": {"memory": "1001Mi"}}
    assert flags.gitlab["KUBERNETES_MEMORY_LIMIT"] == "1001Mi"
    assert flags.jvm == "-Xmx750m"
    assert flags.workers == 3


@given(st.floats(1, 1e13), st.floats(0.001, 500))
def test_flags_never_give_less_than_the_size(memory_bytes: float, cores: float) -> None:
    flags = resource_flags(memory_bytes, cores)
    assert int(flags.kubernetes["limits"]["memory"].removesuffix("Mi")) * MIB >= memory_bytes
    assert int(flags.kubernetes["requests"]["cpu"].removesuffix("m")) >= cores * 1000 - 1e-3
    assert flags.workers >= 1


@pytest.mark.parametrize(("memory", "cores"), [(0.0, 1.0), (1.0, 0.0), (-1.0, 1.0)])
def test_a_size_of_nothing_is_refused(memory: float, cores: float) -> None:
    with pytest.raises(ValueError, match="positive"):
        resource_flags(memory, cores)
