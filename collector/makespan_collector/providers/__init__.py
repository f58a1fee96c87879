"""What GitHub and GitLab say of runs and jobs, over their APIs or by webhook, as rows of the store."""

__all__ = ["github_rows", "github_steps", "gitlab_rows", "payload", "run_facts"]
