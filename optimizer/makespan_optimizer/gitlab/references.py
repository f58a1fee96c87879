"""`!reference [job, key]`: replaced by what stands there once `extends` is done."""

from __future__ import annotations

from makespan_optimizer.gitlab.loading import MAX_VALUES
from makespan_optimizer.gitlab.values import Items, Reference, Table, Text, Value


def dereferenced(config: Table, *, complete: bool) -> Table:
    """The configuration with references resolved, references within references too.

    Args:
        config: All files merged, `extends` done.
        complete: Whether every include was read. What a reference names may lie in a file that was not; it then stays.

    Raises:
        WorkflowError: A reference to nothing, a circle, or more values than a configuration may have.

    Source: GitLab's Gitlab::Ci::Config::Yaml::Tags::Resolver.
    """
    return _Resolution(config, complete=complete).table(config)


class _Resolution:
    def __init__(self, config: Table, *, complete: bool) -> None:
        self._config = config
        self._complete = complete
        self._done: dict[tuple[str, ...], tuple[Value, int]] = {}
        # By identity: what aliases or `extends` share is resolved once. The objects live in `config`.
        self._collections: dict[int, tuple[Value, int]] = {}
        self._open: list[tuple[str, ...]] = []
        self._values = 0

    def table(self, table: Table) -> Table:
        entries = {key: self._value(value) for key, value in table.entries.items()}
        changed = any(entries[key] is not value for key, value in table.entries.items())
        return Table(entries, table.keys, table.place) if changed else table

    def _value(self, value: Value) -> Value:
        if isinstance(value, Text):
            return value
        if isinstance(value, Reference):
            return self._reference(value)
        found = self._collections.get(id(value))
        if found is not None:
            self._values += found[1]
            return found[0]
        before = self._values
        result = self.table(value) if isinstance(value, Table) else self._items(value)
        self._collections[id(value)] = result, self._values - before
        return result

    def _items(self, value: Items) -> Items:
        items = tuple(map(self._value, value.items))
        same = all(new is old for new, old in zip(items, value.items, strict=True))
        return value if same else Items(items, value.place)

    def _reference(self, reference: Reference) -> Value:
        found = self._done.get(reference.path)
        if found is None:
            found = self._resolved(reference)
            self._done[reference.path] = found
        # What a reference brings counts each time it is used: nested references can double a value at every level.
        self._values += found[1]
        if self._values > MAX_VALUES:
            raise reference.place.error(f"references bring more than {MAX_VALUES} values")
        return found[0]

    def _resolved(self, reference: Reference) -> tuple[Value, int]:
        if reference.path in self._open:
            raise reference.place.error(f"{reference} is part of a circle")
        target = self._target(reference)
        if target is None:
            if self._complete:
                raise reference.place.error(f"{reference} could not be found")
            return reference, 1
        self._open.append(reference.path)
        before = self._values
        value = self._value(target)
        self._open.pop()
        size, self._values = _own_size(target) + self._values - before, before
        return value, size

    def _target(self, reference: Reference) -> Value | None:
        value: Value | None = self._config
        for key in reference.path:
            if isinstance(value, Reference) and not self._complete:
                return None
            if not isinstance(value, Table):
                raise reference.place.error(f"{reference} could not be found: {key!r} is looked for in no mapping")
            value = value.entries.get(key)
            if value is None:
                return None
        if isinstance(value, Text) and (value.is_null or value.boolean is False):
            # GitLab takes null and false for "not found".
            raise reference.place.error(f"{reference} names an empty value")
        return value


def _own_size(value: Value) -> int:
    """Values written in it, without what its own references bring."""
    if isinstance(value, Items):
        return 1 + sum(map(_own_size, value.items))
    if isinstance(value, Table):
        return 1 + sum(map(_own_size, value.entries.values()))
    return 1
