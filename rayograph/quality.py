"""How usable a picture is, in numbers and in words."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import NamedTuple

FLAWS = ("blurred", "dark", "bright", "plain", "odd")
GOOD = "good"
TOKENS = (*FLAWS, GOOD)


class Measures(NamedTuple):
    """Numbers of one picture, from 0 to 1 where nothing else is said.

    ``sharpness`` is how steep the steepest hundredth of its edges is for its contrast, in the
    direction in which that is less (1 and more is crisp, None: it has no contrast), ``brightness``
    its mean luminance, ``shadows`` and ``highlights`` what a hundredth of it is darker and lighter
    than, ``entropy`` what a pixel's luminance tells, 0 to 8 bits, ``aspect`` width by height.
    """

    sharpness: float | None
    brightness: float
    shadows: float
    highlights: float
    entropy: float
    aspect: float


@dataclass(frozen=True, slots=True)
class Rules:
    """From which number on a picture is what (``settings.quality``)."""

    blurred_below: float = 0.2
    dark_below: float = 0.2
    bright_above: float = 0.75
    plain_entropy: float = 2.0
    plain_contrast: float = 0.06
    odd_beyond: float = 3.0

    @property
    def key(self) -> str:
        """The rules as a text: what was told by others is told anew."""
        return ",".join(f"{value:g}" for value in asdict(self).values())
