"""The fields of one dataset alone: labels by words, and a manifest's columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from rayograph.errors import InvalidFilter
from rayograph.labelling.definition import Labellings
from rayograph.where import labelled
from rayograph.where.columns import name_of
from rayograph.where.extras import is_extra
from rayograph.where.fields import Field, find, nearest
from rayograph.where.parser import parse
from rayograph.where.syntax import And, Node, Not, Or


@dataclass(frozen=True, slots=True)
class OwnFields:
    """A dataset's own fields.

    Args:
        extras: the fields of its manifest's columns, by their names.
    """

    labellings: Labellings = field(default_factory=Labellings)
    extras: Mapping[str, Field] = field(default_factory=dict)

    def parse(self, where: str) -> Node:
        """The tree of a ``where``, whose every field has columns in the dataset's table.

        Raises:
            InvalidFilter: it makes no sense, or speaks of what the dataset has not.
        """
        return self.resolved(parse(where, self.extras))

    def resolved(self, node: Node) -> Node:
        """A tree with the names of columns, and what "is a cat" means by a class's threshold."""
        if isinstance(node, Not):
            return Not(self.resolved(node.part))
        if isinstance(node, And):
            return And(tuple(self.resolved(part) for part in node.parts))
        if isinstance(node, Or):
            return Or(tuple(self.resolved(part) for part in node.parts))
        if is_extra(node.field):
            (column,) = self._extra(node.field).columns
            return replace(node, field=name_of(column))
        if labelled.is_labelled(node.field):
            return labelled.leaf(node, self.labellings)
        return node

    def named(self, name: str) -> Field | None:
        """The field of this name, with where it lies in the table; None: there is none.

        Raises:
            InvalidFilter: the dataset has no such column, labels or class.
        """
        if is_extra(name):
            return self._extra(name)
        found = find(name)
        if found is None or not labelled.is_labelled(found.name):
            return found
        return labelled.column_field(found, self.labellings)

    def _extra(self, name: str) -> Field:
        found = self.extras.get(name.lower())
        if found is None:
            close = nearest(name, self.extras)
            hint = f"did you mean {close}?" if close else "`extra` holds what a manifest says"
            raise InvalidFilter(f"there is no field {name[:64]!r}", hint=hint)
        return found
