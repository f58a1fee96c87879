"""History from GitHub's and GitLab's API, and from files: one file per origin."""

__all__ = ["github", "gitlab"]
