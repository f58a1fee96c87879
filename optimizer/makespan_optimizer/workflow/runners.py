"""`runs-on` of a job: which runner takes it."""

from __future__ import annotations

from collections.abc import Mapping as Table
from dataclasses import dataclass, field

from makespan_optimizer.expressions.values import UNKNOWN, Unknown, Value, to_text
from makespan_optimizer.workflow.fields import Fields, span
from makespan_optimizer.workflow.places import OtherKey, Span
from makespan_optimizer.workflow.scalars import text_value
from makespan_optimizer.yaml.nodes import Mapping, resolved


@dataclass(frozen=True, slots=True)
class Runner:
    """What a job asks of its runner.

    Attributes:
        labels: All of which the runner must have, with their expressions.
        group: The runner group, with its expressions; None without one.
        others: Keys without a field here.
    """

    labels: tuple[str, ...]
    group: str | None
    others: tuple[OtherKey, ...]
    span: Span = field(compare=False)

    def labels_for(self, matrix: Table[str, Value] | None = None) -> tuple[str, ...] | Unknown:
        """The labels of one leg of the matrix; one expression may yield several.

        Returns:
            UNKNOWN where more than the matrix decides them.
        """
        contexts = {} if matrix is None else {"matrix": matrix}
        found: list[str] = []
        for label in self.labels:
            value = text_value(label, contexts)
            if isinstance(value, Table):
                return UNKNOWN
            items = value if isinstance(value, list) else [value]
            texts = [UNKNOWN if isinstance(item, Unknown) else to_text(item) for item in items]
            known = [text for text in texts if not isinstance(text, Unknown)]
            if len(known) < len(texts):
                return UNKNOWN
            found.extend(known)
        return tuple(found)


def read_runner(fields: Fields) -> Runner | None:
    """Read `runs-on`: a label, a list of labels, or a mapping with `group` and `labels`."""
    node = fields.value("runs-on")
    if node is None:
        return None
    place = span(fields.document, node)
    if not isinstance(resolved(node), Mapping):
        return Runner(tuple(label for label, _ in fields.words("runs-on")), None, (), place)
    inner = fields.mapping("runs-on")
    assert inner is not None
    labels = tuple(label for label, _ in inner.words("labels"))
    return Runner(labels, inner.text("group"), inner.others(("group", "labels")), place)
