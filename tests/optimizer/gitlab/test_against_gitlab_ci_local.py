"""What a configuration comes to, compared with gitlab-ci-local's answer.

Where gitlab-ci-local departs from GitLab itself the comparison leaves out: plain values of YAML 1.1 (`010`, `yes`),
merge keys after a mapping's own keys, `tags`, `retry`, `timeout` and `interruptible` from `default` (it drops them),
and the names of legs, which it writes without the space and `1/3` in brackets.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from makespan_model.errors import WorkflowError
from makespan_optimizer.gitlab.events import Event
from makespan_optimizer.gitlab.images import Image
from makespan_optimizer.gitlab.jobs import Job
from makespan_optimizer.gitlab.pipeline import Pipeline, appears, situation
from makespan_optimizer.gitlab.reading import read_pipeline
from makespan_optimizer.gitlab.variables import values_of
from makespan_optimizer.repository import repository_at
from support.ci_runners import commit_all, gitlab_ci_local
from support.gitlab_project import CI_FILE

CORPUS = Path(os.environ.get("MAKESPAN_SHARED_DATA", "/nonexistent")) / "workflows" / "gitlab"
CONFIGURATIONS = Path(__file__).parent / "configurations"
NAMES = sorted(path.name for path in CONFIGURATIONS.glob("*.yml"))
pytestmark = pytest.mark.service


def _answer(folder: Path, name: str, *options: str) -> str:
    command = [*gitlab_ci_local(), "--file", name, *options]
    answer = folder.parent / "answer"
    # Not through a pipe: it ends before a long answer has left it.
    with answer.open("w") as output:
        run = subprocess.run(
            command,
            cwd=folder,
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=120,
        )
    assert run.returncode == 0, run.stderr
    return answer.read_text()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "project"
    shutil.copytree(CONFIGURATIONS, copy)
    commit_all(copy, {})
    return copy


def _ours(folder: Path, name: str) -> Pipeline:
    return read_pipeline((folder / name).read_text(), file=name, repository=repository_at(folder))


def _image(image: Image | None) -> str | None:
    return None if image is None else image.name


def _needs(job: Job) -> list[tuple[str | None, bool, bool, list[dict[str, list[str]]]]] | None:
    if job.needs is None:
        return None
    return [
        (
            need.job,
            need.artifacts,
            need.optional,
            [{name: list(values) for name, values in row.variables} for row in need.matrix],
        )
        for need in job.needs
    ]


def _our_view(job: Job) -> dict[str, object]:
    return {
        "script": [command.text for command in job.script],
        "before_script": [command.text for command in job.before_script],
        "after_script": [command.text for command in job.after_script],
        "variables": values_of(job.variables),
        "stage": job.stage,
        "tags": [] if "tags" in job.inherited else list(job.tags),
        "image": _image(job.image),
        "services": [(service.image.name, service.alias) for service in job.services],
        "needs": _needs(job),
        "artifacts": sorted(job.artifacts.paths) if job.artifacts else [],
        "reports": {kind: list(paths) for kind, paths in job.artifacts.reports} if job.artifacts else {},
        "caches": [
            (cache.key.text or [*cache.key.files, cache.key.prefix], list(cache.paths), cache.policy, cache.when)
            for cache in job.caches
        ],
        "rules": [(rule.text, rule.when) for rule in job.rules or ()],
        "when": job.when,
        "dependencies": None if job.dependencies is None else list(job.dependencies),
        "environment": job.environment.name if job.environment else None,
        "resource_group": job.resource_group,
        "exit_codes": list(job.allow_failure.exit_codes),
    }


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _matrix(rows: list[dict[str, object]]) -> list[dict[str, list[str]]]:
    return [{name: [str(value) for value in _listed(values)] for name, values in row.items()} for row in rows]


def _their_view(job: dict[str, object]) -> dict[str, object]:
    get = job.get
    artifacts = get("artifacts") or {}
    environment, image, allowed = get("environment"), get("image"), get("allow_failure")
    assert isinstance(artifacts, dict)
    caches = []
    for cache in _listed(get("cache")):
        assert isinstance(cache, dict)
        key = cache["key"]
        spelled = [*key["files"], key.get("prefix")] if isinstance(key, dict) else key
        caches.append((spelled, cache["paths"], cache["policy"], cache["when"]))
    needs = get("needs")
    return {
        "script": _listed(get("script")),
        "before_script": _listed(get("before_script")),
        "after_script": _listed(get("after_script")),
        "variables": get("variables") or {},
        "stage": get("stage", "test"),
        "tags": _listed(get("tags")),
        "image": image["name"] if isinstance(image, dict) else image,
        "services": [(each["name"], each.get("alias")) for each in _listed(get("services")) if isinstance(each, dict)],
        "needs": None
        if needs is None
        else [
            (each["job"], each["artifacts"], each["optional"], _matrix(each.get("parallel", {}).get("matrix", [])))
            for each in _listed(needs)
            if isinstance(each, dict)
        ],
        "artifacts": sorted(artifacts.get("paths", [])),
        "reports": {kind: _listed(paths) for kind, paths in artifacts.get("reports", {}).items()},
        "caches": caches,
        "rules": [(each.get("if"), each.get("when")) for each in _listed(get("rules")) if isinstance(each, dict)],
        "when": get("when", "on_success"),
        "dependencies": get("dependencies"),
        "environment": environment["name"] if isinstance(environment, dict) else environment,
        "resource_group": get("resource_group"),
        "exit_codes": allowed["exit_codes"] if isinstance(allowed, dict) else [],
    }


def _compare(folder: Path, name: str) -> int:
    """Holds every job to gitlab-ci-local's answer; how many there are."""
    answer = _answer(folder, name, "--preview", "--json-schema-validation=false")
    # Warnings come first, if any.
    theirs = yaml.safe_load(answer[answer.index("---\n") :])
    ours = _ours(folder, name)
    assert list(ours.stages) == theirs.pop("stages")
    assert values_of(ours.variables) == theirs.pop("variables", {})
    others = ("default", "workflow")
    jobs = {
        key: value
        for key, value in theirs.items()
        if not key.startswith(".") and key not in others and isinstance(value, dict)
    }
    assert {job.name for job in ours.jobs} == jobs.keys()
    for job in ours.jobs:
        assert _our_view(job) == _their_view(jobs[job.name]), job.name
    return len(ours.jobs)


