"""What wrapping a command costs: makespan beside GNU time, hyperfine, psrecord and nothing.

    python benchmarks/agent_overhead.py [--rounds N] [--makespan PATH] [--psrecord PATH] [--json]

Every round runs every wrapper on every command, so that a busy machine is busy for all of them; figures are
medians. CPU-bound commands use a fixed number of CPU seconds, so what a wrapper takes from them shows as wall
time. Wrappers that are not installed are left out. The targets stand beside the figures; the script always
ends with 0, for a shared machine is no judge.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median

from makespan_collector.server import BackgroundCollector

BURN = "import time\nwhile time.process_time() < {}: pass"
MANY_PROCESSES = 100
WATCHED_S = 15.0
SETTLED_S = 4.0
"""By then a step's readings are down to one a second."""
DELIVERY_DEADLINE_S = 20.0
FLOOR = "interpreter floor"


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured value.

    Attributes:
        target: What to reach, as text; empty where there is none.
        reached: None where there is no target.
    """

    name: str
    value: float
    unit: str
    target: str = ""
    reached: bool | None = None


def wall_s(words: Sequence[str], environment: Mapping[str, str]) -> float:
    """Wall time of one command with its output thrown away."""
    actions = [(os.POSIX_SPAWN_OPEN, number, os.devnull, os.O_RDWR, 0) for number in (0, 1, 2)]
    start = time.perf_counter()
    pid = os.posix_spawnp(words[0], list(words), environment, file_actions=actions)
    os.waitpid(pid, 0)
    return time.perf_counter() - start


def find_wrappers(makespan: str, psrecord: str | None) -> dict[str, list[str]]:
    """Wrappers that are here, by name, as the words before the command."""
    found = {"bare": [], "makespan": [makespan, "run", "--"], "makespan, exporter started": [makespan, "run", "--"]}
    if Path("/usr/bin/time").exists():
        found["/usr/bin/time -v"] = ["/usr/bin/time", "-v"]
    if (hyperfine := shutil.which("hyperfine")) is not None:
        found["hyperfine -r1"] = [hyperfine, "--runs", "1", "--shell=none", "--style=none"]
    if psrecord is not None:
        found["psrecord"] = [psrecord, "--interval", "0.1"]
    return found


def wrapped(name: str, words: Sequence[str], command: Sequence[str]) -> list[str]:
    """Both of these take the command as one shell-quoted word."""
    if name.startswith(("hyperfine", "psrecord")):
        return [*words, " ".join(f"'{word}'" for word in command)]
    return [*words, *command]


def measure_wall(
    wrappers: Mapping[str, Sequence[str]], rounds: int, spool: Path, collector: str
) -> dict[str, dict[str, list[float]]]:
    """Wall seconds by command and wrapper."""
    python = [sys.executable, "-I", "-S", "-c"]
    commands = {
        "true": ["true"],
        "1 s of CPU": [*python, BURN.format(1.0)],
        "2.5 s of CPU": [*python, BURN.format(2.5)],
    }
    environment = agent_environment(spool)
    exporting = environment | {"MAKESPAN_EXPORT": "detached", "MAKESPAN_ENDPOINT": collector}
    seconds: dict[str, dict[str, list[float]]] = {name: {wrapper: [] for wrapper in wrappers} for name in commands}
    seconds["true"][FLOOR] = []
    for number in range(rounds):
        for name, command in commands.items():
            # The short command is cheap and its figures small: it gets more of the rounds.
            for _ in range(10 if name == "true" else 1):
                if name == "true":
                    seconds[name][FLOOR].append(wall_s([*python, "pass"], environment))
                for wrapper, words in wrappers.items():
                    exports = wrapper.endswith("started")
                    taken_s = wall_s(wrapped(wrapper, words, command), exporting if exports else environment)
                    seconds[name][wrapper].append(taken_s)
                    if exports:
                        wait_until_sent(spool)
                    empty(spool)
        print(f"round {number + 1} of {rounds} done", file=sys.stderr)
    return seconds


def agent_environment(spool: Path) -> dict[str, str]:
    """This process's own, with a spool that is thrown away; pip has compiled an installed makespan."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MAKESPAN_", "OTEL_", "PYTHON"))}
    return kept | {"MAKESPAN_SPOOL": str(spool), "MAKESPAN_EXPORT": "flush-only"}


def wait_until_sent(spool: Path) -> None:
    """Until the exporter has emptied the spool: it must not run beside the next measurement."""
    deadline_s = time.monotonic() + DELIVERY_DEADLINE_S
    while any(spool.glob("*.step")) and time.monotonic() < deadline_s:
        time.sleep(0.02)
    time.sleep(0.1)


