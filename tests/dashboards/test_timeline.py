"""The timeline is well-formed whatever the names and clocks, and shows every job and step that ran."""

from __future__ import annotations

from xml.etree.ElementTree import Element

import defusedxml.ElementTree
import pytest
from hypothesis import given
from hypothesis import strategies as st

from makespan_dashboards.timeline import Work, timeline_svg
from makespan_model.records import PipelineRun, Result, StepRun
from support.pipeline_runs import graph_runs, job, messy_runs, run, step

_SVG = "{http://www.w3.org/2000/svg}"
_WIDTH = 960
_HOSTILE = "</text><script>alert('x')</script> & \" ' ]]> {{ x }} \x00\x1b[31m\ufffe ünï \u202e"


def _own(_step: StepRun) -> Work:
    return Work.OWN


def _drawn(*runs: tuple[str, PipelineRun]) -> Element:
    root: Element = defusedxml.ElementTree.fromstring(timeline_svg(runs, _own))
    return root


def _texts(root: Element) -> list[str]:
    return [(found.text or "") + "".join(child.tail or "" for child in found) for found in root.iter(f"{_SVG}text")]


def _bars(root: Element) -> list[tuple[str, Element]]:
    """Tooltip and rectangle of each step."""
    found = []
    for group in root.iter(f"{_SVG}g"):
        title, rect = group.find(f"{_SVG}title"), group.find(f"{_SVG}rect")
        if title is not None and rect is not None:
            found.append((title.text or "", rect))
    return found


_RUN = run(
    job("build", 0, 10, step("checkout", 0, 1), step("compile", 1, 10, cpu_s=12.34)),
    job("test", 10, 40, step("pytest with a long name", 12, 40), queued_s=10),
    job("deploy", 40, 40, result=Result.SKIP),
)


def test_every_step_is_a_bar_with_its_duration_in_the_tooltip() -> None:
    assert [title for title, _ in _bars(_drawn(("before", _RUN)))] == [
        "build › checkout: 1.0 s",
        "build › compile: 9.0 s, 12.3 CPU s",
        "test › pytest with a long name: 28.0 s",
    ]


def test_bars_stand_in_proportion_to_time() -> None:
    places = [(float(rect.attrib["x"]), float(rect.attrib["width"])) for _, rect in _bars(_drawn(("", _RUN)))]
    (checkout, compiling, tests) = places
    assert compiling[1] == pytest.approx(9 * checkout[1], abs=0.05)
    assert compiling[0] == pytest.approx(checkout[0] + checkout[1], abs=0.05)
    assert tests[0] - checkout[0] == pytest.approx(12 * checkout[1], abs=0.1)


def test_runs_share_one_time_axis_and_stand_below_each_other() -> None:
    short = run(job("a", 0, 20, step("s", 0, 20)))
    bars = dict(_bars(_drawn(("long", run(job("b", 0, 40, step("s", 0, 40)))), ("short", short))))
    long_bar, short_bar = bars["b › s: 40.0 s"].attrib, bars["a › s: 20.0 s"].attrib
    assert float(long_bar["width"]) == pytest.approx(2 * float(short_bar["width"]), abs=0.05)
    assert float(long_bar["y"]) < float(short_bar["y"])


def test_jobs_are_lanes_in_order_of_their_start_and_skipped_ones_are_left_out() -> None:
    texts = _texts(_drawn(("before", _RUN)))
    assert [text for text in texts if text in ("build", "test", "deploy")] == ["build", "test"]


def test_titles_and_makespans_are_told() -> None:
    texts = _texts(_drawn(("before", _RUN), ("after", run(job("a", 0, 2)))))
    assert {"before", "40.0 s", "after", "2.0 s"} <= set(texts)