@pytest.mark.parametrize("name", NAMES)
def test_every_job_comes_to_the_same(folder: Path, name: str) -> None:
    assert _compare(folder, name) > 0


@pytest.mark.slow
@pytest.mark.skipif(not CORPUS.is_dir(), reason="MAKESPAN_SHARED_DATA names no folder workflows/gitlab")
def test_every_job_of_real_configurations_comes_to_the_same(tmp_path: Path) -> None:
    """Those that are whole: read here, and with nothing included from elsewhere."""
    jobs = 0
    for path in sorted(CORPUS.glob("*.gitlab-ci.yml")):
        parts = path.with_name(path.name.removesuffix(".gitlab-ci.yml"))
        copy = tmp_path / path.stem
        shutil.copytree(parts, copy) if parts.is_dir() else copy.mkdir()
        shutil.copy(path, copy / CI_FILE)
        try:
            if not _ours(copy, CI_FILE).is_complete:
                continue
        except WorkflowError:
            continue
        commit_all(copy, {})
        jobs += _compare(copy, CI_FILE)
    assert jobs > 0


@pytest.mark.parametrize("name", NAMES)
def test_the_pipeline_has_the_same_jobs(folder: Path, name: str) -> None:
    lines = _answer(folder, name, "--list-csv-all", "--json-schema-validation=false").splitlines()
    theirs = {line.split(";")[0].strip('"') for line in lines[1:] if line}
    ours = _ours(folder, name)
    spelled = {re.sub(r" (\d+/\d+)$", r": [\1]", each.name).replace(", ", ",") for each in ours.instances}
    assert spelled == theirs


def test_rules_let_the_same_jobs_in(folder: Path) -> None:
    lines = _answer(folder, "rules.yml", "--list-csv-all", "--json-schema-validation=false").splitlines()
    theirs = {name.strip('"'): when for name, _, when, *_ in (line.split(";") for line in lines[1:] if line)}
    ours = _ours(folder, "rules.yml")
    pushed = situation(
        Event("push", ref="main", default_branch="main"), closed=True, files=repository_at(folder).paths()
    )
    for job in ours.jobs:
        (way,) = appears(ours, job, pushed).ways
        assert way.when == theirs.pop(job.name), job.name
    assert not theirs
