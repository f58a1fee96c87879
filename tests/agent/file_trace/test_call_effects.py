from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from makespan_agent.file_trace.access_ledger import AccessLedger
from makespan_agent.file_trace.call_effects import CallEffects
from makespan_agent.file_trace.path_arguments import WorkingDirectories
from makespan_agent.file_trace.strace_lines import Call, LineReader


class Trace:
    """Lines of strace about processes that stand in one directory; `{w}` in a line is that directory."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.programs: list[str] = []
        self._lines = LineReader()
        self.ledger = AccessLedger(str(root), lambda _path, _time_ns: None)
        self.effects = CallEffects(
            self.ledger,
            WorkingDirectories(str(root)),
            lambda path, _time_ns: self.programs.append(path),
            self._lines.forking,
        )

    def take(self, *lines: str, pid: int = 1) -> dict[str, Any]:
        for line in lines:
            text = line if line[0].isdigit() else f"{pid} 1700000000.5 {line}"
            for event in self._lines.feed(text.replace("{w}", str(self.root)).encode() + b"\n"):
                assert isinstance(event, Call)
                self.effects.take(event)
        return self.ledger.summary({})


@pytest.fixture
def trace(tmp_path: Path) -> Trace:
    return Trace(tmp_path)


READ: tuple[Any, Any] = ([["a", None]], [])
WRITTEN: tuple[Any, Any] = ([], ["a"])
BOTH: tuple[Any, Any] = ([["a", None]], ["a"])


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('open("a", O_RDONLY) = 3<{w}/a>', READ),
        ('open("{w}/a", O_RDONLY|O_CLOEXEC) = 3<{w}/a>', READ),
        ('openat(AT_FDCWD<{w}>, "a", O_RDONLY) = 3<{w}/a>', READ),
        ('openat(AT_FDCWD, "a", O_RDONLY) = 3<{w}/a>', READ),
        ('openat(3<{w}>, "a", O_RDONLY) = 4<{w}/a>', READ),
        ('openat2(AT_FDCWD<{w}>, "a", {flags=O_RDONLY, resolve=0}, 24) = 3<{w}/a>', READ),
        ('openat(AT_FDCWD<{w}>, "a", O_WRONLY|O_CREAT|O_TRUNC, 0666) = 3<{w}/a>', WRITTEN),
        ('openat2(AT_FDCWD<{w}>, "a", {flags=O_WRONLY|O_TRUNC, resolve=0}, 24) = 3<{w}/a>', WRITTEN),
        ('creat("a", 0666) = 3<{w}/a>', WRITTEN),
        ('openat(AT_FDCWD<{w}>, "a", O_RDWR) = 3<{w}/a>', BOTH),
        ('openat(AT_FDCWD<{w}>, "a", O_WRONLY|O_CREAT|O_APPEND, 0666) = 3<{w}/a>', BOTH),
        ('openat(AT_FDCWD<{w}>, "a", O_WRONLY|O_CREAT|O_EXCL, 0666) = 3<{w}/a>', WRITTEN),
        ('openat(AT_FDCWD<{w}>, "a", O_RDONLY|O_PATH) = 3<{w}/a>', ([], [])),
        ('openat(AT_FDCWD<{w}>, ".", O_RDWR|O_TMPFILE, 0600) = 3<{w}/#123 (deleted)>', ([], [])),
        ('chmod("a", 0755) = 0', BOTH),
        ('truncate("a", 0) = 0', BOTH),
        ('utimensat(AT_FDCWD<{w}>, "a", NULL, 0) = 0', BOTH),
        ("utimensat(3<{w}/a>, NULL, NULL, 0) = 0", BOTH),
        ('fchmodat(AT_FDCWD<{w}>, "a", 0755) = 0', BOTH),
        ('symlink("/somewhere", "a") = 0', WRITTEN),
        ('symlinkat("b", AT_FDCWD<{w}>, "a") = 0', WRITTEN),
        ('unlink("a") = 0', WRITTEN),
        ('unlinkat(AT_FDCWD<{w}>, "a", 0) = 0', WRITTEN),
        ('openat(AT_FDCWD<{w}>, "a", O_RDONLY) = -1 EMFILE (Too many open files)', ([], [])),
        ('openat(AT_FDCWD<{w}>, "a", O_RDONLY) = ? ERESTARTSYS (To be restarted if SA_RESTART is set)', ([], [])),
    ],
)
def test_what_a_call_means_for_one_file(trace: Trace, line: str, expected: tuple[Any, Any]) -> None:
    (trace.root / "a").write_text("x")

    found = trace.take(line)

    assert (found["read"], found["written"]) == expected


@pytest.mark.parametrize(
    "line",
    [
        'stat("a", 0x7ffd) = 0',
        'lstat("a", 0x7ffd) = 0',
        'stat64("a", 0x7ffd) = 0',
        'newfstatat(AT_FDCWD<{w}>, "a", 0x7ffd, 0) = 0',
        'statx(AT_FDCWD<{w}>, "a", AT_STATX_SYNC_AS_STAT, STATX_ALL, 0x7ffd) = 0',
        'access("a", R_OK) = 0',
        'faccessat2(AT_FDCWD<{w}>, "a", R_OK, AT_EACCESS) = 0',
        'readlink("a", 0x7ffd, 99) = -1 EINVAL (Invalid argument)',
        'mkdir("a", 0777) = -1 EEXIST (File exists)',
        'openat(AT_FDCWD<{w}>, "a", O_WRONLY|O_CREAT|O_EXCL, 0600) = -1 EEXIST (File exists)',
        'openat(AT_FDCWD<{w}>, "a", O_RDONLY) = -1 EACCES (Permission denied)',
    ],
)
def test_a_lookup_that_finds_something(trace: Trace, line: str) -> None:
    assert trace.take(line)["examined"] == ["a"]


@pytest.mark.parametrize(
    "line",
    [
        'stat("a", 0x7ffd) = -1 ENOENT (No such file or directory)',
        'execve("a", 0x1, 0x2) = -1 ENOENT (No such file or directory)',
        'unlink("a") = -1 ENOENT (No such file or directory)',
        'chdir("a") = -1 ENOENT (No such file or directory)',
        'rename("a", "b") = -1 ENOENT (No such file or directory)',
        'statx(AT_FDCWD<{w}>, "a", 0, STATX_ALL, 0x7ffd) = -1 ENOTDIR (Not a directory)',
    ],
)
def test_a_lookup_in_vain(trace: Trace, line: str) -> None:
    assert trace.take(line)["absent"] == ["a"]


def test_exchanged_files_are_both_read_and_written(trace: Trace) -> None:
    for name in ("a", "b"):
        (trace.root / name).write_text(name)

    found = trace.take('renameat2(AT_FDCWD<{w}>, "a", AT_FDCWD<{w}>, "b", RENAME_EXCHANGE) = 0')

    assert (found["read"], found["written"]) == ([["a", None], ["b", None]], ["a", "b"])


def test_a_hard_link_reads_one_name_and_makes_the_other(trace: Trace) -> None:
    (trace.root / "b").write_text("x")

    found = trace.take('linkat(AT_FDCWD<{w}>, "a", AT_FDCWD<{w}>, "b", 0) = 0')

    assert (found["read"], found["written"]) == ([["a", None]], ["b"])


def test_a_child_stands_where_its_parent_stood_and_moves_by_itself(trace: Trace) -> None:
    (trace.root / "d").mkdir()

    found = trace.take(
        '1 1.0 chdir("d") = 0',
        "1 1.0 fork() = 2",
        '2 1.0 chdir("..") = 0',
        '2 1.0 access("child", F_OK) = -1 ENOENT (No such file or directory)',
        '1 1.0 access("parent", F_OK) = -1 ENOENT (No such file or directory)',
    )

    assert found["absent"] == ["child", "d/parent"]


def test_threads_share_their_directory(trace: Trace) -> None:
    (trace.root / "d").mkdir()

    found = trace.take(
        "1 1.0 clone3({flags=CLONE_VM|CLONE_FS|CLONE_THREAD, exit_signal=0}, 88) = 2",
        '2 1.0 chdir("d") = 0',
        '1 1.0 access("x", F_OK) = -1 ENOENT (No such file or directory)',
    )

    assert found["absent"] == ["d/x"]


def test_a_child_that_speaks_before_its_parent_returns_stands_where_the_parent_does(trace: Trace) -> None:
    (trace.root / "d").mkdir()

    found = trace.take(
        '1 1.0 chdir("d") = 0',
        "1 1.0 vfork( <unfinished ...>",
        '99999999 1.0 access("x", F_OK) = -1 ENOENT (No such file or directory)',
        "1 1.0 <... vfork resumed>) = 99999999",
    )

    assert found["absent"] == ["d/x"]


def test_fchdir_follows_the_descriptor(trace: Trace) -> None:
    (trace.root / "d").mkdir()

    found = trace.take("fchdir(3<{w}/d>) = 0", 'access("x", F_OK) = -1 ENOENT (No such file or directory)')

    assert found["absent"] == ["d/x"]


def test_programs_are_told_by_their_path(trace: Trace) -> None:
    trace.take('execve("/bin/true", 0x1, 0x2) = 0', 'execveat(3<{w}/tool>, "", 0x1, 0x2, AT_EMPTY_PATH) = 0')

    assert trace.programs == [str(Path("/bin").resolve() / "true"), str(trace.root / "tool")]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("io_uring_setup(8, 0x7ffd) = 3<anon_inode:[io_uring]>", "io_uring"),
        ('chroot("/x") = 0', "root directory"),
        ("open_by_handle_at(3<{w}>, 0x7ffd, O_RDONLY) = 4<{w}/a>", "by handle"),
    ],
)
def test_what_cannot_be_followed_is_said(trace: Trace, line: str, reason: str) -> None:
    trace.take(line)

    assert reason in "; ".join(trace.effects.incomplete)


def test_an_io_uring_that_was_refused_hides_nothing(trace: Trace) -> None:
    trace.take("io_uring_setup(8, 0x7ffd) = -1 EPERM (Operation not permitted)")

    assert trace.effects.incomplete == {}
