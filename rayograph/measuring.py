"""What a picture's own pixels say of how usable it is.

Imports Pillow alone: every guarded child loads this.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from PIL import Image, ImageChops, ImageFilter

from rayograph.quality import Measures

# All is measured at about this many pixels, so that large pictures and small ones, and the sizes a
# JPEG can be decoded at, compare. Pictures are not enlarged.
WORKING_SIDE = 128
# Of 256 levels; with less between its darkest and its lightest a picture has no edges to look at.
_LEAST_CONTRAST = 8
_ACROSS = (0, 0, 0, -1, 2, -1, 0, 0, 0)
_DOWN = (0, -1, 0, 0, 2, 0, 0, -1, 0)


def measure(image: Image.Image) -> Measures:
    """The numbers of a decoded picture."""
    grey = _reduced(image).convert("L")
    levels = grey.histogram()
    total = sum(levels)
    low, high = _quantile(levels, 0.01), _quantile(levels, 0.99)
    entropy = -sum(n / total * math.log2(n / total) for n in levels if n)
    sharpness = None
    if high - low >= _LEAST_CONTRAST and min(grey.size) >= 3:
        steep = min(_steepness(grey, _ACROSS), _steepness(grey, _DOWN))
        sharpness = round(steep / (high - low), 4)
    mean = sum(level * n for level, n in enumerate(levels)) / total
    # So many places tell all there is to tell, and are what somebody would type.
    return Measures(
        sharpness=sharpness,
        brightness=round(mean / 255, 4),
        shadows=round(low / 255, 4),
        highlights=round(high / 255, 4),
        entropy=round(abs(entropy), 4),
        aspect=image.width / image.height,
    )


def _reduced(image: Image.Image) -> Image.Image:
    factor = WORKING_SIDE / math.sqrt(image.width * image.height)
    if factor >= 1:
        return image
    size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
    return image.resize(size, Image.Resampling.BOX, reducing_gap=3.0)


def _steepness(grey: Image.Image, kernel: Sequence[int]) -> int:
    """What a hundredth of the second differences in one direction is beyond, whatever its sign."""
    # A filter cuts off what is below 0, and leaves the edge of the picture as it is.
    up = grey.filter(ImageFilter.Kernel((3, 3), kernel, scale=1))
    down = grey.filter(ImageFilter.Kernel((3, 3), [-n for n in kernel], scale=1))
    inner = (1, 1, grey.width - 1, grey.height - 1)
    return _quantile(ImageChops.lighter(up, down).crop(inner).histogram(), 0.99)


def _quantile(levels: Sequence[int], share: float) -> int:
    """The level that this share of the pixels does not exceed."""
    wanted, seen = share * sum(levels), 0
    for level, count in enumerate(levels):
        seen += count
        if seen >= wanted and count:
            return level
    return len(levels) - 1
