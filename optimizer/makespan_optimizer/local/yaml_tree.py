"""Small edits on a composed YAML tree whose text nobody will read again.

The copy of a workflow that `act` runs is throw-away, so comments may go; but scalars must keep the
exact spelling they had (`3.10` is no float here), which a round trip through Python values would lose.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import yaml


def compose(text: str) -> yaml.MappingNode:
    """Parse a text that is known to be a valid workflow; its root is a mapping."""
    root = yaml.compose(text, Loader=yaml.CSafeLoader)
    if not isinstance(root, yaml.MappingNode):
        raise TypeError("a workflow is a mapping")
    return root


def serialize(node: yaml.Node) -> str:
    """The tree as YAML text."""
    text: str = yaml.serialize(node, Dumper=yaml.SafeDumper, allow_unicode=True, width=1_000_000)
    return text


def to_node(value: object) -> yaml.Node:
    """A node for plain Python data."""
    node: yaml.Node = yaml.SafeDumper(io.StringIO()).represent_data(value)
    return node


def get(mapping: yaml.Node | None, key: str) -> yaml.Node | None:
    """The value of a key, or None when it is absent or `mapping` is no mapping."""
    if not isinstance(mapping, yaml.MappingNode):
        return None
    for key_node, value in mapping.value:
        if key_node.value == key:
            found: yaml.Node = value
            return found
    return None


def put(mapping: yaml.MappingNode, key: str, value: object) -> None:
    """Set a key, keeping its place when it exists; `value` is a node or plain data."""
    node = value if isinstance(value, yaml.Node) else to_node(value)
    for index, (key_node, _) in enumerate(mapping.value):
        if key_node.value == key:
            mapping.value[index] = (key_node, node)
            return
    mapping.value.append((to_node(key), node))


def drop(mapping: yaml.MappingNode, *keys: str) -> None:
    """Remove keys; absent ones are no error."""
    mapping.value = [(key, value) for key, value in mapping.value if key.value not in keys]


def items(mapping: yaml.Node | None) -> Iterator[tuple[str, yaml.Node]]:
    """The entries of a mapping in file order; nothing for anything else."""
    if isinstance(mapping, yaml.MappingNode):
        for key, value in mapping.value:
            yield key.value, value


def elements(sequence: yaml.Node | None) -> list[yaml.Node]:
    """The entries of a sequence; a scalar counts as a list of one, as it does for `needs`."""
    if isinstance(sequence, yaml.SequenceNode):
        return list(sequence.value)
    return [] if sequence is None else [sequence]


def scalar(node: yaml.Node | None) -> str | None:
    """The text of a scalar, or None for anything else."""
    return node.value if isinstance(node, yaml.ScalarNode) else None
