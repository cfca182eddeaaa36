"""What a ``where`` means: a small frozen tree of conditions, which prints itself as one again."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Operator = Literal["=", "!=", "<", "<=", ">", ">="]
_PLAIN = re.compile(r"[\w*?.-]+\Z", re.ASCII)
_WORDS = frozenset({"and", "or", "not", "in", "is"})


@dataclass(frozen=True, slots=True)
class Moment:
    """A date of any precision, as ISO 8601 writes it: it stands for all the time it spans."""

    text: str

    def __str__(self) -> str:
        return self.text


Value = str | float | Moment | bool


@dataclass(frozen=True, slots=True)
class Compare:
    """``width >= 1024``"""

    field: str
    operator: Operator
    value: Value

    def __str__(self) -> str:
        return f"{self.field}{self.operator}{shown(self.value)}"


@dataclass(frozen=True, slots=True)
class Between:
    """``width:800..1200``; both ends belong to it, and one may be open."""

    field: str
    low: Value | None
    high: Value | None

    def __str__(self) -> str:
        ends = ("" if end is None else shown(end) for end in (self.low, self.high))
        return f"{self.field}:{'..'.join(ends)}"


@dataclass(frozen=True, slots=True)
class Match:
    """``file_name:"IMG_*"``: what ``:`` means for a text depends on its field."""

    field: str
    pattern: str

    def __str__(self) -> str:
        return f"{self.field}:{shown(self.pattern)}"


@dataclass(frozen=True, slots=True)
class OneOf:
    """``format in (jpeg, png)``"""

    field: str
    values: tuple[Value, ...]

    def __str__(self) -> str:
        return f"{self.field} in ({', '.join(shown(value) for value in self.values)})"


@dataclass(frozen=True, slots=True)
class Missing:
    """``caption is missing``"""

    field: str

    def __str__(self) -> str:
        return f"{self.field} is missing"


@dataclass(frozen=True, slots=True)
class Not:
    part: Node

    def __str__(self) -> str:
        return f"not {_inside(self.part)}"


@dataclass(frozen=True, slots=True)
class And:
    parts: tuple[Node, ...]

    def __str__(self) -> str:
        return " and ".join(_inside(part) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Or:
    parts: tuple[Node, ...]

    def __str__(self) -> str:
        return " or ".join(_inside(part) for part in self.parts)


Leaf = Compare | Between | Match | OneOf | Missing
Node = Leaf | Not | And | Or


def fields_of(node: Node) -> set[str]:
    """The fields a filter speaks of."""
    if isinstance(node, Not):
        return fields_of(node.part)
    if isinstance(node, And | Or):
        return set().union(*(fields_of(part) for part in node.parts))
    return {node.field}


def quoted(text: str) -> str:
    """A text as the language reads it back."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _inside(node: Node) -> str:
    return f"({node})" if isinstance(node, And | Or) else str(node)


def shown(value: Value) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, Moment | int):
        return str(value)
    plain = _PLAIN.match(value) and value.lower() not in _WORDS
    return value if plain else quoted(value)
