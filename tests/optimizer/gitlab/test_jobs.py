from __future__ import annotations

import pytest

from makespan_model.errors import WorkflowError
from makespan_optimizer.gitlab.caching import CacheKey
from makespan_optimizer.gitlab.jobs import AllowFailure, Job, Retry
from makespan_optimizer.gitlab.variables import values_of
from support.gitlab_project import job, read, script


def one(keys: str, *, top: str = "") -> Job:
    return job(read(f"{top}j:\n  script: x\n  {keys}\n"), "j")


def refusal(text: str) -> str:
    with pytest.raises(WorkflowError) as caught:
        read(text)
    return str(caught.value)


def test_nested_scripts_are_flattened_with_the_place_of_each_command() -> None:
    pipeline = read("j:\n  script:\n    - [a, [b, c]]\n    - |\n      d\n      e\n")
    assert script(pipeline, "j") == ["a", "b", "c", "d\ne\n"]
    assert [command.place.column for command in job(pipeline, "j").script] == [8, 12, 15, 7]


def test_defaults_are_inherited_key_by_key_unless_the_job_says_otherwise() -> None:
    top = "default:\n  image: ruby\n  before_script: [d]\n  tags: [t]\n  retry: 2\n"
    assert one("image: go", top=top).inherited == {"before_script", "tags", "retry"}
    assert one("before_script: []", top=top).before_script == ()
    assert one("image:", top=top).image is not None
    assert one("inherit: {default: false}", top=top).inherited == frozenset()
    assert one("inherit: {default: [image]}", top=top).inherited == {"image"}
    inherited = one("stage: test", top=top).image
    assert inherited is not None
    assert (inherited.name, inherited.place.line) == ("ruby", 2)


def test_the_old_keys_at_the_top_are_defaults() -> None:
    assert one("stage: test", top="image: ruby\nbefore_script: [b]\n").inherited == {"image", "before_script"}
    assert "'image' is written at the top level and under 'default'" in refusal(
        "image: a\ndefault: {image: b}\nj: {script: x}\n"
    )


def test_a_job_that_triggers_inherits_nothing_but_interruptible() -> None:
    pipeline = read(
        "default: {image: ruby, interruptible: true}\nj: {trigger: {include: [child.yml], strategy: depend}}\n"
    )
    found = job(pipeline, "j")
    assert found.inherited == {"interruptible"}
    assert found.trigger is not None
    assert found.trigger.waits
    assert [each.location for each in found.trigger.includes] == ["child.yml"]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("when: on_success", AllowFailure(False)),
        ("when: manual", AllowFailure(True, (), True)),
        ("allow_failure: true", AllowFailure(True)),
        ("allow_failure: {exit_codes: 3}", AllowFailure(True, (3,))),
        ("allow_failure: {exit_codes: [3, 4]}", AllowFailure(True, (3, 4))),
    ],
)
def test_allow_failure_in_all_its_forms(keys: str, expected: AllowFailure) -> None:
    assert one(keys).allow_failure == expected


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("retry: 1", Retry(1, (), ())),
        ("retry: {max: 2, when: script_failure, exit_codes: [137]}", Retry(2, ("script_failure",), (137,))),
        ("retry: {when: [always]}", Retry(2, ("always",), ())),
    ],
)
def test_retry_in_all_its_forms(keys: str, expected: Retry) -> None:
    assert one(keys).retry == expected


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1h 30m", 5400.0),
        ("90 minutes", 5400.0),
        ("3600", 3600.0),
        ("2 days and 3 hours", 183600.0),
        ("1 week", 604800.0),
        ("$T", None),
    ],
)
def test_timeouts_are_seconds_where_they_are_durations(text: str, seconds: float | None) -> None:
    assert one(f"timeout: {text}").timeout_s == seconds


def test_caches_in_all_their_forms() -> None:
    assert [cache.key for cache in one("cache: {paths: [a]}").caches] == [CacheKey("default")]
    several = one("cache: [{key: {files: [a], prefix: p}, paths: [x], policy: pull}, {key: k, untracked: true}]").caches
    assert [(cache.key, cache.policy, cache.untracked) for cache in several] == [
        (CacheKey(None, ("a",), (), "p"), "pull", False),
        (CacheKey("k"), "pull-push", True),
    ]
    assert one("cache: {}").caches == ()


