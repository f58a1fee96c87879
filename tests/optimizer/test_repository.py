from __future__ import annotations

from pathlib import Path

from makespan_optimizer.repository import file_reader, repository_at, repository_root


def test_the_root_holds_git_or_else_the_github_folder(tmp_path: Path) -> None:
    file = tmp_path / ".github" / "workflows" / "ci.yml"
    file.parent.mkdir(parents=True)
    file.touch()
    assert repository_root(file) == tmp_path.resolve()
    (tmp_path / ".github" / ".git").mkdir()
    assert repository_root(file) == (tmp_path / ".github").resolve()


def test_nothing_outside_the_root_is_read(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    (tmp_path / "secret").write_text("x")
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "inside").write_text("y")
    read = file_reader(root)
    assert [read(path) for path in ("../secret", "link", str(tmp_path / "secret"), "gone", "inside", "a\0b")] == [
        None,
        None,
        None,
        None,
        "y",
        None,
    ]


def test_a_repository_lists_its_files_from_its_root_and_reads_none_outside(tmp_path: Path) -> None:
    root = tmp_path / "project"
    (root / "ci" / "deep").mkdir(parents=True)
    (root / ".git").mkdir()
    (root / ".git" / "config").write_text("x")
    (root / "ci" / "deep" / "a.yml").write_text("a")
    (root / "b.yml").write_text("b")
    (tmp_path / "secret.yml").write_text("s")
    repository = repository_at(root)
    assert repository.paths() == ("b.yml", "ci/deep/a.yml")
    assert repository.read("ci/deep/a.yml") == "a"
    assert repository.read("../secret.yml") is None
