"""What each system call means for the files: the table from calls to the ledger.

Source: the manual pages of section 2 and linux/fs.h; names as in strace's syscall table for x86-64 and AArch64.
"""

from __future__ import annotations

import os

from makespan_agent.file_trace.path_arguments import (
    PathResolver,
    WorkingDirectories,
    descriptor_path,
    returned_path,
)
from makespan_agent.file_trace.strace_lines import Call

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from makespan_agent.file_trace.access_ledger import AccessLedger

_OPEN = ("open", "openat", "openat2", "creat")
_EXAMINE = (
    "stat", "lstat", "stat64", "lstat64", "newfstatat", "fstatat64", "statx", "access", "faccessat", "faccessat2",
    "readlink", "readlinkat", "getxattr", "lgetxattr",
)  # fmt: skip
_CHANGE = (
    "chmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchownat", "utime", "utimes", "futimesat", "utimensat",
    "truncate", "setxattr", "lsetxattr", "removexattr", "lremovexattr",
)  # fmt: skip
_MAKE = ("mkdir", "mkdirat", "mknod", "mknodat")
_REMOVE = ("unlink", "unlinkat", "rmdir")
_EXECUTE = ("execve", "execveat")
FORKING = ("clone", "clone3", "fork", "vfork")
_LIST = ("getdents", "getdents64")
_BLIND = {
    "io_uring_setup": "it used io_uring, whose file accesses are no system calls",
    "open_by_handle_at": "it opened files by handle",
    "chroot": "it changed its root directory",
    "pivot_root": "it changed its root directory",
    "mount": "it mounted a file system",
}
_OTHER = ("rename", "renameat", "renameat2", "link", "linkat", "symlink", "symlinkat", "chdir", "fchdir")
TRACED = (*_OPEN, *_EXAMINE, *_CHANGE, *_MAKE, *_REMOVE, *_EXECUTE, *FORKING, *_LIST, *_BLIND, *_OTHER)

_PLAIN_NAMES = {"creat", "stat", "lstat", "stat64", "lstat64"}
# Calls whose path follows a directory's descriptor; the names above only sound like them.
_AT_NAMES = {name for name in TRACED if name.endswith(("at", "at2", "at64"))} - _PLAIN_NAMES | {"statx"}
_MISSES = ("ENOENT", "ENOTDIR")


