from __future__ import annotations

from makespan_collector.operation.readiness import Readiness


def test_only_what_is_wrong_is_told() -> None:
    assert Readiness({"disk": lambda: None, "store": lambda: "closed"}).problems() == {"store": "closed"}


def test_without_checks_nothing_is_wrong() -> None:
    assert Readiness({}).problems() == {}


def test_the_checks_are_asked_once_in_two_seconds_however_often_somebody_asks() -> None:
    now_s, asked = 0.0, 0

    def check() -> str | None:
        nonlocal asked
        asked += 1
        return f"answer {asked}"

    readiness = Readiness({"it": check}, lambda: now_s)
    assert [readiness.problems()["it"] for _ in range(100)] == ["answer 1"] * 100
    now_s = 2.0
    assert readiness.problems()["it"] == "answer 2"
