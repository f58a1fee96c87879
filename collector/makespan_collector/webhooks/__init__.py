"""Webhooks of GitHub and GitLab: runs and jobs as they are queued, started and ended."""

__all__ = ["blueprint", "deliveries", "github", "gitlab", "secrets", "signatures"]