def test_artifacts_image_services_environment_and_the_rest_are_typed() -> None:
    found = one(
        "artifacts: {paths: [a], exclude: [b],"
        " reports: {junit: [r.xml], coverage_report: {coverage_format: c, path: p}},"
        " expire_in: 1 week, when: always, access: none}\n"
        "  image: {name: i, entrypoint: [e], pull_policy: [always], docker: {platform: arm64}}\n"
        "  services: [s, {name: t, alias: u, variables: {V: w}}]\n"
        "  environment: {name: e, url: u, action: stop, auto_stop_in: 1 day}\n"
        "  release: {tag_name: v1, description: d, milestones: [m]}\n"
        "  id_tokens: {T: {aud: [a, b]}}\n"
        "  secrets: {S: {vault: x}}\n"
        "  hooks: {pre_get_sources_script: [h]}\n"
        "  pages: {publish: site, path_prefix: p}\n"
        "  resource_group: r\n  interruptible: true\n  coverage: /a/\n  identity: google_cloud\n"
    )
    assert found.artifacts is not None
    assert found.artifacts.reports == (("junit", ("r.xml",)), ("coverage_report", ("c", "p")))
    assert (found.artifacts.when, found.artifacts.expire_in, found.artifacts.access) == ("always", "1 week", "none")
    assert found.image is not None
    assert (found.image.pull_policy, found.image.executor) == (("always",), (("docker", "platform", "arm64"),))
    assert [(each.image.name, each.alias) for each in found.services] == [("s", None), ("t", "u")]
    assert values_of(found.services[1].variables) == {"V": "w"}
    assert found.environment is not None
    assert found.environment.action == "stop"
    assert found.release is not None
    assert found.release.milestones == ("m",)
    assert [(token.name, token.audiences) for token in found.id_tokens] == [("T", ("a", "b"))]
    assert found.secrets == {"S": {"vault": "x"}}
    assert [command.text for command in found.pre_get_sources_script] == ["h"]
    assert found.pages is not None
    assert (found.pages.publish, found.pages.path_prefix) == ("site", "p")
    assert (found.resource_group, found.interruptible, found.coverage) == ("r", True, "/a/")
    assert found.identity == "google_cloud"
    assert found.is_complete


def test_steps_of_run_are_read() -> None:
    found = job(read("j:\n  run:\n    - name: a\n      script: make\n    - name: b\n      step: gitlab.com/x@1\n"), "j")
    assert [(step.name, step.script, step.uses) for step in found.run] == [
        ("a", "make", None),
        ("b", None, "gitlab.com/x@1"),
    ]


def test_variables_keep_what_they_say_beside_their_value() -> None:
    (found,) = read(
        "variables:\n  V: {value: a, options: [a, b], description: d, expand: false}\nj: {script: x}\n"
    ).variables
    assert (found.value, found.options, found.description, found.expand) == ("a", ("a", "b"), "d", False)


def test_legs_have_the_names_gitlab_shows() -> None:
    pipeline = read(
        "n: {script: x, parallel: 2}\n"
        "m: {script: x, parallel: {matrix: [{A: [1, 2], B: z}, {C: [yes]}]}}\n"
        "needs: {script: x, needs: [n], dependencies: [n]}\n"
    )
    assert [each.name for each in pipeline.instances] == [
        "n 1/2",
        "n 2/2",
        "m: [1, z]",
        "m: [2, z]",
        "m: [true]",
        "needs",
    ]
    last = pipeline.instance("needs")
    assert last is not None
    assert last.dependencies == ("n 1/2", "n 2/2")
    assert [need.name for need in last.needs or ()] == ["n 1/2", "n 2/2"]


