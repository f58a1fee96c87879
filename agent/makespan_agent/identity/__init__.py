"""Which run, job and step a command belongs to, read from the environment: one file per CI provider."""

__all__ = [
    "azure",
    "bitbucket",
    "buildkite",
    "circleci",
    "drone",
    "git_names",
    "github",
    "gitlab",
    "jenkins",
    "job_identity",
    "plain",
    "registry",
    "step_identity",
    "tekton",
    "woodpecker",
]
