"""`extends`: bases merged below what extends them, over several levels."""

from __future__ import annotations

from makespan_optimizer.gitlab.values import Items, Table, Text, Value, deep_merged

# GitLab's Extendable::Entry::MAX_NESTING_LEVELS is 10 above the first: eleven steps from a job to its last base.
MAX_STEPS = 11


def extended(config: Table, *, complete: bool) -> tuple[Table, dict[str, tuple[str, ...]]]:
    """The configuration with every `extends` merged in.

    Args:
        config: All files of the configuration merged.
        complete: Whether every include was read: a base that is missing then is an error.

    Returns:
        The result, and the missing bases of each key (only where `complete` is false).

    Raises:
        WorkflowError: A base that is missing or no mapping, a circle, or more than eleven steps.

    Source: GitLab's Gitlab::Ci::Config::Extendable.
    """
    extension = _Extension(config, complete=complete)
    for key in config.entries:
        extension.value(key, ())
    entries = {key: extension.done.get(key, value) for key, value in config.entries.items()}
    return Table(entries, config.keys, config.place), extension.missing


def base_names(value: Value) -> tuple[Text, ...]:
    """The names under `extends`: one or several.

    Raises:
        WorkflowError: Neither a name nor a list of names.
    """
    names = value.items if isinstance(value, Items) else (value,)
    for name in names:
        if not isinstance(name, Text) or name.is_null:
            raise name.place.error("'extends' takes the name of a job or a list of names")
    return tuple(name for name in names if isinstance(name, Text))


class _Extension:
    def __init__(self, config: Table, *, complete: bool) -> None:
        self._config = config
        self._complete = complete
        self.done: dict[str, Value] = {}
        self._steps: dict[str, int] = {}
        self.missing: dict[str, tuple[str, ...]] = {}

    def value(self, key: str, path: tuple[str, ...]) -> Value:
        if key in self.done:
            return self.done[key]
        value = self._config.entries[key]
        extends = value.entries.get("extends") if isinstance(value, Table) else None
        if not isinstance(value, Table) or extends is None:
            self._steps[key] = 0
            self.done[key] = value
            return value
        if key in path:
            circle = " -> ".join((*path[path.index(key) :], key))
            raise extends.place.error(f"'extends' of {key!r} goes in a circle: {circle}")
        merged: Table | None = None
        missing: list[str] = []
        steps = 0
        for name in base_names(extends):
            base = self._base(key, name, (*path, key))
            if base is None:
                missing.append(name.text)
                continue
            steps = max(steps, self._steps[name.text])
            missing += self.missing.get(name.text, ())
            merged = base if merged is None else deep_merged(merged, base)
        self._steps[key] = steps + 1
        if self._steps[key] > MAX_STEPS:
            raise extends.place.error(f"'extends' of {key!r} goes over more than {MAX_STEPS} steps")
        if missing:
            self.missing[key] = tuple(dict.fromkeys(missing))
        self.done[key] = value if merged is None else deep_merged(merged, value)
        return self.done[key]

    def _base(self, key: str, name: Text, path: tuple[str, ...]) -> Table | None:
        if name.text not in self._config.entries:
            if self._complete:
                raise name.place.error(f"{key!r} extends {name.text!r}, which does not exist")
            return None
        if len(path) > MAX_STEPS + 1:
            raise name.place.error(f"'extends' of {path[0]!r} goes over more than {MAX_STEPS} steps")
        base = self.value(name.text, path)
        if not isinstance(base, Table):
            raise name.place.error(f"{key!r} extends {name.text!r}, which is not a mapping")
        return base
