"""Orders a listing can have: as it was listed, or by a field."""

from __future__ import annotations

from dataclasses import dataclass

from rayograph.errors import InvalidRequest
from rayograph.where.fields import FIELDS, Field, Kind, find, nearest
from rayograph.where.own import OwnFields

LISTED = "listed"
_KINDS: frozenset[Kind] = frozenset(
    {"number", "integer", "bytes", "ratio", "time", "text", "words", "folder", "choice", "flag"}
)
# Not a column: what is worked out of several.
_WITHOUT = frozenset({"status"})


@dataclass(frozen=True, slots=True)
class Sort:
    """An order.

    Args:
        field: what by; None: the order of the listing.
    """

    field: Field | None = None
    descending: bool = False

    @property
    def name(self) -> str:
        """What makes it, in one spelling."""
        field = LISTED if self.field is None else self.field.name
        return f"-{field}" if self.descending else field


def is_sortable(field: Field) -> bool:
    """Whether images can be put in an order by it."""
    return field.kind in _KINDS and field.name not in _WITHOUT


def parse_sort(text: str | None) -> Sort:
    """``width`` and ``-width``, by any name a field has; None: as listed.

    Raises:
        InvalidRequest: there is no such order.
    """
    name = (text or LISTED).removeprefix("-")
    descending = text is not None and text.startswith("-")
    if name == LISTED:
        return Sort(None, descending)
    field = find(name)
    if field is None or not is_sortable(field):
        close = nearest(name) if field is None else None
        known = ", ".join(each.name for each in FIELDS if is_sortable(each))
        hint = f"did you mean {close}?" if close else f"there are {LISTED}, {known}"
        raise InvalidRequest(f"cannot sort by {name[:64]!r}", hint=hint)
    return Sort(field, descending)


def sort_for(text: str | None, own: OwnFields) -> Sort:
    """An order of a dataset that has these fields of its own.

    Raises:
        InvalidRequest: there is no such order there.
    """
    sort = parse_sort(text)
    of = None if sort.field is None else own.named(sort.field.name)
    return sort if of is None else Sort(of, sort.descending)
