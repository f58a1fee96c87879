"""Stand-ins for the GitHub actions that nearly every workflow uses, each run as `python -m`.

They start inside every job, so each imports only what its own work needs.
"""

__all__ = ["artifact", "cache", "protocol", "setup_python"]
