"""What makespan needs of a machine, looked at one thing at a time."""

__all__ = ["check", "installation", "surroundings"]
