"""The families of drawn pictures and the one function that draws any of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image

from rayograph.demo import (
    charts,
    collages,
    drawings,
    fractals,
    gradients,
    landscapes,
    patterns,
    shapes,
    text,
)
from rayograph.demo.paint import grain

Drawing = Callable[[np.random.Generator, int], tuple[Image.Image, str]]

FAMILIES: dict[str, Drawing] = {
    "shapes": shapes.draw,
    "landscapes": landscapes.draw,
    "patterns": patterns.draw,
    "gradients": gradients.draw,
    "charts": charts.draw,
    "drawings": drawings.draw,
    "fractals": fractals.draw,
    "text": text.draw,
    "collages": collages.draw,
}


def draw(
    rng: np.random.Generator, family: str | None = None, *, size: int = 320
) -> tuple[Image.Image, str, str]:
    """Draw one picture: RGB of ``size`` x ``size`` px, its caption and its family.

    The same generator state gives the same picture and caption.
    """
    if family is None:
        family = str(rng.choice(list(FAMILIES)))
    image, caption = FAMILIES[family](rng, size)
    return grain(rng, image), caption, family
