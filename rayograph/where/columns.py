"""Fields that are a column of one dataset's table, by a name that nobody can write in a filter.

What somebody wrote, ``labels.animals.cat`` or ``extra.price``, becomes such a name for a dataset.
"""

from __future__ import annotations

from rayograph.annotations.extras import PREFIX, TYPES
from rayograph.where.fields import Field, Kind

_SIGN, _SETTLED = "@", "?"


def name_of(column: str, *, settled: bool = False) -> str:
    """The name of a column's field; where nothing is there, a settled one is no."""
    return f"{_SIGN}{column}{_SETTLED if settled else ''}"


def field_of(name: str) -> Field | None:
    """The field of such a name; None: it is none."""
    if not name.startswith(_SIGN):
        return None
    column = name.removeprefix(_SIGN).removesuffix(_SETTLED)
    settled = name.endswith(_SETTLED)
    return Field(name, _kind_of(column), "", columns=(column,), settled=settled)


def _kind_of(column: str) -> Kind:
    """What a manifest's column holds says its name; those of scores hold numbers."""
    return next((kind for kind in TYPES if column.startswith(f"{PREFIX}{kind}_")), "number")
