"""A ``where`` as it is asked of a dataset, and what it can name there."""

from __future__ import annotations

from collections.abc import Iterator

from rayograph.catalog import DatasetReader, DatasetRow
from rayograph.catalog.filters import Filter
from rayograph.catalog.picking import filter_of
from rayograph.labelling.definition import CERTAINTY, Labelling
from rayograph.schema import FieldInfo
from rayograph.where import FIELDS
from rayograph.where.labelled import field_of
from rayograph.where.sorting import is_sortable


def chosen_by(row: DatasetRow, where: str | None) -> Filter | None:
    """What a ``where`` picks of this dataset; None: everything.

    Raises:
        InvalidFilter: it makes no sense.
    """
    if where is None:
        return None
    return filter_of(row, where)


def described(row: DatasetRow, reader: DatasetReader) -> list[FieldInfo]:
    """Every field, with what it holds in this dataset where that is not much."""
    own = row.own
    fixed = [
        FieldInfo(
            name=field.name,
            kind=field.kind,
            about=field.about,
            aliases=list(field.aliases),
            sortable=is_sortable(field),
            values=list(field.choices) or (reader.values(field.sources[0]) if field.listed else []),
        )
        for field in (*FIELDS, *own.extras.values())
    ]
    return [*fixed, *(field for one in own.labellings.items for field in _labelled(one))]


def _labelled(labelling: Labelling) -> Iterator[FieldInfo]:
    """The fields of labels by words."""
    root = f"labels.{labelling.name}"
    keys = [each.key for each in labelling.classes]
    for name in (root, *(f"{root}.{key}" for key in (*keys, CERTAINTY))):
        field = field_of(name)
        assert field is not None, name
        yield FieldInfo(
            name=field.name,
            kind=field.kind,
            about=field.about,
            aliases=[],
            sortable=is_sortable(field),
            values=keys if name == root else [],
        )