def test_the_makespan_of_a_short_run_does_not_stand_on_its_title() -> None:
    root = _drawn(("before", _RUN), ("a rather long title of a run", run(job("a", 0, 1))))
    (title,) = [text for text in root.iter(f"{_SVG}text") if text.text == "a rather long title of a run"]
    (makespan,) = [text for text in root.iter(f"{_SVG}text") if text.text == "1.0 s"]
    assert makespan.attrib["text-anchor"] == "start"
    assert float(makespan.attrib["x"]) > float(title.attrib["x"]) + 7 * len(title.text or "")


def test_names_are_shown_as_text_whatever_they_hold() -> None:
    svg = timeline_svg([(_HOSTILE, run(job(_HOSTILE, 0, 9, step(_HOSTILE, 0, 9))))], _own)
    root: Element = defusedxml.ElementTree.fromstring(svg)
    assert "<script" not in svg
    assert list(root.iter(f"{_SVG}script")) == []
    (title, _), *_ = _bars(root)
    assert "</text><script>alert('x')</script> & \" ' ]]> {{ x }} \ufffd\ufffd[31m" in title


def test_a_failed_step_looks_different_and_the_legend_says_so() -> None:
    failed = run(job("a", 0, 5, step("s", 0, 5, result=Result.FAILURE)))
    assert [rect.attrib["class"] for _, rect in _bars(_drawn(("", failed)))] == ["failed"]
    assert "failed" in _texts(_drawn(("", failed)))
    assert "failed" not in _texts(_drawn(("", _RUN)))


def test_a_wait_for_a_runner_is_drawn_and_explained() -> None:
    waited = run(job("a", 4, 9, step("s", 4, 9), queued_s=0))
    rects = [rect for rect in _drawn(("", waited)).iter(f"{_SVG}rect") if rect.attrib["class"] == "queue"]
    assert len(rects) == 2
    assert "waiting for a runner" in _texts(_drawn(("", waited)))
    assert "waiting for a runner" not in _texts(_drawn(("", _RUN)))


@pytest.mark.parametrize(
    ("seconds", "last_tick"),
    [
        (0.04, "0.04 s"),
        (9, "9 s"),
        (59, "50 s"),
        (600, "10 min"),
        (7200, "120 min"),
        (20 * 3600, "20 h"),
        (900_000, "240 h"),
    ],
)
def test_ticks_are_round_and_few(seconds: float, last_tick: str) -> None:
    root = _drawn(("", run(job("a", 0, seconds))))
    ticks = [found.text for found in root.iter(f"{_SVG}text") if found.attrib.get("text-anchor") == "middle"]
    assert ticks[-1] == last_tick
    assert 1 < len(ticks) <= 11


@pytest.mark.parametrize("empty", [run(), run(job("a", 0, 0)), run(job("a", 0, 0, step("s", 0, 0)))])
def test_a_run_of_no_length_is_drawn(empty: PipelineRun) -> None:
    assert "0.00 s" in _texts(_drawn(("empty", empty)))


def test_no_run_is_an_error() -> None:
    with pytest.raises(ValueError, match="at least one run"):
        timeline_svg([], _own)


def test_a_step_inside_another_one_leaves_the_outer_ones_label_room() -> None:
    nested = run(job("a", 0, 10, step("outer step", 0, 10), step("inner step", 0.5, 9)))
    labels = [text for text in _texts(_drawn(("", nested))) if text.endswith(" step") or "…" in text]
    assert labels[-1] == "inner step"
    assert labels[0] != "outer step"


@given(messy_runs() | graph_runs(), st.text(max_size=8))
def test_any_run_gives_well_formed_xml_inside_its_frame(messy: PipelineRun, title: str) -> None:
    root = _drawn((title, messy))
    shown = [item for item in messy.jobs if item.result is not Result.SKIP]
    steps = [each for item in shown for each in item.steps if each.result is not Result.SKIP]
    assert len(_bars(root)) == len(steps)
    for _, rect in _bars(root):
        assert 0 <= float(rect.attrib["x"]) <= float(rect.attrib["x"]) + float(rect.attrib["width"]) <= _WIDTH
