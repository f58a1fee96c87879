from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from makespan_analytics.critical_path import CriticalPath, critical_path
from makespan_cli.rendering.critical_path_bar import print_critical_path
from makespan_model.records import PipelineRun
from support.pipeline_runs import graph_runs, job, run, step


def path() -> CriticalPath:
    return critical_path(
        run(
            job("lint", 0, 20, step("ruff", 0, 20), needs=()),
            job("test", 40, 100, step("pytest", 40, 100), needs=("lint",)),
        )
    )


def printed(shown: CriticalPath, *, width: int = 80, encoding: str = "utf-8", terminal: bool = False) -> str:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding)
    console = Console(
        file=file,
        width=width,
        highlight=False,
        force_terminal=terminal,
        color_system="standard" if terminal else "auto",
    )
    print_critical_path(console, shown)
    file.flush()
    return raw.getvalue().decode(encoding)


def test_the_bar_is_as_wide_as_the_console_and_in_proportion() -> None:
    bar = printed(path(), width=50).splitlines()[0]
    assert bar == "A" + "█" * 9 + "B" + "·" * 9 + "C" + "█" * 29


def test_every_segment_has_a_legend_row_with_seconds_and_share() -> None:
    rows = [line.split() for line in printed(path()).splitlines()[1:]]
    assert rows == [
        ["A", "lint", "›", "ruff", "20.0", "s", "20%"],
        ["B", "test", "›", "(queued", "for", "a", "runner)", "20.0", "s", "20%"],
        ["C", "test", "›", "pytest", "1", "min", "00", "s", "60%"],
    ]


def test_a_terminal_gets_colours_and_execution_and_waiting_differ() -> None:
    bar = printed(path(), terminal=True).splitlines()[0]
    assert "\x1b[36m█" in bar
    assert "\x1b[35m█" in bar
    assert "\x1b[2m·" in bar


def test_no_color_is_honoured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in printed(path(), terminal=True)


def test_a_pipe_gets_no_escape_codes() -> None:
    assert "\x1b" not in printed(path())


def test_an_ascii_terminal_gets_ascii() -> None:
    assert printed(path(), encoding="ascii").isascii()


def test_a_name_with_control_characters_cannot_reach_the_terminal() -> None:
    text = printed(critical_path(run(job("a\x1b[2J", 0, 1, step("b\nc\rd", 0, 1)))))
    assert "\x1b" not in text
    assert "a?[2J › b?c?d" in text


def test_segments_too_short_to_see_are_summed_up() -> None:
    shown = critical_path(
        run(job("a", 0, 1000, *(step(f"s{n}", n * 0.1, n * 0.1 + 0.05) for n in range(20)), needs=()))
    )
    assert "too short to show)" in printed(shown)


def test_a_run_without_time_is_said_to_be_so() -> None:
    assert printed(critical_path(run(end_s=0))) == "The run took no measurable time.\n"


@given(graph_runs(), st.integers(40, 200))
def test_no_line_is_wider_than_the_console(real_run: PipelineRun, width: int) -> None:
    lines = printed(critical_path(real_run), width=width).splitlines()
    assert all(len(line) <= width for line in lines)
