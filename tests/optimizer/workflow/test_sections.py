from __future__ import annotations

import pytest

from makespan_model.errors import WorkflowError
from makespan_optimizer.expressions.values import UNKNOWN
from makespan_optimizer.workflow.model import Job, Workflow
from makespan_optimizer.workflow.other_keys import not_understood, other_keys
from makespan_optimizer.workflow.permissions import SCOPES
from makespan_optimizer.workflow.triggers import EVENTS
from support.github_parser import GithubParser
from support.measured_workflows import workflow

_JOBS = "jobs: {a: {runs-on: x, steps: [{run: x}]}}\n"


def _triggered(on: str) -> Workflow:
    return workflow(f"on: {on}\n{_JOBS}")


def _job(fields: str) -> Job:
    return workflow(f"on: push\njobs:\n  a: {{runs-on: x, steps: [{{run: x}}], {fields}}}\n").jobs[0]


@pytest.mark.parametrize("on", ["push", "[push]", "{push: }", "{push: {}}", "{push: []}"])
def test_an_event_without_filters_is_the_same_in_every_form(on: str) -> None:
    read = _triggered(on)
    (event,) = read.events
    assert (read.triggers, event.event, event.filters, event.others) == (("push",), "push", (), ())


def test_filters_keep_their_patterns_and_places() -> None:
    read = _triggered(
        "{push: {branches: [main, '!x'], paths-ignore: docs/**, odd: 1}, pull_request: {types: [opened]}}"
    )
    push, pull = read.events
    assert (push.filter("branches"), push.filter("paths-ignore"), push.filter("tags")) == (
        ("main", "!x"),
        ("docs/**",),
        None,
    )
    assert [(key.name, key.span.line) for key in push.others] == [("odd", 1)]
    assert pull.filter("types") == ("opened",)
    place = push.filters[0].span
    assert read.text[place.start : place.end] == "[main, '!x']"


def test_schedules_are_read_with_their_time_zone() -> None:
    (event,) = _triggered("{schedule: [{cron: '0 3 * * *'}, {cron: '5 4 * * 1', timezone: Europe/Paris}]}").events
    assert [(one.cron, one.timezone) for one in event.schedules] == [("0 3 * * *", None), ("5 4 * * 1", "Europe/Paris")]


def test_the_interface_of_a_called_workflow_is_read() -> None:
    inputs = "{os: {type: string, required: true}, n: {type: number, default: 3, description: how many}}"
    rest = "secrets: {token: {required: true}, other: }, outputs: {v: {value: '${{ jobs.a.outputs.v }}'}}"
    choice = "{inputs: {e: {type: choice, options: [x, y]}}}"
    read = _triggered(f"{{workflow_call: {{inputs: {inputs}, {rest}}}, workflow_dispatch: {choice}}}")
    call, dispatch = read.events
    assert [(one.name, one.kind, one.required, one.default, one.description) for one in call.inputs] == [
        ("os", "string", True, None, None),
        ("n", "number", False, "3", "how many"),
    ]
    assert [(one.name, one.required) for one in call.secrets] == [("token", True), ("other", False)]
    assert [(one.name, one.value) for one in call.outputs] == [("v", "${{ jobs.a.outputs.v }}")]
    assert [(one.name, one.options) for one in dispatch.inputs] == [("e", ("x", "y"))]


@pytest.mark.parametrize(
    ("permissions", "contents", "issues"),
    [
        ("{contents: read}", "read", "none"),
        ("{contents: write, issues: none}", "write", "none"),
        ("read-all", "read", "read"),
        ("write-all", "write", "write"),
        ("{}", "none", "none"),
    ],
)
def test_a_scope_that_is_not_named_has_what_the_form_says(permissions: str, contents: str, issues: str) -> None:
    read = _job(f"permissions: {permissions}").permissions
    assert read is not None
    assert (read.level("contents"), read.level("issues")) == (contents, issues)
    assert read.may_write({"contents", "issues"}) == ("write" in (contents, issues))


def test_permissions_that_are_not_written_are_not_there() -> None:
    assert _job("name: x").permissions is None


def test_sections_are_equal_when_their_values_are_whatever_their_style_and_place() -> None:
    text = """\
on: push
jobs:
  a: {runs-on: x, steps: [], container: {image: 'i', env: {A: 1}}, permissions: {contents: read}}
  b:
    runs-on: x
    steps: []
    container:
      image: i
      env:
        A: 1
    permissions:
      contents: "read"
"""
    left, right = workflow(text).jobs
    assert (left.container, left.permissions) == (right.container, right.permissions)


