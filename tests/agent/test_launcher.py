from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from makespan_agent import launcher
from makespan_model import vocabulary
from makespan_model.identity import RunIdentity, job_span_id, step_span_id
from support.agent_process import Agent
from support.otlp_receiver import Receiver, values


@pytest.mark.parametrize(
    ("script", "exit_code", "error_type"),
    [
        ("exit 0", 0, None),
        ("exit 1", 1, "exit_1"),
        ("exit 255", 255, "exit_255"),
        ("kill -9 $$", 137, "signal:SIGKILL"),
        ("kill -TERM $$", 143, "signal:SIGTERM"),
        ("kill -SEGV $$", 139, "signal:SIGSEGV"),
    ],
)
def test_the_exit_code_is_the_commands_own(agent: Agent, script: str, exit_code: int, error_type: str | None) -> None:
    finished = agent.run("run", "--", "sh", "-c", script)

    assert (finished.returncode, finished.stdout, finished.stderr) == (exit_code, b"", b"")
    (record,) = agent.records()
    assert (record["exit_code"], record["error_type"]) == (exit_code, error_type)


def test_a_command_that_does_not_exist_ends_with_127_and_one_line(agent: Agent) -> None:
    finished = agent.run("run", "--", "nosuchcmd")

    assert finished.returncode == 127
    assert finished.stderr == b"makespan: nosuchcmd: command not found\n"
    assert agent.records()[0]["error_type"] == "not_found"


def test_a_command_that_cannot_be_executed_ends_with_126_and_one_line(agent: Agent) -> None:
    file = agent.directory / "notes.txt"
    file.write_text("plain text")

    finished = agent.run("run", "--", str(file))

    assert finished.returncode == 126
    assert finished.stderr.count(b"\n") == 1
    assert agent.records()[0]["error_type"] == "not_executable"


def test_standard_streams_pass_through_byte_for_byte(agent: Agent) -> None:
    data = bytes(range(256)) * 4096

    finished = agent.run("run", "--", "sh", "-c", "tee /dev/stderr", input=data)

    assert finished.stdout == data
    assert finished.stderr == data


def test_other_inherited_descriptors_reach_the_command(agent: Agent) -> None:
    read_end, write_end = os.pipe()
    writer = f"import os; os.write({write_end}, b'through')"
    process = agent.start("run", "--", sys.executable, "-c", writer, pass_fds=(write_end,))
    os.close(write_end)

    with os.fdopen(read_end, "rb") as reader:
        assert reader.read() == b"through"
    process.communicate(timeout=30)


def test_the_command_sees_the_environment_and_signals_it_would_have_seen(agent: Agent) -> None:
    script = "env | sort; grep -E '^Sig(Blk|Ign)' /proc/self/status"
    bare = subprocess.run(
        ["sh", "-c", script], env=agent.full_environment(), cwd=agent.directory, capture_output=True, check=True
    )
    finished = agent.run("run", "--", "sh", "-c", script)

    added = {"TRACEPARENT", "MAKESPAN_STEP_PATH", "MAKESPAN_ENCLOSING", "MAKESPAN_RUN_ID", "MAKESPAN_REPOSITORY"}
    bare_lines, wrapped_lines = bare.stdout.decode().splitlines(), finished.stdout.decode().splitlines()
    assert [line for line in wrapped_lines if line.partition("=")[0] not in added and "SigIgn" not in line] == [
        line for line in bare_lines if "SigIgn" not in line
    ]
    # Signals 32 and 33 belong to glibc, whose posix_spawn leaves them ignored.
    glibc_own = 0b11 << 31
    ignored = [int(line.split()[1], 16) & ~glibc_own for line in (*bare_lines, *wrapped_lines) if "SigIgn" in line]
    assert ignored[0] == ignored[1]


