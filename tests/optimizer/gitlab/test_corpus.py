"""Every GitLab configuration of a corpus, where one is given: MAKESPAN_SHARED_DATA/workflows/gitlab.

A repository's own file lies there as `OWNER__REPO.gitlab-ci.yml`, what it includes in the folder `OWNER__REPO`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from makespan_model.errors import WorkflowError
from makespan_optimizer.gitlab.graph import build_graph
from makespan_optimizer.gitlab.loading import load
from makespan_optimizer.gitlab.pipeline import Pipeline
from makespan_optimizer.gitlab.reading import read_pipeline
from makespan_optimizer.repository import repository_at
from makespan_optimizer.yaml.splices import apply_edits

CORPUS = Path(os.environ.get("MAKESPAN_SHARED_DATA", "/nonexistent")) / "workflows" / "gitlab"
pytestmark = pytest.mark.skipif(not CORPUS.is_dir(), reason="MAKESPAN_SHARED_DATA names no folder workflows/gitlab")

# Mistakes that are in the files themselves, and files the corpus does not hold.
_TRUE_REASONS = re.compile(
    r"duplicate key '.*' \(first on line \d+\)|the file is empty"
    r"|the included file '.*' does not exist in this repository"
)
# Files beside configurations that are none themselves: settings of other tools, templates to be filled in.
_NO_CONFIGURATION = re.compile(
    r"'.*' is neither a known key nor a job: .*|'parallel' of job '.*' has no 'matrix' with a row"
    r"|[\d-]+ is a date, which GitLab refuses: quote it"
    r"|'PYTHON_VERSION' of a row of the matrix in 'parallel' of job 'build_base_venvs' must be a list of texts"
)


def _read(path: Path, root: Path, *, part: bool = False) -> Pipeline | str:
    text = path.read_bytes().decode("utf-8")
    try:
        return read_pipeline(text, file=path.name, repository=repository_at(root), part=part)
    except WorkflowError as error:
        return error.what


def test_every_configuration_is_read_or_refused_for_a_true_reason() -> None:
    whole = sorted(CORPUS.glob("*.gitlab-ci.yml"))
    assert whole
    refused = {}
    for path in whole:
        found = _read(path, CORPUS / path.name.removesuffix(".gitlab-ci.yml"))
        if isinstance(found, str):
            refused[path.name] = found
            continue
        assert found.instances
        graph = build_graph(found)
        assert {edge.needed for edge in graph.edges} <= {instance.name for instance in found.instances}
        for job in found.jobs:
            assert job.place.text.lstrip().startswith(job.key.text)
    assert [name for name, what in refused.items() if not _TRUE_REASONS.fullmatch(what)] == []
    assert len(refused) < len(whole) / 2


def test_every_part_of_a_configuration_is_read_or_refused_for_a_true_reason() -> None:
    parts = sorted(path for path in CORPUS.rglob("*.y*ml") if path.parent != CORPUS)
    assert parts
    refused = 0
    for path in parts:
        found = _read(path, CORPUS / path.relative_to(CORPUS).parts[0], part=True)
        if isinstance(found, str):
            refused += 1
            assert _TRUE_REASONS.fullmatch(found) or _NO_CONFIGURATION.fullmatch(found), (path, found)
    assert refused < len(parts) / 4


def test_a_file_without_edits_comes_out_byte_for_byte() -> None:
    compared = 0
    for path in sorted(CORPUS.rglob("*.y*ml")):
        text = path.read_bytes().decode("utf-8")
        try:
            source = load(text, file=path.name)
        except WorkflowError:
            continue
        if source.header is None:
            assert apply_edits(source.document, []).text.encode() == path.read_bytes()
            compared += 1
    assert compared > 0
