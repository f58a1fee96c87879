from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_optimizer.gitlab.graph import Edge, JobGraph, build_graph
from support.gitlab_project import read


def graph(text: str) -> JobGraph:
    return build_graph(read(text))


def edge(found: JobGraph, needed: str, dependent: str) -> Edge:
    (only,) = [each for each in found.edges if (each.needed, each.dependent) == (needed, dependent)]
    return only


def test_stages_are_barriers_and_needs_replace_them() -> None:
    found = graph(
        "stages: [a, b, c]\n"
        "one: {stage: a, script: x}\ntwo: {stage: a, script: x}\n"
        "three: {stage: b, script: x, needs: [one]}\nfour: {stage: b, script: x, needs: []}\n"
        "five: {stage: c, script: x}\nfirst: {stage: .pre, script: x}\n"
    )
    assert found.ancestors("five") == {"one", "two", "three", "four", "first"}
    assert found.ancestors("three") == {"one", "first"}
    assert found.ancestors("four") == frozenset()
    assert {each.origin for each in found.edges_to("five")} == {"stage"}
    assert {each.origin for each in found.edges_to("three")} == {"needs"}
    assert found.descendants("two") == {"five"}


_BUILD = "stages: [build, check]\nbuild: {stage: build, script: make, artifacts: {paths: [out/]}}\n"


@pytest.mark.parametrize(
    ("job", "kind"),
    [
        ("{stage: check, script: x}", "data"),
        ("{stage: check, script: x, dependencies: []}", "declared"),
        ("{stage: check, script: x, dependencies: [build]}", "data"),
        ("{stage: check, script: x, needs: [build]}", "data"),
        ("{stage: check, script: x, needs: [{job: build, artifacts: false}]}", "declared"),
        ("{stage: check, script: x, needs: [build], dependencies: []}", "declared"),
    ],
)
def test_artifacts_go_to_later_jobs_unless_needs_or_dependencies_say_less(job: str, kind: str) -> None:
    assert edge(graph(f"{_BUILD}check: {job}\n"), "build", "check").kind == kind


def test_dotenv_reports_are_handed_over_and_other_reports_are_not() -> None:
    text = "stages: [a, b]\na: {stage: a, script: x, artifacts: {reports: {%s: f}}}\nb: {stage: b, script: x}\n"
    assert edge(graph(text % "dotenv"), "a", "b").kind == "data"
    assert edge(graph(text % "junit"), "a", "b").kind == "declared"


def test_the_folder_of_a_site_is_an_artifact() -> None:
    text = "stages: [a, b]\npages: {stage: a, script: make}\nb: {stage: b, script: x}\n"
    assert edge(graph(text), "pages", "b").kind == "data"


@pytest.mark.parametrize(
    ("saved", "restored", "kind"),
    [
        ("{key: k, paths: [p]}", "{key: k, paths: [p]}", "data"),
        ("{key: k, paths: [p], policy: pull}", "{key: k, paths: [p]}", "declared"),
        ("{key: k, paths: [p]}", "{key: k, paths: [p], policy: push}", "declared"),
        ("{key: k, paths: [p]}", "{key: other, paths: [p]}", "declared"),
        ("{key: k, paths: [p]}", "{key: other, fallback_keys: [k], paths: [p]}", "data"),
        ("{key: {files: [a]}, paths: [p]}", "{key: {files: [a]}, paths: [p]}", "data"),
        ("{paths: [p]}", "{paths: [q]}", "data"),
    ],
)
def test_a_cache_is_handed_over_where_one_job_saves_what_the_other_restores(
    saved: str, restored: str, kind: str
) -> None:
    text = (
        f"stages: [a, b]\na: {{stage: a, script: x, cache: {saved}}}\nb: {{stage: b, script: x, cache: {restored}}}\n"
    )
    assert edge(graph(text), "a", "b").kind == kind


