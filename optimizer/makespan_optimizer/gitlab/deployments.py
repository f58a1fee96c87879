"""What makes a job act on the world: `environment:`, `release:`, `pages:`, and the identities it gets for that."""

from __future__ import annotations

from dataclasses import dataclass

from makespan_optimizer.gitlab.fields import Fields
from makespan_optimizer.gitlab.values import Place, Table, Text, plain


@dataclass(frozen=True, slots=True)
class Environment:
    """Where a job deploys to.

    Attributes:
        action: `start`, `stop`, `prepare`, `verify` or `access`.
        kubernetes: The agent and its settings, as plain data; None when absent.
    """

    name: str
    url: str | None
    action: str
    on_stop: str | None
    auto_stop_in: str | None
    deployment_tier: str | None
    kubernetes: object
    place: Place

    @property
    def deploys(self) -> bool:
        """Whether the job makes a deployment (`prepare`, `verify` and `access` do not)."""
        return self.action in ("start", "stop")


@dataclass(frozen=True, slots=True)
class Release:
    """The release a job makes.

    Attributes:
        assets: As plain data; None when absent.
    """

    tag_name: str
    tag_message: str | None
    description: str | None
    name: str | None
    ref: str | None
    milestones: tuple[str, ...]
    released_at: str | None
    assets: object
    place: Place


@dataclass(frozen=True, slots=True)
class Pages:
    """What a job publishes as a site.

    Attributes:
        publish: The folder; GitLab adds it to the artifacts.
    """

    publish: str
    path_prefix: str | None
    expire_in: str | None
    place: Place


@dataclass(frozen=True, slots=True)
class IdToken:
    """A token that says who the job is to somebody else."""

    name: str
    audiences: tuple[str, ...]
    place: Place


def read_environment(fields: Fields) -> Environment | None:
    """The environment of a job; None when absent."""
    value = fields.value("environment")
    if value is None:
        return None
    if not isinstance(value, Table):
        name = fields.needed("environment")
        return Environment(name, None, "start", None, None, None, None, value.place)
    parts = fields.of(value, f"'environment' of {fields.what}")
    parts.expect(("name", "url", "action", "on_stop", "auto_stop_in", "deployment_tier", "kubernetes"))
    kubernetes = parts.value("kubernetes")
    return Environment(
        name=parts.needed("name"),
        url=parts.text("url"),
        action=parts.one_of("action", ("start", "stop", "prepare", "verify", "access")) or "start",
        on_stop=parts.text("on_stop"),
        auto_stop_in=parts.text("auto_stop_in"),
        deployment_tier=parts.text("deployment_tier"),
        kubernetes=None if kubernetes is None else plain(kubernetes),
        place=value.place,
    )


def read_release(fields: Fields) -> Release | None:
    """The release of a job; None when absent."""
    parts = fields.nested("release")
    if parts is None:
        return None
    parts.expect(("tag_name", "tag_message", "description", "name", "ref", "milestones", "released_at", "assets"))
    assets = parts.value("assets")
    return Release(
        tag_name=parts.needed("tag_name"),
        tag_message=parts.text("tag_message"),
        description=parts.text("description"),
        name=parts.text("name"),
        ref=parts.text("ref"),
        milestones=parts.texts("milestones") or (),
        released_at=parts.text("released_at"),
        assets=None if assets is None else plain(assets),
        place=parts.table.place,
    )


def read_pages(fields: Fields, job_name: str) -> Pages | None:
    """What a job publishes: with the key `pages`, or because it is called `pages` and does not say otherwise."""
    value = fields.value("pages")
    folder = fields.text("publish") or "public"
    if isinstance(value, Table):
        parts = fields.of(value, f"'pages' of {fields.what}")
        parts.expect(("path_prefix", "expire_in", "publish"))
        return Pages(parts.text("publish") or folder, parts.text("path_prefix"), parts.text("expire_in"), value.place)
    said = fields.boolean("pages")
    if said or (said is None and job_name == "pages"):
        return Pages(folder, None, None, fields.table.place if value is None else value.place)
    return None


def read_id_tokens(fields: Fields) -> tuple[IdToken, ...]:
    """The tokens of a job; none when absent."""
    tokens = fields.nested("id_tokens")
    found = []
    for name, value in () if tokens is None else tokens.table.entries.items():
        if not isinstance(value, Table):
            raise value.place.error(f"the token {name!r} of {fields.what} must be a mapping with 'aud'")
        parts = fields.of(value, f"the token {name!r} of {fields.what}")
        parts.expect(("aud",))
        found.append(IdToken(name, parts.texts("aud") or (), value.place))
    return tuple(found)


def read_plain(fields: Fields, key: str) -> object:
    """A value as plain data (`secrets`, `identity`, …); None when absent."""
    value = fields.value(key)
    if value is None:
        return None
    return value.text if isinstance(value, Text) and not value.is_null else plain(value)
