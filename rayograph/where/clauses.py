"""A ``where`` as the conditions that all must hold, each with what it says of which field.

This is how a panel of choices and a text that somebody edits stay one thing: a choice replaces the
conditions on its own field and leaves the others as they were written.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from rayograph.where.parser import Extras, conditions
from rayograph.where.syntax import (
    And,
    Between,
    Compare,
    Match,
    Missing,
    Node,
    Not,
    OneOf,
    Or,
    Value,
)


@dataclass(frozen=True, slots=True)
class Clause:
    """One of the conditions that all must hold, as it was written."""

    text: str
    node: Node

    @property
    def field(self) -> str | None:
        """The one field it is about; None: several."""
        names = set(_fields(self.node))
        return names.pop() if len(names) == 1 else None


@dataclass(slots=True)
class Said:
    """What some conditions on one field say: values wanted and not wanted, and a range."""

    wanted: set[Value] = field(default_factory=set)
    unwanted: set[Value] = field(default_factory=set)
    missing: bool | None = None
    low: Value | None = None
    high: Value | None = None


def clauses(where: str | None, extras: Extras | None = None) -> list[Clause]:
    """The parts of a ``where`` that are joined by ``and``.

    Args:
        extras: the fields of the dataset's manifest.

    Raises:
        InvalidFilter: it makes no sense.
    """
    return [Clause(text, node) for text, node in conditions(where, extras)] if where else []


def without(parts: Iterable[Clause], name: str) -> str:
    """A ``where`` without the conditions on one field; empty: everything."""
    return " and ".join(part.text for part in parts if part.field != name)


def only(parts: Iterable[Clause], name: str) -> str | None:
    """The conditions on one field alone; None: there is none."""
    return " and ".join(part.text for part in parts if part.field == name) or None


def said(parts: Iterable[Clause], name: str) -> Said:
    """What the conditions on one field say, as far as that can be shown as choices."""
    found = Said()
    for part in parts:
        if part.field == name:
            _say(part.node, found, negative=False)
    return found


def _say(node: Node, found: Said, *, negative: bool) -> None:
    values = found.unwanted if negative else found.wanted
    match node:
        case Not():
            _say(node.part, found, negative=not negative)
        case And() | Or():
            for part in node.parts:
                _say(part, found, negative=negative)
        case OneOf():
            values.update(node.values)
        case Match():
            values.add(node.pattern)
        case Missing():
            found.missing = not negative
        case Between() if not negative:
            found.low, found.high = node.low, node.high
        case Compare(operator="="):
            values.add(node.value)
        case Compare(operator="!="):
            (found.wanted if negative else found.unwanted).add(node.value)
        case Compare() if (node.operator[0] == ">") is not negative:
            found.low = node.value
        case Compare():
            found.high = node.value
        case _:
            pass


def _fields(node: Node) -> Iterable[str]:
    if isinstance(node, Not):
        yield from _fields(node.part)
    elif isinstance(node, And | Or):
        for part in node.parts:
            yield from _fields(part)
    else:
        yield node.field
