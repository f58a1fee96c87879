from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from makespan_agent.file_trace.tracing import find_workspace
from support.agent_process import Agent
from support.traced_step import require_tracing, sha256, traced_files


@pytest.fixture(autouse=True)
def _needs_strace() -> None:
    require_tracing()


def age(path: Path) -> None:
    """Wait until the kernel's coarse clock has passed the file's change time."""
    while time.time_ns() < path.stat().st_ctime_ns + 20_000_000:
        time.sleep(0.005)


@pytest.fixture
def workspace(agent: Agent) -> Path:
    (agent.directory / "src").mkdir()
    (agent.directory / "src/in.txt").write_text("input\n")
    (agent.directory / "state.txt").write_text("old\n")
    age(agent.directory / "state.txt")
    return agent.directory


def read_paths(files: dict[str, Any]) -> list[str]:
    return [path for path, _ in files["read"]]


def shell(agent: Agent, script: str) -> dict[str, Any]:
    return traced_files(agent, "/bin/sh", "-c", script)


def test_a_file_that_is_read_is_an_input_with_its_digest(agent: Agent, workspace: Path) -> None:
    files = shell(agent, "cat src/in.txt")

    assert files["read"] == [["src/in.txt", sha256(workspace / "src/in.txt")]]
    assert files["written"] == []
    assert files["incomplete"] == ""
    assert files["cut"] == 0
    assert files["calls"] > 10


def test_a_file_written_before_it_is_read_is_no_input(agent: Agent, workspace: Path) -> None:
    files = shell(agent, "echo x > out.txt; cat out.txt")

    assert (read_paths(files), files["written"]) == ([], ["out.txt"])


def test_a_file_read_and_then_overwritten_is_an_input_whose_digest_is_the_old_content_or_unknown(
    agent: Agent, workspace: Path
) -> None:
    old = sha256(workspace / "state.txt")

    files = shell(agent, "cat state.txt; sleep 0.3; echo new > state.txt")

    assert read_paths(files) == ["state.txt"]
    assert files["read"][0][1] in (old, None)
    assert files["written"] == ["state.txt"]


def test_appending_reads_what_was_there_and_nobody_knows_its_digest_any_more(agent: Agent, workspace: Path) -> None:
    files = shell(agent, "echo more >> state.txt")

    assert (files["read"], files["written"]) == ([["state.txt", None]], ["state.txt"])


def test_a_failed_lookup_is_evidence(agent: Agent, workspace: Path) -> None:
    files = shell(agent, "test -e setup.cfg; cat src/none/deep 2>/dev/null; true")

    assert files["absent"] == ["setup.cfg", "src/none/deep"]


def test_an_output_that_was_looked_for_first_is_an_output(agent: Agent, workspace: Path) -> None:
    files = shell(agent, "test -e made || echo x >> made; cat made")

    assert (files["absent"], read_paths(files), files["written"]) == ([], [], ["made"])


def test_a_file_only_looked_up_is_examined(agent: Agent, workspace: Path) -> None:
    files = shell(agent, "test -e src/in.txt")

    assert (files["examined"], files["read"]) == (["src/in.txt"], [])


def test_a_listed_directory_is_told(agent: Agent, workspace: Path) -> None:
    files = shell(agent, "ls src; ls")

    assert files["listed"] == [".", "src"]


def test_what_is_made_and_removed_again_leaves_no_trace(agent: Agent, workspace: Path) -> None:
    files = shell(agent, "mkdir t; echo x > t/a; cat t/a; rm -r t")

    assert (read_paths(files), files["written"]) == ([], [])


def test_removing_a_file_that_was_there_is_a_write(agent: Agent, workspace: Path) -> None:
    files = shell(agent, "rm state.txt")

    assert files["written"] == ["state.txt"]


def test_a_renamed_file_and_a_renamed_directory_are_written_under_their_new_names(
    agent: Agent, workspace: Path
) -> None:
    files = shell(agent, "mkdir d; echo x > d/a; mv d e; mv src/in.txt src/moved")

    assert files["written"] == ["e", "e/a", "src/in.txt", "src/moved"]
    assert files["read"] == [["src/in.txt", None]]


