"""How much memory and CPU steps and jobs need, which runner class fits, and how sure that is."""

__all__ = [
    "cpu_demand",
    "level_changes",
    "memory_size",
    "observations",
    "peak_risk",
    "pipeline_sizes",
    "pressure_evidence",
    "resource_flags",
    "runner_choice",
]
