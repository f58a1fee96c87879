"""What a job hands over through artifacts, caches, registries and other things that outlive it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from makespan_optimizer.workflow.model import Job, Step

# The default name of actions/upload-artifact, and what downloads without a name take: everything.
_DEFAULT_ARTIFACT = "artifact"
EVERYTHING = "*"
# A key with the job's own id in it is never another job's key.
_PRIVATE_KEY = re.compile(r"\$\{\{\s*github\.job\s*\}\}")

# Actions known to hand nothing over but what their inputs say.
_TRANSPARENT = re.compile(
    r"actions/(?:checkout|setup-[\w-]+|cache(?:/\w+)?|upload-artifact|download-artifact)$|astral-sh/setup-uv$"
    r"|ruby/setup-ruby$|pnpm/action-setup$|step-security/harden-runner$|dtolnay/rust-toolchain$|codecov/codecov-action$"
)
_CACHE_WRITERS = ("actions/cache", "actions/cache/save")
_CACHE_READERS = ("actions/cache", "actions/cache/restore")
# Commands that put something where another job can fetch it, or fetch it from there.
_HANDOVER = re.compile(
    r"\b(?:gh\s+(?:run\s+download|release|cache)|docker\s+(?:push|pull|buildx\s+build\s[^\n]*--push)|buildah\s+push"
    r"|aws\s+s3|gsutil|az\s+storage|rclone|rsync|scp|sftp|oras\s+(?:push|pull)|skopeo\s+copy|git\s+push)\b"
)


@dataclass(frozen=True, slots=True)
class Handover:
    """What a job leaves behind or picks up.

    Attributes:
        uploads: Names of artifacts; a name with an expression stays as written.
        downloads: Names or patterns; `*` for everything.
        saved_caches: Keys as written, with their expressions; the same for `restored_caches`.
        outside: Whether it talks to a registry or a storage where another job may read or write.
        opaque: Actions that may upload, download or cache something without saying so in this file.
    """

    uploads: frozenset[str]
    downloads: frozenset[str]
    saved_caches: frozenset[str]
    restored_caches: frozenset[str]
    outside: bool
    opaque: frozenset[str]


def handover(job: Job) -> Handover:
    """What a job leaves behind and picks up, as far as its steps say."""
    steps = [inner for outer in job.steps for inner in (outer, *outer.parallel)]
    return Handover(
        uploads=frozenset(name for step in steps if (name := _upload(step)) is not None),
        downloads=frozenset(name for step in steps if (name := _download(step)) is not None),
        saved_caches=frozenset(_shared_keys(steps, _CACHE_WRITERS)),
        restored_caches=frozenset(_shared_keys(steps, _CACHE_READERS)),
        outside=any(step.run is not None and talks_outside(step.run) for step in steps),
        opaque=frozenset(step.action for step in steps if step.action is not None and _is_opaque(step.action)),
    )


def talks_outside(command: str) -> bool:
    """Whether a command writes to or reads from a registry or a storage where another job may do the same."""
    return _HANDOVER.search(command) is not None


def may_pass(upload: str, download: str) -> bool:
    """Whether a download by name or pattern may take an artifact; expressions match anything."""
    if EVERYTHING in (upload, download) or "${{" in upload or "${{" in download:
        return True
    pattern = re.escape(download).replace(r"\*\*", ".*").replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(pattern, upload) is not None or any(mark in download for mark in "{[!")


def _is_opaque(action: str) -> bool:
    return not _TRANSPARENT.match(action)


def _upload(step: Step) -> str | None:
    action = step.action or ""
    if action == "actions/upload-artifact":
        return step.input("name") or _DEFAULT_ARTIFACT
    # Another action that uploads something (pages, merge, third party): its name is not known.
    return EVERYTHING if "upload" in action and "artifact" in action else None


def _download(step: Step) -> str | None:
    action = step.action or ""
    if action == "actions/download-artifact":
        return step.input("name") or step.input("pattern") or EVERYTHING
    if action in _CACHE_READERS:
        return None
    return EVERYTHING if any(word in action for word in ("download", "restore", "deploy-pages")) else None


def _shared_keys(steps: list[Step], actions: tuple[str, ...]) -> Iterator[str]:
    """Keys and restore prefixes, as written, that another job could name too."""
    for step in steps:
        # Actions not known by name count by what they are called, the repository's own ones by their inputs.
        other = step.action is not None and ("cache" in step.action or step.action.startswith("./"))
        if step.action in actions or (other and step.action not in (*_CACHE_WRITERS, *_CACHE_READERS)):
            keys = [step.input("key") or "", *(step.input("restore-keys") or "").splitlines()]
            yield from (key.strip() for key in keys if key.strip() and not _PRIVATE_KEY.search(key))
