"""Stand-in for `actions/cache`, `actions/cache/restore` and `actions/cache/save`.

Keys are immutable and restore keys match by prefix, newest first, as GitHub's own service does; an
entry also belongs to the list of paths it was made of. Packing is left to GNU tar, as the action leaves
it: a virtual environment of 5,000 files takes Python's tarfile several times as long. Archives are not
compressed: on one machine the disk is faster than any compressor.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from makespan_optimizer.local.actions.globs import matches, read_patterns
from makespan_optimizer.local.actions.protocol import (
    ActionError,
    read_flag,
    read_input,
    run_action,
    shared_folder,
    workspace,
    write_output,
)

_KEY_LENGTH_LIMIT = 512  # actions/cache: "Key Validation Error: ... cannot be larger than 512 characters"


def restore() -> None:
    """Unpack the entry of `key`, or the newest one that the key or a restore key is a prefix of."""
    key, paths = _key(), _paths()
    started = time.monotonic()
    entry = _find_for_restore(_version(paths), key, read_input("restore-keys").splitlines())
    hit = entry is not None and entry.key == key
    if entry is None:
        print(f"Cache not found for key {key}")
        if read_flag("fail-on-cache-miss"):
            raise ActionError(f"no cache entry for key {key} and fail-on-cache-miss is set")
    elif read_flag("lookup-only"):
        print(f"Cache found with key {entry.key}, not restored: lookup-only is set")
    else:
        size = sum(_unpack(_folder() / name) for name in entry.archives)
        print(f"Cache restored from key {entry.key}: {size} bytes in {time.monotonic() - started:.2f} s")
    write_output("cache-matched-key", entry.key if entry else "")
    # actions/cache: "If there's a cache miss, this will be an empty string."
    write_output("cache-hit", "" if entry is None else "true" if hit else "false")
    write_output("cache-primary-key", key)
    _state_file().write_text(json.dumps({"key": key, "paths": paths, "hit": hit}), "utf-8")


def save_after() -> None:
    """The post step of `actions/cache`: save unless the exact key was restored."""
    try:
        state = json.loads(_state_file().read_text("utf-8"))
    except FileNotFoundError:
        print("The cache step did not run; nothing to save")
        return
    if state["hit"]:
        print(f"Cache hit on the primary key {state['key']}, not saving")
        return
    _save(state["key"], state["paths"])


def save() -> None:
    """`actions/cache/save`."""
    _save(_key(), _paths())


def _save(key: str, paths: str) -> None:
    version = _version(paths)
    if any(entry.key == key for entry in _entries(version)):
        print(f"Cache entry {key} exists already, not saving")
        return
    found = matches(read_patterns(paths, workspace()), with_descendants=False)
    if not found:
        print(f"::warning::none of the cached paths exists: {' '.join(paths.split())}")
        return
    name = hashlib.sha256(f"{version}\0{key}".encode()).hexdigest()
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    archives = [_pack(folder, name, root, members) for root, members in _by_root(found).items()]
    entry = {"key": key, "version": version, "archives": archives, "created_ns": time.time_ns()}
    unfinished = folder / f"{name}.{os.getpid()}.part"
    unfinished.write_text(json.dumps(entry), "utf-8")
    # The entry is written last: until then nobody sees its archives.
    unfinished.rename(folder / f"{name}.json")
    size = sum((folder / archive).stat().st_size for archive in archives)
    print(f"Cache saved with key {key}: {size} bytes in {time.monotonic() - started:.2f} s")


@dataclass(frozen=True, slots=True)
class _Entry:
    key: str
    archives: tuple[str, ...]
    created_ns: int


def _find_for_restore(version: str, key: str, restore_keys: list[str]) -> _Entry | None:
    """The exact key, else the newest entry that begins with the key, else with the first restore key that has one."""
    entries = _entries(version)
    wanted = [entry for entry in entries if entry.key == key]
    for prefix in (key, *filter(None, map(str.strip, restore_keys))):
        wanted += [entry for entry in entries if entry.key.startswith(prefix)]
    return wanted[0] if wanted else None


def _entries(version: str) -> list[_Entry]:
    """Entries made of the same paths, newest first; a damaged one is no entry."""
    found = []
    for file in _folder().glob("*.json"):
        try:
            read = json.loads(file.read_text("utf-8"))
            archives = tuple(str(name) for name in read["archives"])
            entry = _Entry(str(read["key"]), archives, int(read["created_ns"]))
            own = read["version"] == version
            # Archives are ours by name: an entry must not lead to another file.
            if any(name.partition(".")[0] != file.stem or "/" in name for name in archives):
                raise ValueError("its archives have foreign names")
        except (OSError, ValueError, KeyError, TypeError) as error:
            print(f"::warning::the cache entry {file.name} is damaged and not used: {error}")
            continue
        if own:
            found.append(entry)
    return sorted(found, key=lambda entry: entry.created_ns, reverse=True)


def _by_root(paths: list[Path]) -> dict[str, list[str]]:
    """Paths relative to the workspace or the home folder, which differ from job to job."""
    found: dict[str, list[str]] = {}
    for path in paths:
        root = next(name for name, folder in _roots().items() if path.is_relative_to(folder))
        found.setdefault(root, []).append(str(path.relative_to(_roots()[root])))
    return found


def _roots() -> dict[str, Path]:
    """In the order they are tried: the workspace usually lies inside the home folder."""
    return {"workspace": workspace(), "home": Path.home(), "absolute": Path("/")}


def _pack(folder: Path, name: str, root: str, members: list[str]) -> str:
    archive = f"{name}.{root}.tar"
    unfinished = folder / f"{archive}.{os.getpid()}.part"
    listing = "\0".join(members).encode()
    _tar(["--create", "--file", str(unfinished), "--null", "--verbatim-files-from", "--files-from=-"], root, listing)
    unfinished.rename(folder / archive)
    return archive


def _unpack(archive: Path) -> int:
    """Unpack below the archive's root; tar refuses members that would leave it.

    Returns:
        Size of the archive in bytes.
    """
    root = archive.name.removesuffix(".tar").rpartition(".")[2]
    if root not in _roots():
        raise ActionError(f"{archive}: not an archive of this cache")
    _tar(["--extract", "--file", str(archive), "--no-same-owner"], root, b"")
    return archive.stat().st_size


def _tar(arguments: list[str], root: str, stdin: bytes) -> None:
    command = ["tar", "--directory", str(_roots()[root]), *arguments]
    finished = subprocess.run(command, input=stdin, capture_output=True, check=False)
    if finished.returncode:
        raise ActionError(f"tar failed: {finished.stderr.decode('utf-8', 'replace').strip()}")


def _key() -> str:
    key = read_input("key")
    if not key:
        raise ActionError("the input key is required")
    if len(key) > _KEY_LENGTH_LIMIT or "," in key:
        raise ActionError(f"the key must be at most {_KEY_LENGTH_LIMIT} characters and hold no comma: {key!r}")
    return key


def _paths() -> str:
    paths = read_input("path")
    if not paths:
        raise ActionError("the input path is required")
    return paths


def _version(paths: str) -> str:
    return hashlib.sha256("\0".join(filter(None, map(str.strip, paths.splitlines()))).encode()).hexdigest()


def _folder() -> Path:
    return shared_folder("MAKESPAN_CACHE_FOLDER")


def _state_file() -> Path:
    return Path(os.environ["RUNNER_TEMP"]) / f"makespan-cache-{os.environ['MAKESPAN_ACTION_STEP']}.json"


if __name__ == "__main__":
    run_action({"restore": restore, "save": save, "save-after": save_after})
