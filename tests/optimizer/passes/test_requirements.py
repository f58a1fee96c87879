from __future__ import annotations

import pytest

from makespan_optimizer.passes.requirements import requirements_of
from makespan_optimizer.passes.setup_commands import read_commands

FILES = {
    "pinned.txt": "a==1.0\nb[x]==2 ; python_version > '3'\n-r sub/more.txt\nc==1 --hash=sha256:00\n--no-binary :all:\n",
    "sub/more.txt": "# nothing loose\nd==3\n",
    "loose.txt": "a>=1\n",
    "star.txt": "a==1.*\n",
    "loop.txt": "-r loop.txt\na==1\n",
    "editable.txt": "-e .\n",
    "web/package-lock.json": "{}",
    "pyproject.toml": "",
}


@pytest.mark.parametrize(
    ("run", "paths", "loose"),
    [
        ("pip install -r pinned.txt", ("pinned.txt", "sub/more.txt"), ""),
        ("pip install -rpinned.txt", ("pinned.txt", "sub/more.txt"), ""),
        ("pip install --requirement=pinned.txt", ("pinned.txt", "sub/more.txt"), ""),
        ("pip install -r loop.txt", ("loop.txt",), ""),
        ("pip install -r loose.txt", ("loose.txt",), "a>=1 in loose.txt is not pinned to one version"),
        ("pip install -r star.txt", ("star.txt",), "a==1.* in star.txt is not pinned to one version"),
        ("pip install -r gone.txt", ("gone.txt",), "gone.txt could not be read"),
        ("pip install -r editable.txt", ("editable.txt",), "installs a project"),
        ("pip install -e .[test]", ("pyproject.toml",), "the project's own dependencies (.[test]) are not pinned"),
        ("pip install --upgrade pip ruff==0.14.0", (), ""),
        ("pip install ruff", (), "ruff is not pinned to one version"),
        ("pip install --index-url https://x ruff==1", (), ""),
        ("yarn install", ("yarn.lock",), "yarn may change its lock file"),
        ("uv sync --locked", ("uv.lock",), "uv.lock could not be read"),
    ],
)
def test_what_decides_an_install_is_found_and_judged(run: str, paths: tuple[str, ...], loose: str) -> None:
    found = requirements_of(read_commands(run), ".", FILES.get)
    assert found.paths == paths
    assert loose in found.loose if loose else found.loose == ""


def test_a_lock_file_is_looked_for_in_the_working_directory() -> None:
    found = requirements_of(read_commands("npm ci"), "web", FILES.get)
    assert (found.paths, found.loose) == (("web/package-lock.json",), "")
