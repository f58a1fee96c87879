"""What is made of act's events, whatever order they come in."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from makespan_model.records import Result
from makespan_optimizer.local import act
from makespan_optimizer.local.act import ActCall


def test_lines_that_come_after_the_result_of_their_step_are_its_output(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of_step = {"jobID": "bad", "stage": "Main", "stepID": ["0"]}
    events = [
        {**of_step, "msg": "⭐ Run Main it"},
        {"jobID": "bad", "raw_output": True, "msg": "early\n"},
        {**of_step, "stepResult": "failure", "msg": "❌ Failure - Main it"},
        {"jobID": "bad", "raw_output": True, "msg": "late\n"},
        {"jobID": "bad", "jobResult": "failure", "msg": "🏁 Job failed"},
    ]
    fake = tmp_path / "act"
    said = "\n".join(json.dumps(event) for event in events)
    fake.write_text(f"#!{sys.executable}\nprint({said!r})\nraise SystemExit(1)\n")
    fake.chmod(0o755)
    monkeypatch.setattr(act, "find_act", lambda: str(fake))
    mark = "MAKESPAN_TEST_MARK"

    call = ActCall(
        "bad",
        tmp_path / "job.yml",
        repository=tmp_path,
        environment={**os.environ, mark: str(tmp_path)},
        mark=mark,
        parallel_legs=1,
    )
    outcome = call.follow(lambda *_: None, lambda *_: None)

    assert [leg.result for leg in outcome.legs] == [Result.FAILURE]
    assert outcome.failed_output == ("early", "late")
