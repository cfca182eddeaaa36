"""Random filters, for properties that hold of every one."""

from __future__ import annotations

from datetime import date
from typing import Any

from hypothesis import strategies as st

from rayograph.where import FIELDS, Field, Node
from rayograph.where.syntax import And, Between, Compare, Match, Missing, Moment, Not, OneOf, Or

# Letters that are something else to somebody: quotes, wildcards of two languages, escapes,
# capitals whose small letter is two, comments, signs beyond 16 bits.
LETTERS = "abRk ab1'\"\\%_*?.,()[]-/;ÉßİΣ日é😀\n\t"
_OPERATORS = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
_EQUAL = st.sampled_from(["=", "!="])
_NUMBERS = st.one_of(
    st.integers(-3, 25).map(float),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([0.5, 1.5, 2.0**31, 2.0**63, 1e300]),
)
_WHOLE = st.sampled_from([0, 1, 7, 2**53, 2**53 + 1, 2**63, 2**64 - 1])
_MOMENTS = st.one_of(
    st.dates(max_value=date(9990, 1, 1)).map(lambda day: Moment(day.isoformat())),
    st.sampled_from(["2024", "2024-05", "2024-05-31T23", "2024-05-31T23:59", "1970"]).map(Moment),
    st.sampled_from(["2024-05-31T23:59:59", "0001", "1969-12"]).map(Moment),
)
# On a lattice: what is on an edge or a corner is where two ways of reckoning would part.
_CORNERS = st.tuples(*[st.sampled_from(["-2", "-1", "-0.5", "0", "0.1", "0.25", "1"])] * 2)
_AREAS = st.lists(_CORNERS.map(",".join), min_size=2, max_size=8).map(" ".join)
_TEXTS = st.text(LETTERS, min_size=1, max_size=5)

_SOME = {
    "choice": ("JPEG", "PNG", "IT'S"),
    "named": ("1", "10", "2", "1 sky, sea", "sky", "it's"),
}


def _values(field: Field) -> st.SearchStrategy[Any]:
    if field.kind == "time":
        return _MOMENTS
    if field.kind == "integer":
        return _WHOLE
    if field.kind in ("number", "bytes", "ratio"):
        return _NUMBERS
    if field.choices:
        return st.sampled_from(field.choices)
    if field.kind in _SOME:
        return st.sampled_from(_SOME[field.kind])
    return _TEXTS | st.sampled_from(["", "a", "A", "a/b", "RGB", "ab", "row-1"])


@st.composite
def _leaves(draw: st.DrawFn) -> Node:
    field = draw(st.sampled_from(FIELDS))
    values = _values(field)
    if field.kind in ("area", "flag"):
        return draw(_special(field))
    kinds = ["compare", "one of", "missing"]
    if field.kind in ("text", "words", "folder", "named"):
        kinds.append("match")
    elif field.kind not in ("choice", "tags"):
        kinds.append("between")
    match draw(st.sampled_from(kinds)):
        case "compare":
            orders = _EQUAL if field.kind in ("choice", "tags", "named") else _OPERATORS
            return Compare(field.name, draw(orders), draw(values))
        case "one of":
            return OneOf(field.name, tuple(draw(st.lists(values, min_size=1, max_size=3))))
        case "match":
            return Match(field.name, draw(_patterns(field)))
        case "between":
            low, high = sorted(draw(st.tuples(values, values)), key=str_or_number)
            ends = draw(st.sampled_from([(low, high), (low, None), (None, high)]))
            return Between(field.name, *ends)
        case _:
            return Missing(field.name)


def _special(field: Field) -> st.SearchStrategy[Node]:
    """Conditions on a field that is not compared with values."""
    if field.kind == "flag":
        return st.just(Compare(field.name, "=", True))
    return _AREAS.map(lambda text: Match(field.name, text)) | st.just(Missing(field.name))


def str_or_number(value: Any) -> Any:
    return value.text if isinstance(value, Moment) else value


def _patterns(field: Field) -> st.SearchStrategy[str]:
    wild = st.lists(_TEXTS | st.sampled_from(["*", "?", "\\*"]), min_size=1, max_size=3)
    found = wild.map("".join) | st.sampled_from(["a*", "*b", "*a*", "A", "a b", "é*", "a?"])
    if field.kind == "words":
        found = found.filter(lambda text: any(char.isalnum() for char in text))
    return found.filter(lambda text: text != "*")


def wheres() -> st.SearchStrategy[Node]:
    """Trees of conditions over every field there is."""
    return st.recursive(
        _leaves(),
        lambda inner: st.one_of(
            inner.map(Not),
            st.lists(inner, min_size=2, max_size=3).map(lambda parts: And(tuple(parts))),
            st.lists(inner, min_size=2, max_size=3).map(lambda parts: Or(tuple(parts))),
        ),
        max_leaves=5,
    )
