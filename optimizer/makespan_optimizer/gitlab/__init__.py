"""GitLab CI/CD: `.gitlab-ci.yml` with what it includes, as GitLab itself expands and reads it."""

__all__: list[str] = []
