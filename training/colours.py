"""Which colours a picture mostly has, read off its pixels: what no caption of a landscape says."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from rayograph.demo.paint import COLOURS
from training.captions import Statement

NAMES = tuple(COLOURS)
MOSTLY = 0.33


def statement(name: str) -> Statement:
    """The ways to ask for a colour."""
    return (name, f"something {name}", f"mostly {name}", f"{name} colours")


def main_colours(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    """``uint8 [n, p, 3]``, some pixels of each picture -> ``[n, colours]``: is it mostly that?"""
    values = pixels.astype(np.float32) / 255
    high, low = values.max(-1), values.min(-1)
    spread = np.maximum(high - low, 1e-6)
    red, green, blue = np.moveaxis(values, -1, 0)
    hue = np.select(
        [high == red, high == green],
        [(green - blue) / spread % 6, (blue - red) / spread + 2],
        (red - green) / spread + 4,
    )
    hue, saturation = hue * 60, spread / np.maximum(high, 1e-6)
    warm = (hue < 45) & (hue >= 10)
    named = np.select(
        [
            high < 0.2,
            (saturation < 0.1) & (high > 0.85),
            saturation < 0.14,
            warm & (high < 0.66),
            ((hue < 12) | (hue >= 345)) & (saturation < 0.5) & (high > 0.8),
            (hue < 12) | (hue >= 345),
            hue < 40,
            hue < 66,
            hue < 162,
            hue < 196,
            hue < 252,
            hue < 302,
        ],
        [
            NAMES.index(name)
            for name in (
                *("black", "white", "grey", "brown", "pink", "red"),
                *("orange", "yellow", "green", "teal", "blue", "purple"),
            )
        ],
        NAMES.index("pink"),
    )
    shares = np.stack([(named == n).mean(1) for n in range(len(NAMES))], 1)
    return np.asarray(shares >= MOSTLY)
