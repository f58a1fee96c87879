"""Spans of CI/CD emitters other than makespan's agent: one module an emitter, and what they have in common."""

__all__ = [
    "cicd_action",
    "conventions",
    "emitter",
    "github_receiver",
    "gitlab_exporter",
    "jenkins",
    "registry",
    "trees",
]
