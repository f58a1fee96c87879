"""What starts a pipeline, and the predefined variables that follow from it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from makespan_optimizer.gitlab.evaluation import FILLED, Anything, Known

Kind = Literal["push", "merge_request", "tag", "schedule", "web", "api", "trigger", "pipeline", "parent_pipeline"]

# CI_PIPELINE_SOURCE; a tag's pipeline is a push.
_SOURCES: dict[Kind, str] = {"merge_request": "merge_request_event", "tag": "push"}
# How `only:refs` calls them beside the word itself (Rails' pluralize).
_PLURALS = {"push": "pushes", "web": "webs", "api": "apis"}
# Defined in merge request pipelines, and only there.
_OF_MERGE_REQUESTS = (
    "CI_MERGE_REQUEST_ID", "CI_MERGE_REQUEST_IID", "CI_MERGE_REQUEST_PROJECT_ID", "CI_MERGE_REQUEST_PROJECT_PATH",
    "CI_MERGE_REQUEST_REF_PATH", "CI_MERGE_REQUEST_SOURCE_BRANCH_NAME", "CI_MERGE_REQUEST_TARGET_BRANCH_NAME",
    "CI_MERGE_REQUEST_EVENT_TYPE", "CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "CI_MERGE_REQUEST_SOURCE_PROJECT_PATH",
)  # fmt: skip
# Defined, and not blank, in every pipeline.
_ALWAYS = ("CI_COMMIT_SHA", "CI_COMMIT_SHORT_SHA", "CI_PIPELINE_ID", "CI_PIPELINE_IID", "CI_PROJECT_ID",
           "CI_PROJECT_NAME", "CI_PROJECT_NAMESPACE", "CI_PROJECT_PATH", "CI_SERVER_HOST", "CI_SERVER_URL",
           "CI_DEFAULT_BRANCH")  # fmt: skip
_MAX_SLUG = 63


@dataclass(frozen=True, slots=True)
class Event:
    """What starts a pipeline.

    Attributes:
        kind: `push` is to a branch; `web` is by hand.
        ref: The branch or tag; of a merge request, its source branch. None when not known.
        default_branch: Of the project; None when not known.
        target_branch: Of a merge request; None when not known.
        changed_paths: What the push or the merge request changes; None when not known.
    """

    kind: Kind
    ref: str | None = None
    default_branch: str | None = None
    target_branch: str | None = None
    changed_paths: tuple[str, ...] | None = None

    @property
    def source(self) -> str:
        """CI_PIPELINE_SOURCE."""
        return _SOURCES.get(self.kind, self.kind)

    @property
    def names(self) -> frozenset[str]:
        """What `only:refs` calls it."""
        word = self.source.removesuffix("_event")
        return frozenset({word, _PLURALS.get(word, f"{word}s")})

    @property
    def is_tag(self) -> bool:
        """Whether the pipeline is a tag's."""
        return self.kind == "tag"

    @property
    def is_branch(self) -> bool:
        """Whether the pipeline is a branch's."""
        return self.kind not in ("tag", "merge_request")

    @property
    def has_changes(self) -> bool:
        """Whether there is something to compare with; otherwise GitLab takes `changes` for met."""
        return self.kind in ("push", "merge_request")


def predefined(event: Event | None) -> Known:
    """The predefined variables of an event's pipeline, as far as they follow from it.

    Source: GitLab Docs, "Predefined CI/CD variables reference".
    """
    if event is None:
        return Known({"CI": "true", "GITLAB_CI": "true"})
    ref: str | Anything = FILLED if event.ref is None else event.ref
    values: dict[str, str | Anything | None] = {
        "CI": "true",
        "GITLAB_CI": "true",
        **dict.fromkeys(_ALWAYS, FILLED),
        "CI_PIPELINE_SOURCE": event.source,
        "CI_COMMIT_REF_NAME": ref,
        "CI_COMMIT_REF_SLUG": _slug(event.ref) if event.ref else FILLED,
        "CI_COMMIT_BRANCH": ref if event.is_branch else None,
        "CI_COMMIT_TAG": ref if event.is_tag else None,
        **dict.fromkeys(_OF_MERGE_REQUESTS, FILLED if event.kind == "merge_request" else None),
    }
    if event.default_branch is not None:
        values["CI_DEFAULT_BRANCH"] = event.default_branch
    if event.kind == "merge_request":
        values["CI_MERGE_REQUEST_SOURCE_BRANCH_NAME"] = ref
        if event.target_branch is not None:
            values["CI_MERGE_REQUEST_TARGET_BRANCH_NAME"] = event.target_branch
    return Known(values)


def _slug(ref: str) -> str:
    """CI_COMMIT_REF_SLUG: lower case, 63 bytes, all but letters and digits replaced, no hyphen at either end."""
    return re.sub(r"[^a-z0-9]", "-", ref.lower())[:_MAX_SLUG].strip("-")
