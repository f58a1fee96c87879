"""Counters of the containers around a step: throttling, memory events, pressure stalls.

Each file is opened once and read at the step's start and end, so that a group which is renamed or
unmounted meanwhile cannot be confused with another.
"""

from __future__ import annotations

import os

from makespan_agent.measuring.cgroups import ControlGroups

TYPE_CHECKING = False  # Importing typing for it takes 7 ms.
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Parser = Callable[[str], Mapping[str, float]]

_EVENTS = {
    "high": "memory_high_events",
    "max": "memory_max_events",
    "oom": "memory_oom_events",
}
_PRESSURES = ("cpu", "memory", "io")


class CgroupCounters:
    """What happened to the step's container since this object was made.

    Args:
        groups: The groups around this process.
        root: Put before /proc, as for `ControlGroups`.
    """

    def __init__(self, groups: ControlGroups, root: str = "") -> None:
        self._readers: list[_Reader] = []
        cpu, memory = groups.cpu_limit(), groups.memory_limit()
        self._limits: dict[str, object] = {}
        if cpu is not None:
            self._limits["cpu_limit_cores"] = cpu[0]
        if memory is not None:
            self._limits["memory_limit_bytes"] = memory[0]
        if groups.unified:
            own = groups.unified[0]
            # A group counts the throttling by its own quota only, and the killing of its own processes only.
            quota_owner = cpu[1] if cpu and cpu[1] in groups.unified else own
            limit_owner = memory[1] if memory and memory[1] in groups.unified else own
            self._open(f"{quota_owner}/cpu.stat", _throttling_v2)
            self._open(f"{limit_owner}/memory.events", _memory_events)
            self._open(f"{own}/memory.events", _oom_kills)
        if groups.cpu_v1:
            owner = cpu[1] if cpu and cpu[1] in groups.cpu_v1 else groups.cpu_v1[0]
            self._open(f"{owner}/cpu.stat", _throttling_v1)
        if groups.memory_v1:
            owner = memory[1] if memory and memory[1] in groups.memory_v1 else groups.memory_v1[0]
            self._open(f"{groups.memory_v1[0]}/memory.oom_control", _oom_kills)
            self._open(f"{owner}/memory.failcnt", _failures_v1)
        self.pressure_source = self._open_pressures(groups, root)
        self._start = self._read()

    def since_start(self) -> dict[str, object]:
        """Differences and limits, by the names of `makespan_model.records.Usage`; what is unknown is left out."""
        now = self._read()
        found: dict[str, object] = {
            name: max(0, value - self._start[name]) for name, value in now.items() if name in self._start
        }
        if self.pressure_source is not None:
            found["pressure_source"] = self.pressure_source
        return found | self._limits

    def close(self) -> None:
        """Close the files."""
        for reader in self._readers:
            os.close(reader.descriptor)
        self._readers.clear()

    def _open_pressures(self, groups: ControlGroups, root: str) -> str | None:
        """PSI of the container where the kernel keeps it, else of the machine (Documentation/accounting/psi.rst)."""
        places = []
        # The machine's root group, which alone has no `cgroup.type`, speaks of the whole machine.
        if groups.unified and os.path.exists(f"{groups.unified[0]}/cgroup.type"):
            places.append(("cgroup", f"{groups.unified[0]}/{{}}.pressure"))
        places.append(("host", f"{root}/proc/pressure/{{}}"))
        for source, pattern in places:
            before = len(self._readers)
            for resource in _PRESSURES:
                self._open(pattern.format(resource), _Pressure(resource))
            if len(self._readers) > before:
                return source
        return None

    def _open(self, path: str, parse: Parser) -> None:
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return
        reader = _Reader(descriptor, parse)
        if reader.read():
            self._readers.append(reader)
        else:
            os.close(descriptor)  # Switched off (psi=0) or without what is looked for: the next best may have it.

    def _read(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for reader in self._readers:
            found.update(reader.read())
        return found


class _Reader:
    __slots__ = ("_parse", "descriptor")

    def __init__(self, descriptor: int, parse: Parser) -> None:
        self.descriptor = descriptor
        self._parse = parse

    def read(self) -> Mapping[str, float]:
        try:
            return self._parse(os.pread(self.descriptor, 4096, 0).decode("ascii", "replace"))
        except (OSError, ValueError, KeyError, IndexError):
            return {}


class _Pressure:
    """`some avg10=0.00 avg60=0.00 avg300=0.00 total=<microseconds>` on the first line."""

    __slots__ = ("_name",)

    def __init__(self, resource: str) -> None:
        self._name = f"{resource}_pressure_s"

    def __call__(self, text: str) -> dict[str, float]:
        kind, *figures = text.partition("\n")[0].split()
        if kind != "some":
            return {}
        return {self._name: int(figures[-1].removeprefix("total=")) / 1e6}


def _keyed(text: str) -> dict[str, int]:
    return {name: int(value) for name, value in (line.split() for line in text.splitlines())}


def _throttling_v2(text: str) -> dict[str, float]:
    counters = _keyed(text)
    if "nr_throttled" not in counters:
        return {}  # The cpu controller is not switched on for this group.
    return {"throttled_periods": counters["nr_throttled"], "throttled_s": counters["throttled_usec"] / 1e6}


def _throttling_v1(text: str) -> dict[str, float]:
    counters = _keyed(text)
    return {"throttled_periods": counters["nr_throttled"], "throttled_s": counters["throttled_time"] / 1e9}


def _memory_events(text: str) -> dict[str, float]:
    counters = _keyed(text)
    return {field: counters[name] for name, field in _EVENTS.items() if name in counters}


def _oom_kills(text: str) -> dict[str, float]:
    """`memory.events` or, since Linux 4.13, version 1's `memory.oom_control`."""
    counters = _keyed(text)
    return {"oom_kills": counters["oom_kill"]} if "oom_kill" in counters else {}


def _failures_v1(text: str) -> dict[str, float]:
    return {"memory_max_events": int(text)}
