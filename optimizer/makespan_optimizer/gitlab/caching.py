"""`cache:` of a job."""

from __future__ import annotations

from dataclasses import dataclass

from makespan_optimizer.gitlab.fields import Fields
from makespan_optimizer.gitlab.values import Items, Place, Table

MAX_CACHES = 4
_MAX_FALLBACK_KEYS = 5


@dataclass(frozen=True, slots=True)
class CacheKey:
    """What a cache is stored under.

    Attributes:
        text: A key as text, variables not expanded; None when it is made from files.
        files: The key changes with the content of these files.
        files_commits: The key changes with the last commit that touched these files.
        prefix: Put before the digest of the files.
    """

    text: str | None
    files: tuple[str, ...] = ()
    files_commits: tuple[str, ...] = ()
    prefix: str | None = None


# What GitLab uses where no key is written.
DEFAULT_KEY = CacheKey("default")


@dataclass(frozen=True, slots=True)
class Cache:
    """One cache.

    Attributes:
        policy: `pull-push`, `pull`, `push`, or a variable that holds one of these.
        when: When it is saved: `on_success`, `on_failure` or `always`.
        untracked: Whether files git does not track belong to it.
        unprotect: Whether protected and other branches share it.
    """

    key: CacheKey
    paths: tuple[str, ...]
    policy: str
    when: str
    untracked: bool
    unprotect: bool
    fallback_keys: tuple[str, ...]
    place: Place


def read_caches(fields: Fields) -> tuple[Cache, ...]:
    """The caches of a job; none when absent or `[]`.

    Raises:
        WorkflowError: More than four caches, an unknown policy, a key of the wrong form.
    """
    value = fields.value("cache")
    if isinstance(value, Items) and len(value.items) > MAX_CACHES:
        raise value.place.error(f"'cache' of {fields.what} has more than {MAX_CACHES} caches")
    caches = []
    for item in fields.list_of("cache"):
        if not isinstance(item, Table):
            raise item.place.error(f"a cache of {fields.what} must be a mapping")
        if item.entries:
            caches.append(_cache(fields.of(item, f"a cache of {fields.what}")))
    return tuple(caches)


def _cache(fields: Fields) -> Cache:
    fields.expect(("key", "paths", "policy", "when", "untracked", "unprotect", "fallback_keys"))
    fallback = fields.texts("fallback_keys") or ()
    if len(fallback) > _MAX_FALLBACK_KEYS:
        raise fields.place("fallback_keys").error(f"{fields.what} has more than {_MAX_FALLBACK_KEYS} fallback keys")
    return Cache(
        key=_key(fields),
        paths=fields.texts("paths") or (),
        policy=fields.one_of("policy", ("pull-push", "pull", "push")) or "pull-push",
        when=fields.one_of("when", ("on_success", "on_failure", "always")) or "on_success",
        untracked=fields.boolean("untracked") is True,
        unprotect=fields.boolean("unprotect") is True,
        fallback_keys=fallback,
        place=fields.table.place,
    )


def _key(fields: Fields) -> CacheKey:
    value = fields.value("key")
    if value is None:
        return DEFAULT_KEY
    if not isinstance(value, Table):
        return CacheKey(fields.text("key"))
    parts = fields.of(value, f"'key' of {fields.what}")
    parts.expect(("files", "files_commits", "prefix"))
    return CacheKey(None, parts.texts("files") or (), parts.texts("files_commits") or (), parts.text("prefix"))