def test_keys_nobody_knows_are_kept_with_their_place() -> None:
    (unknown,) = one("imgae: x").unknown
    assert (unknown.key, unknown.place.line) == ("imgae", 3)
    assert "did you mean 'image'" in unknown.reason


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("j: {stage: x}\n", ".gitlab-ci.yml:1:1: job 'j' has neither 'script', 'run' nor 'trigger'"),
        ("j: {script: x, trigger: y}\n", "has both 'script' and 'trigger'"),
        ("j: {script: []}\n", ".gitlab-ci.yml:1:5: job 'j' has an empty 'script'"),
        ("j: {script: [{a: b}]}\n", "a command in 'script' of job 'j' must be a text; this is a mapping"),
        ("j: {script: x, stage: nope}\n", "is in stage 'nope', which does not exist"),
        ("j: {script: x, when: maybe}\n", ".gitlab-ci.yml:1:22: 'when' of job 'j' is 'maybe'; it must be one of"),
        ("j: {script: x, when: delayed}\n", "is delayed and has no 'start_in'"),
        ("j: {script: x, rules: [{when: always}], only: [main]}\n", "has both 'rules' and 'only'"),
        ("j: {script: x, rules: [{if: '$A =='}]}\n", ".gitlab-ci.yml:1:35: the condition '$A =='"),
        ("j: {script: x, rules: x}\n", "must be a list of rules"),
        ("j: {script: x, needs: [k]}\n", "needs 'k', which does not exist"),
        ("j: {script: x, needs: [j]}\n", "need each other in a circle: j"),
        ("j: {script: x, needs: [k]}\nk: {script: x, needs: [j]}\n", "in a circle: j, k"),
        ("j: {script: x, needs: [k, k]}\nk: {script: x}\n", "needs 'k' twice"),
        ("j: {script: x, stage: build, needs: [k]}\nk: {script: x}\n", "which is in a later stage"),
        ("j: {script: x, needs: [k], dependencies: [l]}\nk: {script: x}\nl: {script: x}\n", "not among its needs"),
        ("j: {script: x, dependencies: [l]}\n", "takes artifacts of 'l', which does not exist"),
        ("j: {script: x, parallel: 201}\n", "must be a whole number from 1 to 200"),
        ("j: {script: x, parallel: {matrix: [{A: [" + "x," * 201 + "]}]}}\n", "makes 201 jobs"),
        ("j: {script: x, retry: 3}\n", "must be a whole number from 0 to 2"),
        ("j: {script: x, cache: [{}, {}, {}, {}, {}]}\n", "has more than 4 caches"),
        ("j: {script: x, environment: {name: e, on_stop: k}}\n", "'on_stop' names 'k', which does not exist"),
        ("j: {script: x, variables: {A: [b]}}\n", "variable 'A' must be a text or a mapping"),
        ("j: x\n", "'j' is neither a known key nor a job"),
        (".j: {script: x}\n", "has no job that is not hidden"),
        ("j: {script: " + "[" * 12 + "x" + "]" * 12 + "}\n", "is nested deeper than 10 levels"),
        ("j: {script: x, artifacts: {when: never}}\n", "it must be one of on_success, on_failure, always"),
        ("j: {script: x, interruptible: maybe}\n", "must be true or false"),
        ("j: {script: x, trigger}\n", "has both 'script' and 'trigger'"),
    ],
)
def test_what_gitlab_refuses_is_refused_with_its_place(text: str, message: str) -> None:
    assert message in refusal(text)


def test_a_need_that_may_be_absent_is_kept_as_such() -> None:
    instance = read("j: {script: x, needs: [{job: k, optional: true}]}\n").instance("j")
    assert instance is not None
    assert [(need.name, need.optional, need.exists) for need in instance.needs or ()] == [("k", True, False)]


def test_needs_of_other_projects_and_pipelines_do_not_order_jobs() -> None:
    text = "j: {script: x, needs: [{project: g/p, job: k, ref: main, artifacts: true}, {pipeline: $P, job: l}]}\n"
    pipeline = read(text)
    assert [(need.job, need.project, need.pipeline) for need in job(pipeline, "j").needs or ()] == [
        ("k", "g/p", None),
        ("l", None, "$P"),
    ]
    assert pipeline.instances[0].needs == ()
