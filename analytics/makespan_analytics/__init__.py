"""Turns the history of runs into statements with evidence."""

__all__ = ["critical_path", "path_shares", "pipeline_analysis", "precedence", "profiles", "slack"]