def test_the_command_ignores_what_its_caller_told_it_to_ignore(agent: Agent) -> None:
    ignoring = (
        "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    )
    finished = subprocess.run(
        [sys.executable, "-c", ignoring, *agent.command("run", "--", "sh", "-c", "kill -HUP $$; echo survived")],
        env=agent.full_environment(),
        capture_output=True,
        check=False,
    )

    assert finished.stdout == b"survived\n"


def test_the_command_learns_its_spans_context_on_a_copy_of_the_environment(agent: Agent) -> None:
    agent.environment = {"MAKESPAN_RUN_ID": "7", "TRACESTATE": "vendor=1", "BAGGAGE": "team=ci"}

    finished = agent.run("run", "--step", "say", "--", "sh", "-c", "echo $TRACEPARENT $TRACESTATE $BAGGAGE")

    (record,) = agent.records()
    trace_id = RunIdentity("plain", "work", "7").trace_id
    span_id = step_span_id(trace_id, "local", record["step"]["path"])
    assert finished.stdout.decode() == f"00-{trace_id}-{span_id}-01 vendor=1 team=ci\n"
    assert record["step"]["span_id"] == span_id
    assert record["step"]["parent_span_id"] == job_span_id(trace_id, "local")
    assert record["step"]["path"] == f"/say@{record['start_ns']}"


def test_a_run_inside_a_run_is_a_child_step_of_the_same_trace(agent: Agent) -> None:
    inner = " ".join(agent.command("run", "--step", "inner", "--", "true"))

    agent.run("run", "--step", "outer", "--", "sh", "-c", inner)

    first, second = agent.records()
    assert [first["step"]["name"], second["step"]["name"]] == ["inner", "outer"]
    assert first["step"]["trace_id"] == second["step"]["trace_id"]
    assert first["step"]["parent_span_id"] == second["step"]["span_id"]
    assert first["step"]["path"].startswith(second["step"]["path"] + "/inner@")


def test_arguments_of_the_command_are_never_recorded(agent: Agent) -> None:
    agent.run("run", "--", "true", "--password=hunter2")

    assert "hunter2" not in repr(agent.records())


def test_a_github_step_is_found_under_its_index_and_name_from_the_steps_file(agent: Agent, tmp_path: Path) -> None:
    steps = tmp_path / "steps.json"
    steps.write_text('{"test": {"__run_2": {"name": "Unit tests", "index": 3}}}')
    script = agent.directory / "script"
    script.write_text("echo $TRACEPARENT")
    agent.environment = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_REPOSITORY": "o/r",
        "GITHUB_RUN_ID": "99",
        "GITHUB_RUN_ATTEMPT": "2",
        "GITHUB_JOB": "test",
        "GITHUB_ACTION": "__run_2",
        "MAKESPAN_MATRIX": '{"python": 3.12, "os": "linux"}',
        "MAKESPAN_STEPS_FILE": str(steps),
    }

    finished = agent.run("shell", str(script))

    trace_id = RunIdentity("github", "o/r", "99", 2).trace_id
    span_id = step_span_id(trace_id, "test (3.12, linux)", "#3")
    assert finished.stdout.decode() == f"00-{trace_id}-{span_id}-01\n"
    (record,) = agent.records()
    assert (record["step"]["path"], record["step"]["name"], record["step"]["index"]) == ("#3", "Unit tests", 3)


def test_a_shell_runs_its_script_as_github_does_without_pipefail_unless_asked(agent: Agent) -> None:
    script = agent.directory / "script"
    script.write_text("false | true; echo went on; false; echo never")

    omitted = agent.run("shell", str(script))
    named = agent.run("shell", "--as", "bash", str(script))

    assert (omitted.returncode, omitted.stdout) == (1, b"went on\n")
    assert (named.returncode, named.stdout) == (1, b"")


def test_cpu_time_of_the_whole_tree_is_counted_orphans_included(agent: Agent) -> None:
    burn = "i=0; while [ $i -lt 150000 ]; do i=$((i+1)); done"
    agent.run("run", "--", "sh", "-c", f"sh -c '{burn}; :'")
    agent.run("run", "--", "sh", "-c", f"mkfifo done; (sh -c '{burn}; echo > done' &); read -r line < done")

    child, orphan = [record["usage"]["cpu_user_s"] + record["usage"]["cpu_system_s"] for record in agent.records()]
    assert child > 0.03
    assert child / 3 < orphan < child * 3


def test_memory_and_samples_of_a_command_that_lasts_are_recorded(agent: Agent) -> None:
    holder = "import time; data = bytearray(80_000_000); time.sleep(2.5)"

    agent.run("run", "--", sys.executable, "-c", holder)

    (record,) = agent.records()
    assert 80_000_000 < record["usage"]["memory_peak_bytes"] < 200_000_000
    times = [sample[0] for sample in record["samples"]]
    assert len(times) >= 2  # Many more on an idle machine: readings that cost much are followed by rest.
    assert times == sorted(times)
    assert record["start_ns"] < times[0] < times[-1] <= record["end_ns"]
    assert max(sample[2] for sample in record["samples"]) > 80_000_000


