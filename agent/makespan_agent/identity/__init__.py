"""Which run, job and step a command belongs to, read from the environment: one file per CI provider."""

__all__ = ["github", "gitlab", "job_identity", "plain", "registry", "step_identity"]
