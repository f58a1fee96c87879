"""`image:` and `services:` of a job."""

from __future__ import annotations

from dataclasses import dataclass

from makespan_optimizer.gitlab.fields import Fields
from makespan_optimizer.gitlab.values import Place, Table, Text, flattened
from makespan_optimizer.gitlab.variables import Variables, read_variables

_IMAGE_KEYS = ("name", "entrypoint", "pull_policy", "docker", "kubernetes", "ports")
_SERVICE_KEYS = (*_IMAGE_KEYS, "alias", "command", "variables")


@dataclass(frozen=True, slots=True)
class Image:
    """The container a job runs in.

    Attributes:
        pull_policy: `always`, `if-not-present`, `never`, in the order they are tried.
        executor: Options for an executor, such as (`docker`, `platform`, `arm64/v8`).
    """

    name: str
    entrypoint: tuple[str, ...] | None
    pull_policy: tuple[str, ...]
    executor: tuple[tuple[str, str, str], ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Service:
    """A container beside the job's own."""

    image: Image
    alias: str | None
    command: tuple[str, ...] | None
    variables: Variables
    place: Place


def read_image(fields: Fields) -> Image | None:
    """The image of a job; None when absent."""
    value = fields.value("image")
    if value is None:
        return None
    if not isinstance(value, Table):
        return Image(fields.needed("image"), None, (), (), value.place)
    parts = fields.of(value, f"'image' of {fields.what}")
    parts.expect(_IMAGE_KEYS)
    return _image(parts)


def read_services(fields: Fields) -> tuple[Service, ...]:
    """The services of a job; none when absent."""
    return tuple(
        _service(fields, inner)
        for item in fields.list_of("services")
        for inner in flattened(item)
        if isinstance(inner, Text | Table)
    )


def _service(fields: Fields, item: Text | Table) -> Service:
    if isinstance(item, Text):
        return Service(Image(item.text, None, (), (), item.place), None, None, (), item.place)
    parts = fields.of(item, f"a service of {fields.what}")
    parts.expect(_SERVICE_KEYS)
    return Service(_image(parts), parts.text("alias"), parts.texts("command"), read_variables(parts), item.place)


def _image(parts: Fields) -> Image:
    executor = []
    for kind in ("docker", "kubernetes"):
        options = parts.nested(kind)
        for name, value in () if options is None else options.table.entries.items():
            executor.append((kind, name, value.text if isinstance(value, Text) else value.place.text))
    return Image(
        name=parts.needed("name"),
        entrypoint=parts.texts("entrypoint"),
        pull_policy=parts.texts("pull_policy") or (),
        executor=tuple(executor),
        place=parts.table.place,
    )
