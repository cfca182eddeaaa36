"""Literals: numbers with units, ratios, dates of any precision, texts with wildcards."""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta

from rayograph.where.syntax import Moment

_NUMBER = re.compile(r"([+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*([a-z]*)\Z", re.IGNORECASE)
_WHOLE = re.compile(r"\d{1,20}\Z", re.ASCII)
_RATIO = re.compile(r"(\d+(?:\.\d+)?)[:/x](\d+(?:\.\d+)?)\Z", re.ASCII)
_MOMENT = re.compile(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:[T ](\d{2})(?::(\d{2})(?::(\d{2}))?)?)?)?)?\Z", re.ASCII
)
_UNITS = {
    "": 1,
    "b": 1,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    "tb": 1000**4,
    "kib": 1024,
    "mib": 1024**2,
    "gib": 1024**3,
    "tib": 1024**4,
}
_SHORT = {"k": "kb", "m": "mb", "g": "gb", "t": "tb"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)


def number(text: str) -> float:
    """``1024``, ``-3.5``, ``1e6``.

    Raises:
        ValueError: it is none, with the reason for a person.
    """
    value, unit = _number(text)
    if unit:
        raise ValueError(f"{text!r} is not a number")
    return value


def integer(text: str) -> int:
    """``4294967296``, exact to the last digit.

    Raises:
        ValueError: it is none that 64 bits without a sign hold.
    """
    found = int(text) if _WHOLE.match(text) else -1
    if not 0 <= found < 1 << 64:
        raise ValueError(f"{text!r} is not a whole number from 0 to {(1 << 64) - 1}")
    return found


def byte_count(text: str) -> float:
    """``2mb`` (a million bytes each), ``300 kB``, ``1GiB``, or bare bytes."""
    value, unit = _number(text)
    unit = unit.lower()
    factor = _UNITS.get(_SHORT.get(unit, unit))
    if factor is None:
        raise ValueError(f"{unit!r} is no unit of size: kb, mb, gb, tb, kib, mib, gib")
    return _finite(value * factor, text)


def ratio(text: str) -> float:
    """``1.5``, ``3:2``, ``16/9``."""
    match = _RATIO.match(text)
    if match is None:
        return number(text)
    over = float(match[2])
    if over == 0:
        raise ValueError("a ratio over 0")
    return _finite(float(match[1]) / over, text)


def moment(text: str) -> Moment:
    """``2024``, ``2024-05``, ``2024-05-03``, with hours, minutes and seconds after a ``T``."""
    match = _MOMENT.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a date like 2024, 2024-05 or 2024-05-03T12:30")
    found = Moment(text.replace(" ", "T"))
    try:
        span(found)
    except (ValueError, OverflowError):
        raise ValueError(f"there is no {text}") from None
    return found


def flag(text: str) -> bool:
    """``yes`` or ``no``."""
    known = {"yes": True, "true": True, "1": True, "no": False, "false": False, "0": False}
    if text.lower() not in known:
        raise ValueError(f"{text!r} is neither yes nor no")
    return known[text.lower()]


def span(when: Moment) -> tuple[datetime, datetime]:
    """The first second a date stands for, and the first after it."""
    match = _MOMENT.match(when.text)
    assert match is not None
    given = [int(part) for part in match.groups() if part is not None]
    first = datetime(*[*given, 1, 1][: max(3, len(given))])  # type: ignore[arg-type]
    year, month = first.year, first.month
    if len(given) == 1:
        return first, datetime(year + 1, 1, 1)
    if len(given) == 2:
        return first, datetime(year + month // 12, month % 12 + 1, 1)
    step = (timedelta(days=1), timedelta(hours=1), timedelta(minutes=1), _SECOND)
    return first, first + step[len(given) - 3]


def since_epoch(when: datetime) -> float:
    """Seconds since 1970, read as UTC."""
    return (when.replace(tzinfo=UTC) - _EPOCH).total_seconds()


def pieces(pattern: str) -> list[str | None]:
    """A pattern as literal texts, ``"*"`` as None and ``"?"`` as ``""``; ``\\`` makes one plain."""
    found: list[str | None] = []
    literal, at = "", 0
    while at < len(pattern):
        char = pattern[at]
        if char == "\\" and pattern[at + 1 : at + 2] in ("*", "?", "\\"):
            literal += pattern[at + 1]
            at += 2
            continue
        if char in "*?":
            found += [literal] if literal else []
            found.append(None if char == "*" else "")
            literal = ""
        else:
            literal += char
        at += 1
    return [*found, literal] if literal else found


def is_wild(pattern: str) -> bool:
    """Whether a pattern has a wildcard."""
    return any(not piece for piece in pieces(pattern))


def is_numeral(text: str) -> bool:
    """Whether a text is nothing but digits: the number of something that has a name as well."""
    return text.isascii() and text.isdigit()


def words(text: str) -> list[str]:
    """The runs of letters and digits of a text, in lower case."""
    spaced = "".join(char if char.isalnum() else " " for char in text.lower())
    return spaced.split()


def _number(text: str) -> tuple[float, str]:
    match = _NUMBER.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a number")
    return _finite(float(match[1]), text), match[2]


def _finite(value: float, text: str) -> float:
    if not math.isfinite(value):
        raise ValueError(f"{text} is too large")
    return value
