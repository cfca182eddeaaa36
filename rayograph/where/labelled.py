"""Fields of labels by words: ``labels.animals:cat``, ``labels.animals.cat>=0.4``.

Which there are is a matter of the dataset, so the parser takes any such name, and a tree is
resolved for a dataset before it is compiled: names become those of columns, and "is a cat" what it
means by the class's threshold.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import lru_cache

from rayograph.errors import InvalidFilter, NotFound
from rayograph.labelling.definition import CERTAINTY, Labelling, Labellings
from rayograph.where.columns import name_of
from rayograph.where.fields import Field
from rayograph.where.syntax import And, Compare, Leaf, Match, Missing, Node, Not, OneOf, Or, Value

_NAME = re.compile(r"labels?\.(\w+)(?:\.(\w+))?\Z")


def is_labelled(name: str) -> bool:
    """Whether a field's name is that of labels by words."""
    return _NAME.match(name.lower()) is not None


@lru_cache(maxsize=1_000)
def field_of(name: str) -> Field | None:
    """The field of such a name; None: it is none."""
    found = _NAME.match(name.lower())
    if found is None:
        return None
    labels, of = found.groups()
    if of is None:
        about = f"the classes of the labels {labels}; `*` is any"
        return Field(f"labels.{labels}", "tags", about, settled=True, listed=True)
    about = f"how certain {labels} is" if of == CERTAINTY else f"the score of {of} in {labels}"
    return Field(f"labels.{labels}.{of}", "number", f"{about}, 0 to 1")


def column_field(field: Field, labellings: Labellings) -> Field:
    """A field of labels with where it lies in the table: one column, or what classes come of.

    Raises:
        InvalidFilter: the dataset has no such labels, or they have no such class.
    """
    labelling, column = _found(field.name, labellings)
    return classes_field(labelling) if column is None else replace(field, columns=(column,))


def classes_field(labelling: Labelling) -> Field:
    """The classes that images get, worked out of their columns: to count them."""
    columns = tuple(labelling.columns)
    each = [
        f"case when {_sql(labelling, at)} then '{one.key}' end"
        for at, one in enumerate(labelling.classes)
    ]
    if labelling.several:
        sql = f"make_array({', '.join(each)})"
    else:
        sql = f"coalesce({', '.join(each)}, null)"
    about = f"classes by the labels {labelling.name}"
    name = f"labels.{labelling.name}"
    return Field(
        name,
        "tags",
        about,
        columns=columns,
        sql=sql,
        settled=True,
        listed=True,
        single=not labelling.several,
    )


def _sql(labelling: Labelling, at: int) -> str:
    enough = f"cast({{{labelling.score(at)}}} as double) >= {labelling.classes[at].threshold!r}"
    return enough if labelling.several else f"{enough} and {{{labelling.best}}} = {at}"


def leaf(node: Leaf, labellings: Labellings) -> Node:
    """A condition on labels as one on columns.

    Raises:
        InvalidFilter: it speaks of labels or classes that the dataset has not.
    """
    labelling, column = _found(node.field, labellings)
    if column is not None:
        return replace(node, field=name_of(column))
    if isinstance(node, Missing):
        return Not(_any(labelling, range(len(labelling.classes))))
    if isinstance(node, OneOf):
        return _any(labelling, [_place(labelling, value) for value in node.values])
    if isinstance(node, Match):
        raise InvalidFilter(f"{node.field} takes no patterns", hint=f"{node.field}:*")
    assert isinstance(node, Compare), node
    found = _is(labelling, _place(labelling, node.value))
    return Not(found) if node.operator == "!=" else found


def _found(name: str, labellings: Labellings) -> tuple[Labelling, str | None]:
    """The labelling a field is of, and the column of its score; None: it is of the classes."""
    match = _NAME.match(name)
    assert match is not None, name
    labels, of = match.groups()
    try:
        labelling = labellings.find(labels)
        if of is None:
            return labelling, None
        at = labelling.certainty if of == CERTAINTY else labelling.score(labelling.place(of))
    except NotFound as error:
        raise InvalidFilter(error.message, hint=error.hint) from None
    return labelling, at


def _place(labelling: Labelling, value: Value) -> int:
    try:
        return labelling.place(str(value))
    except NotFound as error:
        raise InvalidFilter(error.message, hint=error.hint) from None


def _is(labelling: Labelling, at: int) -> Node:
    score = name_of(labelling.score(at), settled=True)
    enough = Compare(score, ">=", float(labelling.classes[at].threshold))
    if labelling.several:
        return enough
    return And((Compare(name_of(labelling.best, settled=True), "=", float(at)), enough))


def _any(labelling: Labelling, places: range | list[int]) -> Node:
    parts = tuple(_is(labelling, at) for at in places)
    return parts[0] if len(parts) == 1 else Or(parts)
