from __future__ import annotations

import pytest

from makespan_collector.access.exposure import exposure_warnings


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_what_only_this_machine_reaches_needs_no_warning(host: str) -> None:
    assert exposure_warnings(host, has_tokens=False, is_encrypted=False) == []


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1"])
def test_what_others_reach_warns_of_missing_tokens_and_of_a_clear_wire(host: str) -> None:
    both = exposure_warnings(host, has_tokens=False, is_encrypted=False)

    assert [f"listening on {host} without any token" in both[0], "in the clear" in both[1]] == [True, True]
    assert exposure_warnings(host, has_tokens=True, is_encrypted=False) == both[1:]
    assert exposure_warnings(host, has_tokens=False, is_encrypted=True) == both[:1]
    assert exposure_warnings(host, has_tokens=True, is_encrypted=True) == []
