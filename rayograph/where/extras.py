"""Fields of a manifest's columns: ``extra.price>=10``. Which there are is a matter of the dataset:
elsewhere any such name is taken for a text."""

from __future__ import annotations

import re
from collections.abc import Iterable

from rayograph.annotations.extras import Extra
from rayograph.where.fields import Field

_NAME = re.compile(r"extra\.\w+\Z")


def is_extra(name: str) -> bool:
    """Whether a field's name is that of a manifest's column."""
    return _NAME.match(name.lower()) is not None


def field_of(name: str) -> Field | None:
    """The field of such a name where no dataset says of what kind it is; None: it is none."""
    return Field(name.lower(), "text", "a column of the manifest") if is_extra(name) else None


def fields_of(extras: Iterable[Extra]) -> dict[str, Field]:
    """A dataset's fields, by their names."""
    found = (
        Field(
            f"extra.{each.key}",
            each.kind,
            f"the manifest's column {each.name}",
            columns=(each.column,),
            listed=each.few and each.kind == "text",
        )
        for each in extras
    )
    return {field.name: field for field in found}
