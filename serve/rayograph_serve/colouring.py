"""Colours of the map: for each of its images the number of its value of a field, and what it means.

The numbers are those facets count with, so that a field is read once for both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rayograph.analysis.answers import MapLegend
from rayograph.catalog import DatasetRow
from rayograph.catalog.coding import Coded
from rayograph.catalog.facets import Shelf
from rayograph.errors import InvalidRequest
from rayograph.where import Field
from rayograph.where.fields import nearest
from rayograph.where.own import OwnFields
from rayograph_serve.faceting import has_facet

Codes = npt.NDArray[np.uint8]
ShelfOf = Callable[[DatasetRow, Field], Shelf]
# More colours than these nobody tells apart; the most frequent values have them.
MOST = 12
NONE = 255


class Colours(NamedTuple):
    """Of each image on the map a number, which the legend explains."""

    codes: Codes
    legend: MapLegend


def field_of(name: str, own: OwnFields) -> Field:
    """The field of this name.

    Raises:
        InvalidRequest: there is none, or its values say nothing as colours.
        InvalidFilter: the dataset has no such field.
    """
    found = own.named(name)
    if found is None or not (has_facet(found) or found.kind == "folder"):
        close = nearest(name) if found is None else None
        hint = f"did you mean {close}?" if close else "any field that has a facet, or folder"
        raise InvalidRequest(f"cannot colour by {name[:64]!r}", hint=hint)
    return found


def colours(of: Field, shelf: Shelf, ids: pa.Array) -> Colours:
    """The colours of these images; what has gone from the table since has none."""
    coded = shelf.coded[of.name]
    codes = np.append(_small(coded), np.uint8(NONE))[shelf.places(ids)]
    shown = len(coded.labels[:MOST]) or coded.size
    counts = np.bincount(codes, minlength=NONE + 1)
    rest = int(counts[shown]) if coded.labels and shown < coded.size else 0
    legend = MapLegend(
        field=of.name,
        kind=of.kind,
        labels=list(coded.labels[:MOST]),
        edges=list(coded.edges),
        counts=counts[:shown].tolist(),
        rest=rest,
        missing=int(counts[NONE]),
    )
    return Colours(codes, legend)


def _small(coded: Coded) -> Codes:
    """A byte for each row of the table: its value, one for all that are rare, or none."""
    codes = coded.codes
    if coded.homes is not None:
        # Of several values the most frequent one; a row's are in that order.
        rows, first = np.unique(coded.homes, return_index=True)
        codes = np.full(coded.length, coded.size, np.int64)
        codes[rows] = coded.codes[first]
    most = MOST if coded.labels else NONE - 1
    found: Codes = np.where(codes >= coded.size, NONE, np.minimum(codes, most)).astype(np.uint8)
    return found
