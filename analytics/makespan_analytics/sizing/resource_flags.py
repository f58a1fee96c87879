"""Sizes in the words of the tools that take them."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor

_MIB = 1024 * 1024
_HEAP_RATIO = 0.75
"""A JVM's heap of its memory, as -XX:MaxRAMPercentage is commonly set: metaspace, code cache (240 MiB at most by
default), threads and direct buffers need the rest. A rule of thumb: the heap itself is not measured."""
_LEAST_HEAP_MIB = 64
_LEAST_DOCKER_MIB = 6
"""Docker refuses less (docs.docker.com, Runtime options with memory: --memory)."""


@dataclass(frozen=True, slots=True)
class ResourceFlags:
    """One size in several languages.

    Attributes:
        docker: `--memory … --cpus …`; swap is not allowed beyond it, so that the limit means what it says.
        kubernetes: `resources` of a container. Memory is requested and limited alike, as it cannot be taken back;
            CPU is requested and not limited, as idle cores of a node help and throttling only hurts.
        gitlab: Variables of the Kubernetes executor (docs.gitlab.com/runner, Overwrite container resources).
        jvm: `-Xmx` for a step that is one JVM.
        workers: For `make -j` and `pytest -n`: as many as there is CPU demand for.
    """

    docker: str
    kubernetes: dict[str, dict[str, str]]
    gitlab: dict[str, str]
    jvm: str
    workers: int


def resource_flags(memory_bytes: float, cores: float) -> ResourceFlags:
    """The flags for a size; memory is rounded up to MiB, cores to hundredths.

    Raises:
        ValueError: A size that is not positive.
    """
    if memory_bytes <= 0 or cores <= 0:
        raise ValueError("a size must be positive")
    mib = max(_LEAST_DOCKER_MIB, ceil(memory_bytes / _MIB))
    millicores = max(10, ceil(round(cores * 100, 6)) * 10)
    memory, cpu = f"{mib}Mi", f"{millicores}m"
    return ResourceFlags(
        docker=f"--memory={mib}m --memory-swap={mib}m --cpus={millicores / 1000:g}",
        kubernetes={"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": memory}},
        gitlab={
            "KUBERNETES_CPU_REQUEST": cpu,
            "KUBERNETES_MEMORY_REQUEST": memory,
            "KUBERNETES_MEMORY_LIMIT": memory,
        },
        jvm=f"-Xmx{max(_LEAST_HEAP_MIB, floor(mib * _HEAP_RATIO))}m",
        workers=max(1, ceil(round(cores, 2) - 0.25)),
    )