def test_containers_and_services_are_read_in_both_forms() -> None:
    redis_fields = (
        "image: redis, ports: ['6379:6379'], volumes: [/a:/b], options: --health-cmd x, env: {A: b}, command: c"
    )
    secret = "credentials: {username: u, password: '${{ secrets.p }}'}"
    services = f"{{db: postgres, cache: {{{redis_fields}, {secret}, odd: 1}}}}"
    job = _job(f"container: 'node:${{{{ matrix.v }}}}', services: {services}")
    assert job.container is not None
    assert (job.container.image, job.container.is_computed) == ("node:${{ matrix.v }}", True)
    assert job.services is not None
    (db, postgres), (cache, redis) = job.services.containers
    assert (db, postgres.image, cache) == ("db", "postgres", "cache")
    assert (redis.image, redis.ports, redis.volumes, redis.options) == (
        "redis",
        ("6379:6379",),
        ("/a:/b",),
        "--health-cmd x",
    )
    assert redis.credentials == (("username", "u"), ("password", "${{ secrets.p }}"))
    assert (redis.env, redis.command, [key.name for key in redis.others]) == ((("A", "b"),), "c", ["odd"])


@pytest.mark.parametrize(
    ("concurrency", "group", "cancels", "queue"),
    [
        ("ci", "ci", False, None),
        ("'ci-${{ github.ref }}'", "ci-${{ github.ref }}", False, None),
        ("{group: g, cancel-in-progress: true}", "g", True, None),
        ("{group: g, cancel-in-progress: \"${{ github.ref != 'x' }}\", queue: max}", "g", UNKNOWN, "max"),
    ],
)
def test_concurrency_is_read_in_both_forms(concurrency: str, group: str, cancels: object, queue: str | None) -> None:
    read = _job(f"concurrency: {concurrency}").concurrency
    assert read is not None
    assert (read.group, read.cancel_in_progress, read.queue) == (group, cancels, queue)


@pytest.mark.parametrize(
    ("environment", "name", "url", "records"),
    [
        ("prod", "prod", None, True),
        ("{name: '${{ inputs.e }}', url: 'https://x'}", "${{ inputs.e }}", "https://x", True),
        ("{name: prod, deployment: false}", "prod", None, False),
    ],
)
def test_environments_are_read_in_both_forms(environment: str, name: str, url: str | None, records: bool) -> None:
    read = _job(f"environment: {environment}").environment
    assert read is not None
    assert (read.name, read.url, read.records_deployment) == (name, url, records)


@pytest.mark.parametrize(
    ("runs_on", "labels", "group"),
    [
        ("ubuntu-latest", ("ubuntu-latest",), None),
        ("[self-hosted, linux]", ("self-hosted", "linux"), None),
        ("{group: big}", (), "big"),
        ("{group: big, labels: [a, b]}", ("a", "b"), "big"),
        ('"${{ fromJSON(\'[\\"a\\", \\"b\\"]\') }}"', ("a", "b"), None),
        ("'${{ matrix.os }}'", UNKNOWN, None),
    ],
)
def test_runners_are_read_in_every_form(runs_on: str, labels: object, group: str | None) -> None:
    job = workflow(f"on: push\njobs: {{a: {{runs-on: {runs_on}, steps: [{{run: x}}]}}}}\n").jobs[0]
    assert job.runner is not None
    assert (job.runner.labels_for(), job.runner.group) == (labels, group)


def test_calls_of_workflows_are_read_with_what_they_pass() -> None:
    text = """\
on: push
jobs:
  a: {uses: ./.github/workflows/x.yml, secrets: inherit}
  b: {uses: o/r/.github/workflows/x.yml@v1, with: {n: 1}, secrets: {t: '${{ secrets.T }}'}}
"""
    left, right = workflow(text).jobs
    assert (left.inherits_secrets, left.secrets) == (True, ())
    assert (right.inherits_secrets, right.secrets, right.with_) == (False, (("t", "${{ secrets.T }}"),), (("n", "1"),))


