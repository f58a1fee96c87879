from __future__ import annotations

from pathlib import Path

import pytest

from makespan_collector.store.opening import open_store
from makespan_model.identity import RunIdentity
from support import emitter_spans
from support.serving import serving


@pytest.mark.parametrize("kill", [False, True])
def test_every_emitters_run_is_whole_in_a_served_store_even_after_a_kill(tmp_path: Path, kill: bool) -> None:
    with serving(tmp_path / "store") as served:
        for requests in (
            emitter_spans.github_receiver,
            emitter_spans.gitlab_exporter,
        ):
            for request in requests():
                assert served.post("/v1/traces", request.SerializeToString()) == 200
        if kill:
            served.process.kill()
            served.process.wait()

    with open_store(tmp_path / "store", read_only=True) as store:
        found = {run.identity: [len(job.steps) for job in run.jobs] for run in store.runs()}
    assert found == {
        RunIdentity("github", "octo/app", "21487811823", 2): [4],
        RunIdentity("gitlab", "group/app", "555", 1): [0],
    }
