"""What is to be expected: when a running pipeline will end."""

__all__ = ["remaining_time"]