def test_numbers_and_flags_of_a_job_are_told_where_they_are_certain() -> None:
    job = _job("timeout-minutes: '${{ 5 }}', cancel-timeout-minutes: 2, continue-on-error: '${{ matrix.x }}'")
    assert (job.timeout_minutes, job.cancel_timeout, job.tolerates_failure) == (5.0, "2", UNKNOWN)
    assert (_job("name: x").timeout_minutes, _job("name: x").tolerates_failure) == (None, False)


def test_keys_that_are_not_understood_are_kept_with_their_place() -> None:
    job = "  a:\n    runs-on: x\n    newer: {b: c}\n    steps:\n      - run: x\n        later: y\n"
    read = workflow(f"on: push\nodd: 1\njobs:\n{job}")
    assert [(key.name, key.span.line) for key in read.others] == [("odd", 2)]
    assert [(key.name, key.span.line) for key in read.jobs[0].others] == [("newer", 6)]
    assert [(key.name, key.span.line) for key in read.jobs[0].steps[0].others] == [("later", 9)]


def test_all_keys_that_are_not_understood_are_listed_in_the_order_of_the_file() -> None:
    text = """\
on: {push: {odd: 1}, workflow_dispatch: {inputs: {i: {odd: 2}}}}
concurrency: {group: g, odd: 3}
jobs:
  a:
    runs-on: {group: g, odd: 4}
    strategy: {odd: 5}
    container: {image: i, odd: 6}
    services: {s: {image: i, odd: 7}}
    environment: {name: e, odd: 8}
    concurrency: {group: g, odd: 9}
    odd: 10
    permissions: {contents: read, odd: none}
    steps: [{run: x, odd: 11}, {parallel: [{run: x, odd: 12}]}]
odd: 13
"""
    found = other_keys(workflow(text))
    values = [*range(1, 11), "none", *range(11, 14)]
    assert [text[key.span.start : key.span.end] for key in found] == [f"odd: {value}" for value in values]


def test_events_and_scopes_that_are_not_known_are_told_with_the_nearest_one() -> None:
    read = workflow("on: [push, pull_requests]\npermissions: {content: read}\n" + _JOBS)
    event, scope = (str(one) for one in not_understood(read))
    assert event == "ci.yml:1:12: event 'pull_requests' is not understood (did you mean 'pull_request'?)"
    assert scope.startswith("ci.yml:2:15: 'permissions' of the workflow has a key 'content' that is not understood")
    assert scope.endswith("(did you mean 'contents'?)")


@pytest.mark.service
def test_events_and_scopes_are_those_of_githubs_schema(github_parser: GithubParser) -> None:
    schema = github_parser.schema("workflow")
    assert schema["on-mapping-strict"]["mapping"]["properties"].keys() == EVENTS
    assert schema["permissions-mapping"]["mapping"]["properties"].keys() == SCOPES


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ("on: {push: main}", "ci.yml:1:12: event 'push' must be a mapping of its filters"),
        ("on: {schedule: [{}]}", "ci.yml:1:17: an item of 'schedule' has no 'cron'"),
        ("concurrency: {cancel-in-progress: true}", "ci.yml:1:14: 'concurrency' of the workflow has no 'group'"),
        ("env: {A: [b]}", "ci.yml:1:10: 'A' in 'env' of the workflow must be a single value, not a sequence"),
        ("on: {workflow_call: {inputs: {a: {}}}}", "ci.yml:1:31: input 'a' of 'workflow_call' has no 'type'"),
        ("permissions: all", "ci.yml:1:14: 'permissions' of the workflow must be a mapping, read-all or write-all"),
        (
            "permissions: {a: wirte}",
            "ci.yml:1:18: permission 'a' must be read, write or none, not 'wirte' (did you mean",
        ),
    ],
)
def test_a_broken_section_is_refused_with_its_place(section: str, message: str) -> None:
    with pytest.raises(WorkflowError) as caught:
        workflow(f"{section}\n{'' if section.startswith('on') else 'on: push'}\n{_JOBS}")
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("matrix", "message"),
    [
        ("{a: 1}", "ci.yml:2:58: matrix variable 'a' must be a list"),
        ("{include: [1]}", "ci.yml:2:65: 'include' of 'matrix' of 'strategy' of job 'a' must be a list of mappings"),
    ],
)
def test_a_broken_matrix_is_refused_with_its_place(matrix: str, message: str) -> None:
    with pytest.raises(WorkflowError) as caught:
        workflow(f"on: push\njobs: {{a: {{runs-on: x, steps: [], strategy: {{matrix: {matrix}}}}}}}\n")
    assert str(caught.value) == message
