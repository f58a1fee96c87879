from __future__ import annotations

import stat
from pathlib import Path

import pytest

from makespan_model.errors import InputError, RefusedError
from makespan_optimizer.file_replacement import read_utf8, replace_text


def test_a_link_keeps_pointing_and_the_mode_stays(tmp_path: Path) -> None:
    real, link = tmp_path / "real.yml", tmp_path / "link.yml"
    real.write_text("a")
    real.chmod(0o640)
    link.symlink_to(real)
    replace_text(link, before="a", after="b\r\n")
    assert link.is_symlink()
    assert real.read_bytes() == b"b\r\n"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.yml", "real.yml"]


def test_a_file_that_changed_meanwhile_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "ci.yml"
    file.write_text("changed")
    with pytest.raises(RefusedError, match="changed while"):
        replace_text(file, before="a", after="b")
    assert file.read_text() == "changed"
    assert [path.name for path in tmp_path.iterdir()] == ["ci.yml"]


def test_text_that_is_not_utf8_is_refused_with_its_byte(tmp_path: Path) -> None:
    file = tmp_path / "ci.yml"
    file.write_bytes(b"ab\xff")
    with pytest.raises(InputError, match="byte 2 is 0xff"):
        read_utf8(file)


def test_bom_and_line_endings_survive_reading(tmp_path: Path) -> None:
    file = tmp_path / "ci.yml"
    file.write_bytes(b"\xef\xbb\xbfa\r\nb\r")
    assert read_utf8(file) == "\ufeffa\r\nb\r"
