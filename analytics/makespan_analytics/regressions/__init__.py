"""Changes of level in what a pipeline takes, with the commits they came with, grouped by cause."""

__all__ = ["history_series", "pipeline_changes"]