def test_memory_below_the_agents_own_is_not_reported_as_the_commands(agent: Agent) -> None:
    agent.run("run", "--", "true")

    assert "memory_peak_bytes" not in agent.records()[0]["usage"]


def test_bytes_written_to_storage_are_counted(agent: Agent) -> None:
    kind = subprocess.run(["stat", "-f", "-c", "%T", agent.directory], capture_output=True, text=True, check=True)
    if kind.stdout.strip() == "tmpfs":
        pytest.skip("the temporary directory is in memory: nothing is written to storage")

    agent.run("run", "--", "dd", "if=/dev/zero", "of=out", "bs=1M", "count=8", "conv=fsync", "status=none")

    size = 8 * 1024 * 1024
    assert size <= agent.records()[0]["usage"]["io_write_bytes"] <= size * 1.01


def test_a_spool_that_cannot_be_written_costs_one_line_and_nothing_else(agent: Agent) -> None:
    agent.spool.write_text("a file is in the way")

    finished = agent.run("run", "--", "sh", "-c", "echo out; exit 3")

    assert (finished.returncode, finished.stdout) == (3, b"out\n")
    assert finished.stderr.startswith(b"makespan: the step is not recorded: ")
    assert finished.stderr.count(b"\n") == 1


def test_a_working_directory_that_is_gone_does_not_fail_the_step(agent: Agent) -> None:
    script = f'cd {agent.directory} && rmdir {agent.directory} && exec "$@"'

    finished = subprocess.run(
        ["sh", "-c", script, "sh", *agent.command("run", "--", "sh", "-c", "exit 3")],
        env=agent.full_environment(MAKESPAN_SPOOL="relative"),
        capture_output=True,
        check=False,
    )

    assert finished.returncode == 3
    assert finished.stderr.count(b"makespan: ") == 1


def test_broken_variables_are_named_in_one_line_and_the_step_is_recorded_without_them(agent: Agent) -> None:
    agent.environment = {"MAKESPAN_MATRIX": "{", "MAKESPAN_RUN_ATTEMPT": "zero", "MAKESPAN_SPOOL_MAX_BYTES": "many"}

    finished = agent.run("run", "--", "true")

    assert finished.returncode == 0
    assert finished.stderr.count(b"\n") == 1
    for name in (b"MAKESPAN_MATRIX", b"MAKESPAN_RUN_ATTEMPT", b"MAKESPAN_SPOOL_MAX_BYTES"):
        assert name in finished.stderr
    assert agent.records()[0]["job"]["attempt"] == 1


def test_export_off_leaves_no_record_and_adds_nothing_to_the_environment(agent: Agent) -> None:
    finished = agent.run("run", "--", "sh", "-c", "echo [$TRACEPARENT]; exit 4", MAKESPAN_EXPORT="off")

    assert (finished.returncode, finished.stdout) == (4, b"[]\n")
    assert not agent.spool.exists()


@pytest.mark.parametrize("arguments", [["run"], ["run", "--"], ["run", "--what", "x"], ["shell"], ["shell", "a", "b"]])
def test_a_wrong_command_line_ends_with_2_and_one_line(agent: Agent, arguments: list[str]) -> None:
    finished = agent.run(*arguments)

    assert finished.returncode == 2
    assert finished.stderr.startswith(b"makespan: ")
    assert finished.stderr.count(b"\n") == 1


@pytest.mark.parametrize("command", ["run", "shell"])
def test_help_goes_to_stdout_and_runs_nothing(agent: Agent, command: str) -> None:
    finished = agent.run(command, "--help")

    assert finished.returncode == 0
    assert finished.stdout.startswith(f"usage: makespan {command} ".encode())
    assert not agent.spool.exists()