def test_relative_paths_follow_every_change_of_directory(agent: Agent, workspace: Path) -> None:
    script = """
import os
os.chdir("src"); open("in.txt").close()
descriptor = os.open("..", os.O_RDONLY); os.fchdir(descriptor)
os.stat("gone1")
"""
    files = traced_files(
        agent, sys.executable, "-I", "-S", "-c", script.replace('os.stat("gone1")', 'os.access("a", 0)')
    )
    child = shell(agent, "cd src; (cd ..; /bin/test -e b); /bin/test -e c; cat ./../src/in.txt")

    assert "src/in.txt" in read_paths(files)
    assert files["absent"] == ["a"]
    assert child["absent"] == ["b", "src/c"]
    assert read_paths(child) == ["src/in.txt"]


def test_paths_relative_to_a_descriptor_are_resolved(agent: Agent, workspace: Path) -> None:
    script = """
import os
d = os.open("src", os.O_RDONLY | os.O_DIRECTORY)
os.close(os.open("in.txt", os.O_RDONLY, dir_fd=d))
os.close(os.open("new", os.O_WRONLY | os.O_CREAT | os.O_EXCL, dir_fd=d))
os.rename("new", "newer", src_dir_fd=d, dst_dir_fd=d)
"""
    files = traced_files(agent, sys.executable, "-I", "-S", "-c", script)

    assert (read_paths(files), files["written"]) == (["src/in.txt"], ["src/newer"])


def test_a_link_and_what_it_points_to_are_both_inputs(agent: Agent, workspace: Path) -> None:
    (workspace / "link").symlink_to("src/in.txt")
    (workspace / "folder").symlink_to("src")
    age(workspace / "src/in.txt")

    files = shell(agent, "cat link; cat folder/in.txt")

    assert read_paths(files) == ["link", "src/in.txt"]


def test_any_byte_may_be_in_a_name(agent: Agent, workspace: Path) -> None:
    name = 'ü "q" \\ > ) = 3\n\x01.txt'
    (workspace / name).write_text("x")

    files = traced_files(agent, "/bin/cat", name)

    assert read_paths(files) == [name]


def test_threads_and_children_at_once_lose_nothing(agent: Agent, workspace: Path) -> None:
    script = """
import os, threading
def work(number):
    for i in range(20):
        open(f"t{number}-{i}", "x").close()
for _ in range(4):
    if os.fork() == 0:
        threads = [threading.Thread(target=work, args=(os.getpid() * 10 + n,)) for n in range(4)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
        os._exit(0)
for _ in range(4):
    os.wait()
"""
    files = traced_files(agent, sys.executable, "-I", "-S", "-c", script)

    assert len(files["written"]) == 320
    assert files["written"] == sorted(path.name for path in workspace.glob("t*"))


def test_programs_from_outside_are_tools_and_their_interpreters_too(agent: Agent, workspace: Path) -> None:
    (workspace / "run.sh").write_text("#!/bin/sh\nexec /bin/true\n")
    (workspace / "run.sh").chmod(0o755)

    files = traced_files(agent, "./run.sh")

    tools = dict(files["tools"])
    for tool in (Path("/bin/sh").resolve(), Path("/bin/true").resolve()):
        assert tools[str(tool)] == sha256(tool)
    assert read_paths(files) == ["run.sh"]


def test_files_outside_the_workspace_are_not_told(agent: Agent, workspace: Path, tmp_path: Path) -> None:
    (tmp_path / "secret-elsewhere").write_text("x")

    shell(agent, f"cat {tmp_path}/secret-elsewhere /etc/passwd > /dev/null")

    (record,) = agent.spool.glob("*.step")
    assert b"secret-elsewhere" not in record.read_bytes()
    assert b"/etc/passwd" not in record.read_bytes()


