"""Repositories and refs as git writes them, turned into the names of spans."""

from __future__ import annotations


def repository_of(url: str) -> str:
    """`owner/name` of a clone URL, groups included; empty when it has no path.

    Takes `https://host/owner/name.git`, `ssh://git@host:22/owner/name`, `git@host:owner/name.git` and paths.
    """
    scheme, separator, rest = url.partition("://")
    path = (rest if separator else scheme).rstrip("/")
    if separator:
        path = path.partition("/")[2]
    elif ":" in path.partition("/")[0]:
        path = path.partition(":")[2]  # scp-like, gitremotes(7)
    return path.removesuffix(".git").strip("/")


def without_credentials(url: str) -> str | None:
    """A URL without `user:password@`, which CI systems put into the clone URLs they hand out; None for no URL."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        return None
    authority, slash, path = rest.partition("/")
    return f"{scheme}://{authority.rpartition('@')[2]}{slash}{path}"


def short_ref(ref: str) -> str | None:
    """A branch or tag without `refs/heads/` or `refs/tags/`; None for no ref."""
    for prefix in ("refs/heads/", "refs/tags/"):
        if ref.startswith(prefix):
            return ref[len(prefix) :]
    return ref or None