def test_the_command_starts_before_anything_slow_is_imported(agent: Agent, tmp_path: Path) -> None:
    steps = tmp_path / "steps.json"
    steps.write_text('{"test": {"unit": {"name": "Unit tests", "index": 3}}}')
    spy = """
import os, sys
before = set(sys.modules)
from makespan_agent.launcher import launch
def spawn(*arguments, **options):
    print(*sorted(set(sys.modules) - before), flush=True)
    return real(*arguments, **options)
real, os.posix_spawn = os.posix_spawn, spawn
sys.exit(launch("shell", ["/dev/null"]))
"""
    agent.environment = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_JOB": "test",
        "GITHUB_ACTION": "unit",
        "MAKESPAN_MATRIX": '{"python": 3.12}',
        "MAKESPAN_STEPS_FILE": str(steps),
    }

    finished = subprocess.run(
        [sys.executable, "-c", spy], env=agent.full_environment(), capture_output=True, text=True, check=True
    )

    imported = {name for name in finished.stdout.split() if not name.startswith("makespan_")}
    assert imported <= {"__future__", "_ctypes", "_json", "_sha256", "_sha2", "errno"}
    assert "makespan_agent.measuring.measurement" not in finished.stdout


def test_a_step_interrupted_through_the_agent_is_marked_as_such(agent: Agent) -> None:
    process = agent.start("run", "--", "sh", "-c", "echo ready; exec sleep 60")
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)

    (record,) = agent.records()
    assert (process.returncode, record["received_signal"]) == (143, signal.SIGTERM)


def test_what_python_added_to_the_environment_under_the_c_locale_is_taken_out_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LC_CTYPE", "C.UTF-8")

    assert "LC_CTYPE" not in launcher.inherited_environment()


def test_what_options_say_of_the_run_holds_for_the_commands_inside_it(agent: Agent) -> None:
    inner = " ".join(agent.command("run", "--step", "inner", "--", "true"))
    options = ("--run-id", "7", "--repository", "o/r", "--job", "build", "--pipeline", "release", "--attempt", "2")

    agent.run("run", "--step", "outer", *options, "--", "sh", "-c", inner, MAKESPAN_JOB="overridden")

    inside, outside = agent.records()
    for record in (inside, outside):
        job = record["job"]
        found = (job["run_id"], job["repository"], job["job_id"], job["pipeline"], job["attempt"])
        assert found == ("7", "o/r", "build", "release", 2)
    assert inside["step"]["parent_span_id"] == outside["step"]["span_id"]


def test_a_command_in_a_submodule_stays_in_the_run_around_it(agent: Agent) -> None:
    (agent.directory / "sub" / ".git").mkdir(parents=True)
    inner = " ".join(agent.command("run", "--step", "inner", "--", "true"))

    agent.run("run", "--step", "outer", "--", "sh", "-c", f"cd sub && {inner}")

    inside, outside = agent.records()
    assert inside["step"]["trace_id"] == outside["step"]["trace_id"]
    assert inside["step"]["parent_span_id"] == outside["step"]["span_id"]


def test_a_command_text_is_run_as_sh_c_would_with_its_exit_code_and_arguments(agent: Agent) -> None:
    finished = agent.run("shell", "--step", "say", "-c", 'echo "$0 $1"; exit 4', "zero", "one two")

    assert (finished.returncode, finished.stdout) == (4, b"zero one two\n")
    (record,) = agent.records()
    assert (record["step"]["name"], record["exit_code"]) == ("say", 4)


def test_command_texts_in_one_workflow_step_never_share_a_path(agent: Agent) -> None:
    agent.environment = {"GITHUB_ACTIONS": "true", "GITHUB_JOB": "test", "GITHUB_ACTION": "__run"}

    for _ in range(2):
        agent.run("shell", "-c", "true")

    paths = [record["step"]["path"] for record in agent.records()]
    assert len(set(paths)) == 2
    assert all(path.startswith("__run/sh@") for path in paths)


def test_a_step_that_stands_for_an_action_arrives_as_one(agent: Agent, receiver: Receiver, tmp_path: Path) -> None:
    steps = tmp_path / "steps.json"
    steps.write_text('{"test": {"0": {"name": "Run actions/checkout@v4", "index": 0, "kind": "uses"}}}')
    agent.environment = {
        "GITHUB_ACTIONS": "true",
        "GITHUB_JOB": "test",
        "GITHUB_ACTION": "0",
        "MAKESPAN_STEPS_FILE": str(steps),
    }

    agent.run("shell", "/dev/null")
    agent.run("flush", "--endpoint", receiver.url)

    (span,) = [span for span in receiver.spans() if span.name == "Run actions/checkout@v4"]
    assert values(list(span.attributes))[vocabulary.STEP_KIND] == "uses"