def empty(spool: Path) -> None:
    """A spool that grows makes every later step a little slower."""
    for path in spool.glob("*.step"):
        path.unlink(missing_ok=True)


def measure_waiting(makespan: str, spool: Path) -> tuple[float, float, int]:
    """Resident MiB of the agent and its share of a core with 100 processes; how many readings were a second apart."""
    script = f"for i in $(seq {MANY_PROCESSES}); do sleep 600 & done; wait"
    pid = os.posix_spawnp(
        makespan, [makespan, "run", "--", "bash", "-c", script], agent_environment(spool), setpgroup=0
    )
    try:
        time.sleep(SETTLED_S)
        before_s, start = cpu_s(pid), time.monotonic()
        time.sleep(WATCHED_S)
        ratio = (cpu_s(pid) - before_s) / (time.monotonic() - start)
        status = Path(f"/proc/{pid}/status").read_text()
    finally:
        os.killpg(pid, signal.SIGTERM)
        os.waitpid(pid, 0)
    resident_kb = next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM:"))
    (record,) = spool.glob("*.step")
    samples = json.loads(record.read_bytes().splitlines()[-1].partition(b" ")[2])["samples"]
    spans_s = [(b[0] - a[0]) / 1e9 for a, b in pairwise(samples)]
    return resident_kb / 1024, ratio, sum(span_s < 1.5 for span_s in spans_s[-10:])


def cpu_s(pid: int) -> float:
    """Nanosecond-exact CPU time of a process (Documentation/scheduler/sched-stats.rst)."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def wall_figures(seconds: Mapping[str, Mapping[str, Sequence[float]]]) -> list[Figure]:
    floor_s = median(seconds["true"][FLOOR])
    figures = [Figure(f"true: {FLOOR} (python -I -S -c pass)", floor_s * 1e3, "ms")]
    for name, by_wrapper in seconds.items():
        bare_s = median(by_wrapper["bare"])
        figures.append(Figure(f"{name}: bare", bare_s * 1e3, "ms"))
        for wrapper, values in by_wrapper.items():
            if wrapper in ("bare", FLOOR):
                continue
            total_s = median(values)
            ours = wrapper.startswith("makespan")
            if name == "true":
                figures.append(
                    judged(f"true: {wrapper}", total_s / floor_s, "x floor", 2.0 if wrapper == "makespan" else None)
                )
            # Alternating pairs share the machine's mood: the median of differences is steadier than that of walls.
            added_s = median(value - bare for value, bare in zip(values, by_wrapper["bare"], strict=True))
            limit_ms = {"true": 15.0, "1 s of CPU": 25.0}.get(name) if ours else None
            figures.append(judged(f"{name}: {wrapper} adds", added_s * 1e3, "ms", limit_ms))
            if name.startswith("2.5"):
                figures.append(
                    judged(f"{name}: {wrapper} adds", added_s / bare_s * 100, "% of wall", 1.0 if ours else None)
                )
    return figures


def judged(name: str, value: float, unit: str, limit: float | None) -> Figure:
    if limit is None:
        return Figure(name, value, unit)
    return Figure(name, value, unit, f"<= {limit:g}", value <= limit)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--makespan",
        default=str(Path(sys.executable).with_name("makespan")),
        help="the console script to measure (default: the one beside this interpreter)",
    )
    parser.add_argument("--psrecord", default=shutil.which("psrecord"), help="psrecord, if it is not on the PATH")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, BackgroundCollector(Path(folder) / "store") as collector:
        spool = Path(folder) / "spool"
        wrappers = find_wrappers(options.makespan, options.psrecord)
        wall_s([options.makespan, "run", "--", "sleep", "0.2"], agent_environment(spool))  # Compiles what is not yet.
        empty(spool)
        seconds = measure_wall(wrappers, max(1, options.rounds), spool, collector.endpoint)
        resident_mib, cpu_ratio, dense = measure_waiting(options.makespan, spool)
    figures = [
        *wall_figures(seconds),
        judged("agent's resident peak while waiting", resident_mib, "MiB", 20.0),
        judged(f"agent's CPU at {MANY_PROCESSES} processes", cpu_ratio * 100, "% of a core", 0.5),
        Figure("of its last ten readings, less than 1.5 s apart", dense, ""),
    ]
    if options.json:
        print(json.dumps([asdict(figure) for figure in figures], indent=2))
        return
    for figure in figures:
        verdict = "" if figure.reached is None else f"  target {figure.target}: {'yes' if figure.reached else 'NO'}"
        print(f"{figure.name:<58}{figure.value:>10.2f} {figure.unit}{verdict}")


if __name__ == "__main__":
    main()
