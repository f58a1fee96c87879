from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_agent.file_trace.strace_lines import Call, LineReader, ProcessEnd, unescape


def events(text: str, chunk_bytes: int = 10_000) -> list[Call | ProcessEnd]:
    reader = LineReader()
    data = text.encode()
    chunks = [data[start : start + chunk_bytes] for start in range(0, len(data), chunk_bytes)]
    return [event for chunk in chunks for event in reader.feed(chunk)]


LINES = """12    1700000000.000001 openat(AT_FDCWD</w>, "a", O_RDONLY) = 3</w/a>
13    1700000000.000002 vfork( <unfinished ...>
14    1700000000.000003 execve("/bin/true", 0x1, 0x2 <unfinished ...>
12    1700000000.000004 access("b", F_OK) = -1 ENOENT (No such file or directory)
13    1700000000.000005 <... vfork resumed>) = 14
14    1700000000.000006 <... execve resumed>) = 0
14    1700000000.000007 exit_group(0)   = ?
14    1700000000.000008 +++ exited with 0 +++
13    1700000000.000009 --- SIGCHLD {si_signo=SIGCHLD, si_code=CLD_EXITED} ---
13    1700000000.000010 +++ killed by SIGKILL +++
"""


@pytest.mark.parametrize("chunk_bytes", [1, 7, 10_000])
def test_interrupted_calls_are_put_together_however_the_text_is_cut(chunk_bytes: int) -> None:
    found = [
        (event.pid, event.name, event.result, event.error) if isinstance(event, Call) else event.pid
        for event in events(LINES, chunk_bytes)
    ]

    assert found == [
        (12, "openat", 3, ""),
        (12, "access", -1, "ENOENT"),
        (13, "vfork", 14, ""),
        (14, "execve", 0, ""),
        (14, "exit_group", None, ""),
        14,
        13,
    ]


def test_an_interrupted_call_has_the_time_of_its_start() -> None:
    (fork,) = [event for event in events(LINES) if isinstance(event, Call) and event.name == "vfork"]

    assert fork.time_ns == 1_700_000_000_000_002_000


def test_a_thread_in_the_middle_of_a_fork_is_known() -> None:
    reader = LineReader()
    list(reader.feed(b"7 1.5 clone3({flags=CLONE_VM}, 88 <unfinished ...>\n8 1.5 openat(3, <unfinished ...>\n"))

    assert list(reader.forking()) == [7]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        (rb"plain", b"plain"),
        (rb"\303\251", "é".encode()),
        (rb"\"q\" \\ \n\t", b'"q" \\ \n\t'),
        (rb"\0end\1", b"\0end\1"),
        (rb"\76", b">"),
        (rb"\xff", b"\xff"),
    ],
)
def test_quoted_paths_are_read_back(text: bytes, plain: bytes) -> None:
    assert unescape(text) == plain


def quoted(data: bytes) -> bytes:
    """As strace writes a string: three octal digits where the next character is a digit, fewer elsewhere."""
    parts = []
    for position, byte in enumerate(data):
        following = data[position + 1 : position + 2]
        if byte in b'"\\':
            parts.append(b"\\" + bytes([byte]))
        elif 32 <= byte < 127:
            parts.append(bytes([byte]))
        else:
            parts.append(b"\\%03o" % byte if following.isdigit() else b"\\%o" % byte)
    return b"".join(parts)


@given(st.binary(max_size=40))
def test_every_path_survives_the_quoting(data: bytes) -> None:
    assert unescape(quoted(data)) == data


@given(st.binary(max_size=200))
def test_no_bytes_raise(data: bytes) -> None:
    for _ in LineReader().feed(data + b"\n"):
        pass


def test_an_endless_line_is_dropped() -> None:
    reader = LineReader()
    for _ in range(40):
        assert list(reader.feed(b"x" * 100_000)) == []
    assert [event.pid for event in reader.feed(b"\n5 1.0 +++ exited with 0 +++\n")] == [5]