def test_redirections_of_the_step_itself_count(agent: Agent, workspace: Path) -> None:
    with (workspace / "src/in.txt").open() as source, (workspace / "out.log").open("w") as target:
        process = agent.start("run", "--trace-files", "--", "cat", stdin=source, stderr=target)
        assert process.communicate(timeout=60)[0] == b"input\n"

    files = agent.records()[0]["evidence"]["files"]
    assert read_paths(files) == ["out.log", "src/in.txt"]
    assert files["written"] == ["out.log"]


@pytest.mark.parametrize(
    ("script", "exit_code"),
    [("exit 0", 0), ("exit 7", 7), ("kill -9 $$", 137), ("kill -TERM $$", 143), ("kill -SEGV $$", 139)],
)
def test_the_exit_code_is_the_commands_own(agent: Agent, script: str, exit_code: int) -> None:
    finished = agent.run("run", "--trace-files", "--", "sh", "-c", script)

    assert (finished.returncode, finished.stdout, finished.stderr) == (exit_code, b"", b"")
    assert agent.records()[0]["evidence"]["files"]["incomplete"] == ""


def test_streams_arguments_and_environment_are_the_commands_own(agent: Agent) -> None:
    script = """
import os, signal, sys
print(sys.argv, os.environ["ODD"], signal.getsignal(signal.SIGPIPE), sorted(os.listdir("/proc/self/fd")))
print(*sorted(name for name in os.environ if not name.startswith(("MAKESPAN", "TRACEPARENT"))))
sys.stderr.write("to stderr")
sys.stdout.write(sys.stdin.read())
"""
    words = ("--", sys.executable, "-S", "-c", script, "", "a b", "ü\n")

    plain = agent.run("run", *words, input=b"data", ODD="x=y\nz")
    traced = agent.run("run", "--trace-files", *words, input=b"data", ODD="x=y\nz")

    assert traced.returncode == plain.returncode == 0
    assert traced.stdout == plain.stdout
    assert traced.stderr == plain.stderr == b"to stderr"


def test_a_script_without_an_interpreter_line_and_a_missing_command_end_as_untraced(agent: Agent) -> None:
    (agent.directory / "plain").write_text("echo from $0; exit 4\n")
    (agent.directory / "plain").chmod(0o755)

    script = agent.run("run", "--trace-files", "--", "./plain")
    missing = agent.run("run", "--trace-files", "--", "nosuchcmd")

    assert (script.returncode, script.stdout) == (4, b"from ./plain\n")
    assert (missing.returncode, missing.stderr) == (127, b"makespan: nosuchcmd: command not found\n")


def test_a_signal_sent_to_the_agent_reaches_the_traced_command(agent: Agent) -> None:
    script = "trap 'echo caught; exit 9' TERM; echo ready; while :; do sleep 0.05; done"
    process = agent.start("run", "--trace-files", "--", "sh", "-c", script)
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGTERM)

    assert process.communicate(timeout=60)[0] == b"caught\n"
    assert process.returncode == 9


def test_ctrl_c_in_a_terminal_interrupts_the_traced_command_once(agent: Agent) -> None:
    script = "trap 'echo interrupted; exit 5' INT; echo ready; while :; do sleep 0.05; done"
    pid, terminal = os.forkpty()
    if pid == 0:
        os.chdir(agent.directory)
        os.execve(
            sys.executable,
            agent.command("run", "--trace-files", "--", "sh", "-c", script),
            agent.full_environment(),
        )
    seen = b""
    while b"ready" not in seen:
        seen += os.read(terminal, 1024)
    os.write(terminal, b"\x03")
    try:
        while data := os.read(terminal, 1024):
            seen += data
    except OSError:
        pass  # The other end is closed.
    _, status = os.waitpid(pid, 0)
    os.close(terminal)

    assert os.waitstatus_to_exitcode(status) == 5
    assert seen.count(b"interrupted") == 1