class CallEffects:
    """Keeps the books: every call goes through `take`.

    Args:
        ledger: Gets what happens to paths of the workspace.
        directories: Where each thread stands.
        on_execution: Called with the path of every program that was started.
        forking: The threads that are making a process just now.
    """

    def __init__(
        self,
        ledger: AccessLedger,
        directories: WorkingDirectories,
        on_execution: Callable[[str, int], None],
        forking: Callable[[], Iterable[int]],
    ) -> None:
        self.incomplete: dict[str, None] = {}
        self._ledger = ledger
        self._directories = directories
        self._paths = PathResolver(directories)
        self._on_execution = on_execution
        self._forking = forking
        self._handlers: dict[str, Callable[[Call], None]] = {
            **dict.fromkeys(_OPEN, self._open),
            **dict.fromkeys(_EXAMINE, self._examine),
            **dict.fromkeys(_CHANGE, self._change),
            **dict.fromkeys(_MAKE, self._make),
            **dict.fromkeys(_REMOVE, self._remove),
            **dict.fromkeys(_EXECUTE, self._execute),
            **dict.fromkeys(FORKING, self._fork),
            **dict.fromkeys(_LIST, self._list),
            **dict.fromkeys(_BLIND, self._go_blind),
            **dict.fromkeys(("rename", "renameat", "renameat2"), self._rename),
            **dict.fromkeys(("link", "linkat"), self._link),
            **dict.fromkeys(("symlink", "symlinkat"), self._symlink),
            "chdir": self._chdir,
            "fchdir": self._fchdir,
        }

    def take(self, call: Call) -> None:
        """Note what a call did; one that did not return did nothing that counts."""
        if not self._directories.knows(call.pid):
            self._place(call.pid)
        handler = self._handlers.get(call.name)
        if handler is not None and call.result is not None:
            handler(call)

    def _place(self, pid: int) -> None:
        """A thread's first call can come before the call that made it returns."""
        parents = {self._directories.of(parent): parent for parent in self._forking() if parent != pid}
        if len(parents) == 1:
            self._directories.inherit(pid, next(iter(parents.values())), shared=False)
            return
        try:
            self._directories.change(pid, os.readlink(f"/proc/{pid}/cwd"))
        except OSError:
            self._directories.change(pid, self._directories.of(next(iter(parents.values()), pid)))

    def _path(self, call: Call, arguments: bytes | None = None) -> tuple[str | None, bytes]:
        arguments = call.arguments if arguments is None else arguments
        if call.name in _AT_NAMES:
            return self._paths.take_at(call, arguments)
        return self._paths.take_plain(call, arguments)

    def _open(self, call: Call) -> None:
        named, rest = self._path(call)
        if call.result == -1:
            self._fail(call, named)
            return
        flags = b"O_WRONLY|O_CREAT|O_TRUNC" if call.name == "creat" else rest
        if b"O_PATH" in flags or b"O_DIRECTORY" in flags:
            if named is not None:
                self._ledger.examine(named)
            return
        target = returned_path(call) or named
        for path in {named, target} - {None}:
            assert path is not None
            self._note_open(path, flags, call.time_ns, is_link=path != target)

    def _note_open(self, path: str, flags: bytes, time_ns: int, *, is_link: bool) -> None:
        writes = b"O_WRONLY" in flags or b"O_RDWR" in flags
        if is_link:
            self._ledger.read(path, time_ns)  # Where it points to decided what was opened.
        elif b"O_TMPFILE" in flags:
            pass  # It has no name.
        elif not writes:
            self._ledger.read(path, time_ns)
        else:
            keeps = b"O_TRUNC" not in flags
            self._ledger.write(path, time_ns, keeps_content=keeps, is_new=b"O_EXCL" in flags)

    def _examine(self, call: Call) -> None:
        path, _ = self._path(call)
        if path is None:
            return
        if call.result == -1:
            self._fail(call, path)
        else:
            self._ledger.examine(path)

    def _fail(self, call: Call, path: str | None) -> None:
        if path is None:
            return
        if call.error in _MISSES:
            self._ledger.miss(path)
        elif call.error in ("EEXIST", "EACCES", "EINVAL", "EISDIR", "ELOOP"):
            # EINVAL: readlink of what is no link. The answer depended on what is there.
            self._ledger.examine(path)

    def _change(self, call: Call) -> None:
        path, _ = self._path(call)
        if path is None:
            path = descriptor_path(call)
        if path is None:
            return
        if call.result == -1:
            self._fail(call, path)
        else:
            self._ledger.write(path, call.time_ns, keeps_content=True)

    def _make(self, call: Call) -> None:
        path, _ = self._path(call)
        if path is None:
            return
        if call.result == -1:
            self._fail(call, path)
        else:
            self._ledger.write(path, call.time_ns, keeps_content=False, is_new=True)

    def _remove(self, call: Call) -> None:
        path, _ = self._path(call)
        if path is None:
            return
        if call.result == -1:
            self._fail(call, path)
        else:
            self._ledger.remove(path)

    def _rename(self, call: Call) -> None:
        source, rest = self._path(call)
        target, rest = self._path(call, rest)
        if source is None or target is None:
            return
        if call.result == -1:
            self._fail(call, source)
            return
        if b"RENAME_EXCHANGE" in rest:
            for path in (source, target):
                self._ledger.read_moved(path, call.time_ns)
                self._ledger.write(path, call.time_ns, keeps_content=False)
        else:
            self._ledger.move(source, target, call.time_ns)

    def _link(self, call: Call) -> None:
        source, rest = self._path(call)
        target, _ = self._path(call, rest)
        if source is None or target is None:
            return
        if call.result == -1:
            self._fail(call, source if call.error in _MISSES else target)
            return
        self._ledger.read(source, call.time_ns)
        self._ledger.write(target, call.time_ns, keeps_content=False, is_new=True)

    def _symlink(self, call: Call) -> None:
        path, _ = self._path(call, PathResolver.skip_string(call.arguments))
        if path is None:
            return
        if call.result == -1:
            self._fail(call, path)
        else:
            self._ledger.write(path, call.time_ns, keeps_content=False, is_new=True)

    def _execute(self, call: Call) -> None:
        path, _ = self._path(call)
        if path is None:
            path = descriptor_path(call)
        if path is None:
            return
        if call.result == -1:
            self._fail(call, path)
        else:
            self._on_execution(path, call.time_ns)

    def _fork(self, call: Call) -> None:
        if call.result is not None and call.result > 0:
            shared = b"CLONE_FS" in call.arguments
            if shared or not self._directories.knows(call.result):
                self._directories.inherit(call.result, call.pid, shared=shared)

    def _list(self, call: Call) -> None:
        path = descriptor_path(call)
        if path is not None and call.result != -1:
            self._ledger.list(path)

    def _chdir(self, call: Call) -> None:
        path, _ = self._path(call)
        if path is None:
            return
        if call.result == -1:
            self._fail(call, path)
        else:
            self._directories.change(call.pid, os.path.realpath(path))
            self._ledger.examine(path)

    def _fchdir(self, call: Call) -> None:
        path = descriptor_path(call)
        if path is not None and call.result == 0:
            self._directories.change(call.pid, path)

    def _go_blind(self, call: Call) -> None:
        if call.result != -1:
            self.incomplete[_BLIND[call.name]] = None
