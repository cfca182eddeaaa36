"""Areas of the map: a box by two corners, or a polygon by all of its corners.

What is inside is worked out alike here, in the table and on the page: how many edges lie to the
right of a point. A point on an edge belongs to the side to its right, so that of two areas that
share an edge exactly one has it.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise

CORNERS = 100
Corner = tuple[float, float]
_FAR = 1e6


@lru_cache(maxsize=200)
def corners(text: str) -> tuple[Corner, ...]:
    """``"-1,-1 0.5,0.5"`` (a box) or ``"0,0 1,0 0,1"`` as the corners of a polygon.

    Raises:
        ValueError: it is no area, with the reason for a person.
    """
    found = tuple(_corner(each) for each in text.split())
    if len(found) < 2:
        raise ValueError("an area has two corners (a box) or more (a polygon)")
    if len(found) > CORNERS:
        raise ValueError(f"an area has at most {CORNERS} corners")
    if len(found) == 2:
        (left, low), (right, high) = found
        return (left, low), (right, low), (right, high), (left, high)
    return found


def _corner(text: str) -> Corner:
    try:
        x, y = (float(number) for number in text.split(","))
    except ValueError:
        raise ValueError(f"{text!r} is no corner like 0.25,-1") from None
    if not (abs(x) <= _FAR and abs(y) <= _FAR):
        raise ValueError(f"{text!r} is too far away")
    return x, y


@lru_cache(maxsize=200)
def _edges(text: str) -> tuple[tuple[float, float, float, float], ...]:
    """Of each edge that is not level: from which y, before which, and its x at 0 and a step up."""
    found = []
    around = corners(text)
    for (x1, y1), (x2, y2) in pairwise((*around, around[0])):
        if y1 != y2:
            slope = (x2 - x1) / (y2 - y1)
            found.append((min(y1, y2), max(y1, y2), x1 - y1 * slope, slope))
    return tuple(found)


def holds(text: str, x: float, y: float) -> bool:
    """Whether a point is inside."""
    left, low, right, high = _box(text)
    if not (left <= x <= right and low <= y <= high):
        return False
    return sum(a <= y < b and x < at + y * slope for a, b, at, slope in _edges(text)) % 2 == 1


def to_sql(text: str, x: str, y: str) -> str:
    """The same of two columns. Added up, as a hundred conditions inside each other are too many."""
    x, y = f"cast({x} as double)", f"cast({y} as double)"
    left, low, right, high = _box(text)
    box = f"{x} >= {left!r} and {x} <= {right!r} and {y} >= {low!r} and {y} <= {high!r}"
    edges = _edges(text)
    if not edges:
        return "false"
    crossed = " + ".join(
        f"cast(({y} >= {a!r} and {y} < {b!r} and {x} < {at!r} + {y} * {slope!r}) as int)"
        for a, b, at, slope in edges
    )
    return f"{box} and ({crossed}) % 2 = 1"


def _box(text: str) -> tuple[float, float, float, float]:
    across, up = zip(*corners(text), strict=True)
    return min(across), min(up), max(across), max(up)
