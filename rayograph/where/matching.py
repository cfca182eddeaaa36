"""What a ``where`` means, in plain Python over one record: the reference for its compilation.

A condition on a value that is not known is neither true nor false (None here), and so is its
``not``: ``width<1024`` and ``not width<1024`` both leave out an image of unknown width.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from typing import Any

from rayograph.where import area, values
from rayograph.where.fields import Field, Record, find
from rayograph.where.syntax import (
    And,
    Between,
    Compare,
    Leaf,
    Match,
    Missing,
    Moment,
    Node,
    Not,
    OneOf,
    Or,
    Value,
)


def matches(node: Node, record: Record) -> bool:
    """Whether an image's record is among what the filter picks."""
    return _truth(node, record) is True


def _truth(node: Node, record: Record) -> bool | None:
    if isinstance(node, Not):
        inside = _truth(node.part, record)
        return None if inside is None else not inside
    if isinstance(node, And | Or):
        decides = isinstance(node, Or)
        found = [_truth(part, record) for part in node.parts]
        if decides in found:
            return decides
        return None if None in found else not decides
    return _leaf(node, record)


def _leaf(node: Leaf, record: Record) -> bool | None:
    field = known(node.field)
    value = field.of(record)
    if isinstance(node, Missing):
        return value is None
    if value is None:
        return _negative(node) if field.settled else None
    return picks(field, value, node)


def picks(field: Field, value: Any, node: Leaf) -> bool:
    """Whether a value that is there is one that a condition means."""
    if isinstance(node, Missing):
        return False
    if isinstance(node, Between):
        return _within(field, value, *between(node))
    if isinstance(node, Match):
        return _fits(field, value, node.pattern)
    if isinstance(node, OneOf):
        return any(_equal(field, value, each) for each in node.values)
    return _compare(field, value, node)


def _fits(field: Field, value: Any, pattern: str) -> bool:
    if field.kind == "area":
        return area.holds(pattern, *value)
    return fits(field, str(value), pattern)


def _negative(node: Leaf) -> bool:
    return isinstance(node, Compare) and node.operator == "!="


def _compare(field: Field, value: Any, node: Compare) -> bool:
    if node.operator == "!=":
        return not _equal(field, value, node.value)
    if field.kind == "tags":
        return node.value in value
    if field.kind == "named":
        return is_named(str(value), str(node.value))
    if isinstance(node.value, Moment):
        return _within(field, value, *edges(node.operator, node.value))
    here, there = (float(value), node.value) if _is_number(node.value) else (value, node.value)
    return _ORDER[node.operator](here, there)


def is_named(value: str, wanted: str) -> bool:
    """Whether a value, a number and a name, is the wanted one: by its number, or by both."""
    return value == wanted or (values.is_numeral(wanted) and value.startswith(f"{wanted} "))


_ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def _equal(field: Field, value: Any, wanted: Value) -> bool:
    return _compare(field, value, Compare(field.name, "=", wanted))


def _is_number(value: Value) -> bool:
    return isinstance(value, float) and not isinstance(value, bool)


Edge = str | float | None


def edges(sign: str, when: Moment) -> tuple[Edge, Edge]:
    """From which second on and before which second a date compares so, as ISO 8601 texts."""
    first, after = (each.isoformat() for each in values.span(when))
    # What is stored may go on (a zone, a fraction), so the shortest text that begins it is the
    # lower end: texts order as the times they write.
    first = when.text
    return {
        "=": (first, after),
        ">": (after, None),
        ">=": (first, None),
        "<": (None, first),
        "<=": (None, after),
    }[sign]


def between(node: Between) -> tuple[Edge, Edge]:
    """Both ends of a range; of dates, the end is where the last one is over."""
    low = edges(">=", node.low)[0] if isinstance(node.low, Moment) else node.low
    high = edges("<=", node.high)[1] if isinstance(node.high, Moment) else node.high
    return low, high


def _within(field: Field, value: Any, low: Edge, high: Edge) -> bool:
    if field.kind == "time" and not isinstance(value, str):
        low, high = seconds(low), seconds(high)
    exact = isinstance(value, str) or field.kind == "integer"
    here: Any = value if exact else float(value)
    # The end of a range of dates is the first second after it.
    below = operator.lt if field.kind == "time" else operator.le
    return (low is None or here >= low) and (high is None or below(here, high))


def seconds(edge: Edge) -> float | None:
    """An edge for a time that is kept as seconds since 1970."""
    return None if edge is None else values.since_epoch(values.span(Moment(str(edge)))[0])


def fits(field: Field, value: str, pattern: str) -> bool:
    """Whether a text is one of those a pattern means."""
    if field.kind == "folder" and not values.is_wild(pattern):
        wanted = folder(pattern)
        return not wanted or value == wanted or value.startswith(wanted + "/")
    if field.kind == "words" and not values.is_wild(pattern):
        return set(values.words(pattern)) <= set(values.words(value))
    if not values.is_wild(pattern):
        return plain(pattern) in value.lower()
    parts = (
        ".*" if piece is None else "." if piece == "" else re.escape(piece.lower())
        for piece in values.pieces(pattern)
    )
    return re.fullmatch("".join(parts), value.lower(), re.DOTALL) is not None


def plain(pattern: str) -> str:
    """The text a pattern without wildcards stands for, in lower case."""
    return "".join(piece or "" for piece in values.pieces(pattern)).lower()


def folder(pattern: str) -> str:
    """A folder as the table writes it; ``""``, ``.`` and ``/`` are the source itself."""
    path = "".join(piece or "" for piece in values.pieces(pattern)).removeprefix("./").strip("/")
    return "" if path == "." else path


def known(name: str) -> Field:
    """A field of the table, by the name a tree holds."""
    field = find(name)
    assert field is not None, name
    return field


def full_text(node: Node) -> tuple[Field, str, Node | None] | None:
    """A field, the words every match has in it, and what else a match must be.

    None where it is not that simple: an index of words answers nothing inside ``or`` and ``not``.
    """
    parts = node.parts if isinstance(node, And) else (node,)
    for at, part in enumerate(parts):
        if isinstance(part, Match) and known(part.field).kind == "words":
            if values.is_wild(part.pattern):
                continue
            rest = (*parts[:at], *parts[at + 1 :])
            others = And(rest) if len(rest) > 1 else rest[0] if rest else None
            return known(part.field), " ".join(values.words(part.pattern)), others
    return None