@pytest.mark.parametrize(
    "job",
    [
        "{stage: b, script: x, environment: prod}",
        "{stage: b, script: x, release: {tag_name: v1}}",
        "{stage: b, script: x, pages: true}",
        "{stage: b, script: x, when: always}",
        "{stage: b, script: x, rules: [{when: on_failure}]}",
        "{stage: b, script: kubectl apply -f x}",
        "{stage: b, script: echo done}",
        "{stage: b, trigger: group/project}",
    ],
)
def test_what_guards_a_job_that_acts_is_a_gate(job: str) -> None:
    assert edge(graph(f"stages: [a, b]\na: {{stage: a, script: make}}\nb: {job}\n"), "a", "b").kind == "gate"


def test_a_job_a_person_must_start_is_a_gate_for_those_behind_it() -> None:
    found = graph("stages: [a, b]\na: {stage: a, script: make, when: manual}\nb: {stage: b, script: make}\n")
    assert edge(found, "a", "b").kind == "gate"


def test_a_prepared_environment_is_no_deployment() -> None:
    text = (
        "stages: [a, b]\na: {stage: a, script: x}\nb: {stage: b, script: x, environment: {name: e, action: verify}}\n"
    )
    assert edge(graph(text), "a", "b").kind == "declared"


def test_what_is_not_known_is_taken_for_data_and_unplaced_jobs_are_named() -> None:
    found = graph(
        "include: {project: g/p, file: x.yml}\nstages: [a, b]\n"
        "a: {stage: a, extends: .theirs}\nb: {stage: b, script: x}\nc: {extends: .theirs}\n"
    )
    assert edge(found, "a", "b").kind == "data"
    assert found.unplaced == ("a", "c")


def test_needs_of_a_rule_are_edges_too() -> None:
    found = graph(
        "stages: [a, b]\na: {stage: a, script: x}\nb: {stage: a, script: x}\n"
        "c: {stage: b, script: x, needs: [a], rules: [{if: $X, needs: [b]}, {when: always}]}\n"
    )
    assert {each.needed for each in found.edges_to("c")} == {"a", "b"}


def test_legs_are_needed_one_by_one() -> None:
    found = graph(
        "build:\n  script: x\n  parallel: {matrix: [{OS: [a, b]}]}\n"
        "all: {script: x, needs: [build]}\n"
        "one: {script: x, needs: [{job: build, parallel: {matrix: [{OS: a}]}}]}\n"
        "same:\n  script: x\n  parallel: {matrix: [{OS: [a, b]}]}\n"
        "  needs: [{job: build, parallel: {matrix: [{OS: ['$[[ matrix.OS ]]']}]}}]\n"
    )
    assert found.ancestors("all") == {"build: [a]", "build: [b]"}
    assert found.ancestors("one") == {"build: [a]"}
    assert found.ancestors("same: [b]") == {"build: [b]"}


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.sets(st.integers(0, 7), max_size=3)), max_size=8))
def test_every_path_goes_forward_through_the_stages(jobs: list[tuple[int, bool, set[int]]]) -> None:
    """Needs point to jobs written before and in no later stage, as GitLab demands; so edges never go back."""
    lines = ["stages: [s0, s1, s2, s3]", "z: {script: x, stage: s3}"]
    for number, (stage, has_needs, wanted) in enumerate(jobs):
        allowed = [f"j{other}" for other in sorted(wanted) if other < number and jobs[other][0] <= stage]
        needs = f", needs: [{', '.join(allowed)}]" if has_needs else ""
        lines.append(f"j{number}: {{script: x, stage: s{stage}{needs}}}")
    pipeline = read("\n".join(lines) + "\n")
    found = build_graph(pipeline)
    stage_of = {job.name: job.stage or "" for job in pipeline.jobs}
    for job in pipeline.jobs:
        assert job.name not in found.ancestors(job.name)
        assert all(stage_of[other] <= stage_of[job.name] for other in found.ancestors(job.name))
        if job.needs is None:
            earlier = {other for other, stage in stage_of.items() if stage < stage_of[job.name]}
            assert {each.needed for each in found.edges_to(job.name)} == earlier
