"""Runs a GitHub workflow on this machine through `act`, every step under the agent."""

__all__ = ["act", "environment", "execution", "job_file", "stand_ins", "telemetry", "yaml_tree"]
