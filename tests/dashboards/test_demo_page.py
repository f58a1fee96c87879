"""The demo's page is valid, complete, escaped, and loads nothing."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest

from makespan_dashboards.demo_page import Arm, DemoPage, FindingRow, render_demo_page
from makespan_dashboards.timeline import Work, timeline_svg
from support.pipeline_runs import job, run, step

_VOID = {"meta", "link", "br", "img", "input", "hr"}


class _Reader(HTMLParser):
    """Checks that tags are balanced, and keeps the tags and the text."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open, tag
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def _page(*, ratio: float = 2.5, text: str = "plain") -> str:
    timeline = timeline_svg([(text, run(job(text, 0, 3, step(text, 0, 3))))], lambda _: Work.OWN)
    return render_demo_page(
        DemoPage(
            project=text,
            headline_ratio=ratio,
            arms=[
                Arm("before", (118.0, 119.0), 118.5, 141.2),
                Arm("after, cold", (47.0, 48.0), 47.5, 98.3, ratio, 50.1, 2.36),
            ],
            findings=[
                FindingRow(text, text, "proven", "ci.yml:3", 12.0),
                FindingRow(text, text, "measured", "x", None),
            ],
            timeline=timeline,
            diff=f"--- a/ci.yml\n+++ b/ci.yml\n@@ -1 +1 @@\n-old {text}\n+new\n same\n",
            tests=2084,
            notes=[text, "Both sides ran here."],
        )
    )


def _read(html: str) -> _Reader:
    reader = _Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


def test_the_page_says_what_was_measured_and_predicted() -> None:
    text = _read(_page()).text
    for said in (
        "2.50× faster",
        "2,084 tests",
        "118.0, 119.0 s",
        "47.5 s",
        "50.1 s",
        "2.36×",
        "98.3",
        "Both sides ran",
    ):
        assert said in text


def test_a_slowdown_is_not_called_faster() -> None:
    text = _read(_page(ratio=0.5)).text
    assert "2.00× slower" in text
    assert "faster" not in text


def test_a_speed_up_of_nothing_is_an_error() -> None:
    with pytest.raises(ValueError, match="above 0"):
        _page(ratio=0.0)


def test_names_and_diffs_are_text_whatever_they_hold() -> None:
    hostile = "<script>alert(1)</script><img src=x onerror=y> & \"'"
    reader = _read(_page(text=hostile))
    assert [tag for tag, _ in reader.tags if tag in ("script", "img")] == []
    assert f"-old {hostile}" in reader.text


def test_lines_of_the_diff_carry_their_kind() -> None:
    classes = [attrs.get("class") for tag, attrs in _read(_page()).tags if tag == "span"]
    wanted = ["place", "place", "place", "removed", "added", "same"]
    assert [name for name in classes if name in set(wanted)] == wanted


def test_the_page_loads_nothing() -> None:
    reader = _read(_page())
    loading = [attrs for _, attrs in reader.tags if {"src", "href", "xlink:href"} & set(attrs)]
    assert loading == []
    assert "@import" not in _page()
    assert "url(" not in _page()
