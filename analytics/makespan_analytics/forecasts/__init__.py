"""What is to be expected: the end of a running pipeline, the duration of its next run, the cost of the next quarter."""

__all__ = ["cost_growth", "local_level", "next_run", "remaining_time"]