def test_a_daemon_left_behind_holds_no_pipe_of_the_step_and_goes_on_working(agent: Agent) -> None:
    os.mkfifo(agent.directory / "fifo")
    script = "(read line < fifo; echo $line > late) < /dev/null > /dev/null 2>&1 & exit 0"
    process = agent.start("run", "--trace-files", "--", "sh", "-c", script, stderr=subprocess.PIPE)

    output, complaint = process.communicate(timeout=60)  # Ends only when nobody holds stdout and stderr.
    (agent.directory / "fifo").write_text("done\n")
    late = agent.directory / "late"
    deadline_s = time.monotonic() + 30
    while not (late.exists() and late.read_text()) and time.monotonic() < deadline_s:
        time.sleep(0.01)

    assert (process.returncode, output, complaint) == (0, b"", b"")
    assert late.read_text() == "done\n"
    assert "still running" in agent.records()[0]["evidence"]["files"]["incomplete"]


def test_a_step_whose_agent_is_killed_goes_on_as_if_untraced(agent: Agent) -> None:
    script = "echo $$; read line; for i in 1 2 3 4 5; do cat one two; done; echo through"
    for name in ("one", "two"):
        (agent.directory / name).write_text("")
    process = agent.start(
        "run", "--trace-files", "--", "sh", "-c", script, stdin=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.kill()
    process.wait()
    process.stdin.write(b"go\n")
    process.stdin.close()

    assert process.stdout.read() == b"through\n"
    assert process.stderr.read() == b""
    process.stdout.close()
    process.stderr.close()


def test_without_strace_the_step_runs_untraced_with_one_line(agent: Agent, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/true").symlink_to("/bin/true")

    finished = agent.run("run", "--trace-files", "--", "true", PATH=str(tmp_path / "bin"))

    assert finished.returncode == 0
    assert finished.stderr == b"makespan: the step's files are not traced: strace is not installed\n"
    assert "files" not in agent.records()[0]["evidence"]


def test_where_tracing_is_forbidden_the_step_runs_untraced_with_one_line(agent: Agent) -> None:
    # A traced process cannot be traced a second time: the inner agent is refused as by a container's policy.
    inner = " ".join(agent.command("run", "--trace-files", "--", "sh", "-c", "'echo ran; exit 6'"))

    finished = agent.run("run", "--trace-files", "--", "sh", "-c", inner)

    assert (finished.returncode, finished.stdout) == (6, b"ran\n")
    assert finished.stderr.startswith(b"makespan: the step's files are not traced: strace: ")
    assert finished.stderr.count(b"\n") == 1


def test_the_variable_traces_the_outer_step_and_is_not_passed_on(agent: Agent) -> None:
    inner = " ".join(agent.command("run", "--", "sh", "-c", "'echo [$MAKESPAN_TRACE_FILES]'"))

    finished = agent.run("run", "--", "sh", "-c", inner, MAKESPAN_TRACE_FILES="1")

    assert (finished.stdout, finished.stderr) == (b"[]\n", b"")
    assert ["files" in record["evidence"] for record in agent.records()] == [False, True]


def test_strace_itself_is_no_part_of_the_steps_usage(agent: Agent) -> None:
    script = "i=0; while [ $i -lt 3000 ]; do [ -e none ]; i=$((i+1)); done"

    agent.run("run", "--trace-files", "--", "sh", "-c", script)

    (record,) = agent.records()
    assert record["evidence"]["files"]["calls"] > 3000
    assert record["evidence"]["files"]["overhead_cpu_s"] > 0
    assert "strace" not in [name for name, *_ in record["usage"]["executables"]]


def test_the_workspace_is_the_providers_then_the_work_tree_then_the_directory(tmp_path: Path) -> None:
    place = tmp_path / "repo/sub"
    place.mkdir(parents=True)

    assert find_workspace({}, str(place)) == str(place)
    (tmp_path / "repo/.git").mkdir()
    assert find_workspace({}, str(place)) == str(tmp_path / "repo")
    assert find_workspace({"GITHUB_WORKSPACE": str(tmp_path)}, str(place)) == str(tmp_path)
    assert find_workspace({"GITHUB_WORKSPACE": "/elsewhere"}, str(place)) == str(tmp_path / "repo")
