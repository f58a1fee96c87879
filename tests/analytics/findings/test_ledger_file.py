from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from makespan_analytics.findings.finding_json import finding_as_json, finding_from_json
from makespan_analytics.findings.ledger import Entry, updated
from makespan_analytics.findings.ledger_file import ledger_path, read_ledger, write_ledger
from makespan_analytics.pipeline_report import pipeline_findings
from makespan_model.errors import InputError, UnavailableError
from support.pipeline_histories import build_and_test, history


@pytest.fixture(scope="module")
def ledger() -> dict[str, Entry]:
    runs = history(30, build_and_test)
    return dict(updated({}, pipeline_findings(runs), [run.start_ns for run in runs]))


def test_what_was_written_is_read_again(tmp_path: Path, ledger: dict[str, Entry]) -> None:
    path = ledger_path(tmp_path, "octo/app", "ci")
    assert read_ledger(path) == {}
    write_ledger(path, ledger)
    assert read_ledger(path) == ledger
    assert [one.name for one in path.parent.iterdir()] == [path.name]


def test_pipelines_do_not_share_a_file_whatever_their_names(tmp_path: Path) -> None:
    names = [("a", "b"), ("a/b", ""), ("../../x", "/etc"), ("a\n", "b"), ("a", "\udce4b")]
    paths = {ledger_path(tmp_path, *name) for name in names}
    assert len(paths) == len(names)
    assert {path.parent for path in paths} == {tmp_path / "findings"}


def test_a_finding_survives_json(ledger: dict[str, Entry]) -> None:
    for found in pipeline_findings(history(30, build_and_test)):
        assert finding_from_json(json.loads(json.dumps(finding_as_json(found)))) == found
    assert ledger


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"[]\n",
        b'{"what": "makespan findings", "format": 2}\n',
        b'{"what": "makespan findings", "format": 1}\n{"finding": 1}\n',
        b'{"what": "makespan findings", "format": 1}\n' + b"[" * 100_000,
    ],
)
def test_a_file_that_is_no_ledger_is_an_error_with_its_place(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"x\.jsonl:\d: not a ledger of findings"):
        read_ledger(path)


def test_a_broken_entry_is_named_by_its_line(tmp_path: Path, ledger: dict[str, Entry]) -> None:
    path = tmp_path / "x.jsonl"
    write_ledger(path, ledger)
    lines = path.read_text().splitlines()
    path.write_text("\n".join([*lines, lines[1].replace('"high"', '"sure"')]))
    with pytest.raises(InputError, match=rf":{len(lines) + 1}: "):
        read_ledger(path)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999", "1" + "0" * 400, "true", '"1"', "null"])
def test_a_number_that_is_none_is_no_entry(tmp_path: Path, ledger: dict[str, Entry], number: str) -> None:
    path = tmp_path / "x.jsonl"
    write_ledger(path, ledger)
    head, entry = path.read_text().splitlines()[:2]
    for field in ("found_ns", "value"):
        path.write_text(head + "\n" + re.sub(rf'("{field}": )[^,}}]+', rf"\g<1>{number}", entry, count=1))
        with pytest.raises(InputError, match=":2: not a ledger"):
            read_ledger(path)


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path, ledger: dict[str, Entry]) -> None:
    (tmp_path / "findings").write_text("a file")
    with pytest.raises(UnavailableError, match="cannot write"):
        write_ledger(ledger_path(tmp_path, "o", "p"), ledger)
