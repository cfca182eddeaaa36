"""From text to tree. Whatever the text is, what comes of it is a tree or an ``InvalidFilter``."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping
from typing import cast

from rayograph.errors import InvalidFilter
from rayograph.where import area, values
from rayograph.where.extras import is_extra
from rayograph.where.fields import FIELDS, Field, Kind, find, nearest
from rayograph.where.syntax import (
    And,
    Between,
    Compare,
    Match,
    Missing,
    Moment,
    Node,
    Not,
    OneOf,
    Operator,
    Or,
    Value,
)

MAX_LENGTH = 2000
Extras = Mapping[str, Field]
_MAX_DEPTH = 40
_SPACE = re.compile(r"\s*")
_NAME = re.compile(r"[^\W\d][\w.]*")
_OPERATOR = re.compile(r"<=|>=|!=|<>|==|[=<>:]")
_BARE = re.compile(r"[^\s()\",]+")
_QUOTED = re.compile(r"\"((?:[^\"\\]|\\.)*)\"|'((?:[^'\\]|\\.)*)'", re.DOTALL)
_ESCAPED = re.compile(r"\\([\\\"'])")
_SYNONYMS = {"==": "=", "<>": "!="}
_ORDERED: frozenset[Kind] = frozenset({"number", "integer", "bytes", "ratio", "time"})
_READERS: dict[Kind, Callable[[str], Value]] = {
    "number": values.number,
    "integer": values.integer,
    "bytes": values.byte_count,
    "ratio": values.ratio,
    "time": values.moment,
}


def parse(text: str, extras: Extras | None = None) -> Node:
    """The tree of a ``where``.

    Args:
        extras: the fields of a dataset's manifest; None: any such name is taken for a text's.

    Raises:
        InvalidFilter: it makes no sense; ``position`` says at which character.
    """
    if len(text) > MAX_LENGTH:
        raise InvalidFilter(f"a filter has at most {MAX_LENGTH} characters", position=MAX_LENGTH)
    for at, char in enumerate(text):
        # Neither can be in a file's name as the table holds it, nor be told to a database.
        if char == "\0" or "\ud800" <= char <= "\udfff":
            raise InvalidFilter("this character cannot be in a filter", position=at)
    return _Parser(text, extras).whole()


def conditions(text: str, extras: Extras | None = None) -> list[tuple[str, Node]]:
    """The conditions that all must hold, each as it was written; one of them: it has no ``and``.

    Raises:
        InvalidFilter: it makes no sense.
    """
    node = parse(text, extras)
    found = _Parser(text, extras).sides()
    # Joined by "or" it is one condition, and needs brackets beside others.
    return found if found is not None else [(f"({text.strip()})", node)]


class _Parser:
    def __init__(self, text: str, extras: Extras | None) -> None:
        self._text = text
        self._extras = extras
        self._at = 0
        self._depth = 0

    def whole(self) -> Node:
        if not self._rest():
            raise self._error("the filter is empty", hint="like width>=1024 and format=jpeg")
        node = self._either()
        if self._rest():
            raise self._error("this does not belong here", hint="join conditions with and, or")
        return node

    def sides(self) -> list[tuple[str, Node]] | None:
        """The conditions of a text that parses, if nothing but ``and`` joins them."""
        found: list[tuple[str, Node]] = []
        while not found or self._word("and") or self._begins():
            start = self._start()
            node = self._one()
            found.append((self._text[start : self._at].rstrip(), node))
        return None if self._rest() else found

    # -- and, or, not -----------------------------------------------------------------------

    def _either(self) -> Node:
        parts = [self._all()]
        while self._word("or"):
            parts.append(self._all())
        return parts[0] if len(parts) == 1 else Or(tuple(parts))

    def _all(self) -> Node:
        parts = [self._one()]
        # Two conditions side by side are both meant.
        while self._word("and") or self._begins():
            parts.append(self._one())
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _begins(self) -> bool:
        rest = self._rest()
        return rest.startswith("(") or (bool(_NAME.match(rest)) and not self._is_word("or"))

    def _one(self) -> Node:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._error("too many conditions inside each other")
        try:
            if self._word("not"):
                return Not(self._one())
            if self._sign("("):
                start = self._at - 1
                node = self._either()
                if not self._sign(")"):
                    raise self._error("this bracket is never closed", start)
                return node
            return self._condition()
        finally:
            self._depth -= 1

    # -- one condition ----------------------------------------------------------------------

    def _condition(self) -> Node:
        field = self._field()
        if field.kind == "flag":
            return self._flag(field)
        if self._word("is"):
            negative = self._word("not")
            if self._word("missing") or self._word("null"):
                return Not(Missing(field.name)) if negative else Missing(field.name)
            raise self._error("`is` goes with `missing`", hint=f"{field.name} is missing")
        if self._is_word("not"):
            self._word("not")
            return Not(self._one_of(field))
        if self._is_word("in"):
            return self._one_of(field)
        self._rest()
        at, sign = self._at, _OPERATOR.match(self._text, self._at)
        if sign is None or sign[0] == ":":
            return self._alone(field) if sign is None else self._match(field, sign.end())
        self._at = sign.end()
        if field.kind == "area":
            raise self._error("an area goes with :", at, hint=f"like {_example(field)}")
        operator = cast("Operator", _SYNONYMS.get(sign[0], sign[0]))
        if field.kind in ("choice", "tags", "named") and operator not in ("=", "!="):
            raise self._error(f"{field.name} has no order", at, hint=f"like {_example(field)}")
        return Compare(field.name, operator, self._value(field))

    def _alone(self, field: Field) -> Node:
        """A field without an operator: a flag, as far as is known without its dataset."""
        if self._extras is None and is_extra(field.name):
            return Compare(field.name, "=", True)
        hint = f"like {_example(field)}"
        raise self._error(f"an operator is missing after {field.name}", self._at, hint=hint)

    def _flag(self, field: Field) -> Node:
        """``favorite``, ``favorite:yes``, ``favorite!=yes``: the flag, or its ``not``."""
        self._rest()
        at, sign = self._at, _OPERATOR.match(self._text, self._at)
        yes = Compare(field.name, "=", True)
        if sign is None:
            return yes
        if sign[0] in ("<", "<=", ">", ">="):
            raise self._error(f"{field.name} has no order", at, hint=f"{field.name}=yes")
        self._at = sign.end()
        start = self._start()
        try:
            wanted = values.flag(self._raw())
        except ValueError as error:
            raise self._error(str(error), start, hint=f"{field.name}=yes") from None
        return yes if wanted is (sign[0] not in ("!=", "<>")) else Not(yes)

    def _field(self) -> Field:
        self._rest()
        start, name = self._at, _NAME.match(self._text, self._at)
        if name is None:
            raise self._error("a field is missing here", hint="like width>=1024")
        found = find(name[0])
        if found is not None and self._extras is not None and is_extra(found.name):
            found = self._extras.get(found.name)
        if found is None:
            close = nearest(name[0], self._extras or ())
            known = ", ".join(field.name for field in FIELDS)
            hint = f"did you mean {close}?" if close else f"there are {known}"
            raise self._error(f"there is no field {name[0]!r}", start, hint=hint)
        self._at = name.end()
        return found

    def _one_of(self, field: Field) -> Node:
        if not self._word("in") or not self._sign("("):
            raise self._error("a list is missing here", hint=f"{field.name} in (a, b)")
        if field.kind == "area":
            raise self._error("an area goes with :", hint=f"like {_example(field)}")
        found = [self._value(field)]
        while self._sign(","):
            found.append(self._value(field))
        if not self._sign(")"):
            raise self._error("the list goes on with , or ends with )")
        return OneOf(field.name, tuple(found))

    def _match(self, field: Field, at: int) -> Node:
        self._at = at
        start = self._start()
        if field.kind in _ORDERED:
            return self._range(field)
        pattern = self._raw()
        if field.kind == "area" and pattern != "*":
            return self._area(field, pattern, start)
        if not pattern and field.kind != "folder":
            raise self._error("there is nothing between the quotes", start)
        if pattern == "*":
            return Not(Missing(field.name))
        if field.kind in ("choice", "tags"):
            return Compare(field.name, "=", self._read(field, pattern, start))
        if field.kind == "named" and values.is_numeral(pattern):
            return Compare(field.name, "=", pattern)
        if field.kind == "words" and not values.is_wild(pattern) and not values.words(pattern):
            raise self._error("there is no word in it", start)
        return Match(field.name, pattern)

    def _area(self, field: Field, text: str, start: int) -> Node:
        try:
            area.corners(text)
        except ValueError as error:
            raise self._error(str(error), start, hint=f"like {_example(field)}") from None
        return Match(field.name, text)

    def _range(self, field: Field) -> Node:
        start = self._start()
        low, dots, high = self._ends()
        first = self._read(field, low, start) if low or not dots else None
        if not dots:
            assert first is not None
            return Compare(field.name, "=", first)
        last = self._read(field, high, start + len(low) + 2) if high else None
        if first is None and last is None:
            raise self._error("a range without ends", start, hint=f"like {_example(field)}")
        if first is not None and last is not None and _begin(first) > _end(last):
            raise self._error("the range ends before it begins", start)
        return Between(field.name, first, last)

    def _ends(self) -> tuple[str, bool, str]:
        """What stands before ``..``, whether that is there, and what stands after it."""
        if self._text[self._at : self._at + 1] in ('"', "'"):
            low = self._raw()
            if not self._text.startswith("..", self._at):
                return low, False, ""
            self._at += 2
            rest = self._text[self._at : self._at + 1]
            return low, True, self._raw() if rest.strip() and rest not in "()," else ""
        low, dots, high = self._raw().partition("..")
        if dots and not high and self._text[self._at : self._at + 1] in ('"', "'"):
            high = self._raw()
        return low, bool(dots), high

    # -- values -----------------------------------------------------------------------------

    def _value(self, field: Field) -> Value:
        start = self._start()
        return self._read(field, self._raw(), start)

    def _raw(self) -> str:
        start = self._start()
        if self._text[start : start + 1] in ('"', "'"):
            found = _QUOTED.match(self._text, start)
            if found is None:
                raise self._error("this quote is never closed", start)
            self._at = found.end()
            return _ESCAPED.sub(r"\1", found[1] if found[1] is not None else found[2])
        bare = _BARE.match(self._text, start)
        if bare is None:
            raise self._error("a value is missing here", start)
        self._at = bare.end()
        return bare[0]

    def _read(self, field: Field, text: str, start: int) -> Value:
        reader = _READERS.get(field.kind)
        if reader is None:
            value = field.fold(text)
            if field.choices and value not in field.choices:
                close = difflib.get_close_matches(value, field.choices, n=1, cutoff=0.5)
                hint = (
                    f"did you mean {close[0]}?" if close else f"one of {', '.join(field.choices)}"
                )
                raise self._error(f"{field.name} is never {text!r}", start, hint=hint)
            return value
        try:
            return reader(text.strip())
        except ValueError as error:
            raise self._error(str(error), start, hint=f"like {_example(field)}") from None

    # -- characters -------------------------------------------------------------------------

    def _start(self) -> int:
        self._rest()
        return self._at

    def _rest(self) -> str:
        space = _SPACE.match(self._text, self._at)
        assert space is not None
        self._at = space.end()
        return self._text[self._at :]

    def _sign(self, sign: str) -> bool:
        found = self._rest().startswith(sign)
        self._at += len(sign) if found else 0
        return found

    def _is_word(self, word: str) -> bool:
        self._rest()
        name = _NAME.match(self._text, self._at)
        return name is not None and name[0].lower() == word

    def _word(self, word: str) -> bool:
        found = self._is_word(word)
        self._at += len(word) if found else 0
        return found

    def _error(self, message: str, at: int | None = None, hint: str | None = None) -> InvalidFilter:
        return InvalidFilter(message, hint=hint, position=self._at if at is None else at)


def _begin(value: Value) -> float:
    return values.since_epoch(values.span(value)[0]) if isinstance(value, Moment) else float(value)


def _end(value: Value) -> float:
    return values.since_epoch(values.span(value)[1]) if isinstance(value, Moment) else float(value)


_EXAMPLES: dict[Kind, str] = {
    "number": ">=1024",
    "integer": ":1234567",
    "bytes": ">2mb",
    "ratio": ":1.3..1.8",
    "time": ">2024-05",
    "text": ':"IMG_*"',
    "words": ':"red circle"',
    "folder": ":2024",
    "named": "=3",
    "tags": ":beach",
    "area": ':"-1,-1 0.5,0.5"',
}


def _example(field: Field) -> str:
    if field.kind == "choice":
        return f"{field.name}={field.choices[0] if field.choices else 'jpeg'}"
    return field.name + _EXAMPLES[field.kind]
