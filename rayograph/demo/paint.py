"""Colours with names, gradients, smooth noise, anti-aliased masks and film grain.

Fields are float32 arrays of shape (size, size), colours (3, 1, 1) and layers (3, size, size), all
in 0-1: channels come first, so that the three broadcast against each other at full speed.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Field = npt.NDArray[np.floating[Any]]
Rng = np.random.Generator
Point = tuple[float, float]
T = TypeVar("T")

SCALE = 3

# name -> hue, saturation, value ranges (hue in degrees)
COLOURS: dict[str, tuple[tuple[float, float], tuple[float, float], tuple[float, float]]] = {
    "red": ((352, 364), (0.72, 0.88), (0.80, 0.92)),
    "orange": ((22, 32), (0.78, 0.92), (0.93, 1.0)),
    "yellow": ((46, 54), (0.70, 0.88), (0.95, 1.0)),
    "green": ((115, 145), (0.50, 0.70), (0.58, 0.74)),
    "teal": ((174, 184), (0.55, 0.75), (0.58, 0.72)),
    "blue": ((212, 228), (0.65, 0.82), (0.75, 0.92)),
    "purple": ((268, 282), (0.48, 0.66), (0.60, 0.78)),
    "pink": ((330, 342), (0.36, 0.52), (0.93, 1.0)),
    "brown": ((20, 28), (0.52, 0.66), (0.42, 0.54)),
    "black": ((210, 240), (0.10, 0.30), (0.06, 0.13)),
    "white": ((30, 60), (0.0, 0.03), (0.96, 1.0)),
    "grey": ((200, 230), (0.02, 0.08), (0.52, 0.66)),
}
VIVID = ("red", "orange", "yellow", "green", "teal", "blue", "purple", "pink")


def pick(rng: Rng, items: Sequence[T]) -> T:
    """One of ``items``."""
    return items[int(rng.integers(len(items)))]


def others(rng: Rng, items: Sequence[T], count: int, *avoid: T) -> list[T]:
    """``count`` different items, none of ``avoid``."""
    left = [item for item in items if item not in avoid]
    return [left[int(i)] for i in rng.permutation(len(left))[:count]]


def hsv(hue: float, saturation: float, value: float) -> Field:
    """A colour; ``hue`` in degrees."""
    channels = colorsys.hsv_to_rgb(hue / 360 % 1, saturation, value)
    return np.array(channels, np.float32).reshape(3, 1, 1)


def colour(rng: Rng, name: str) -> Field:
    """A shade of a named colour that everybody would still call so."""
    hue, saturation, value = (float(rng.uniform(*span)) for span in COLOURS[name])
    return hsv(hue, saturation, value)


def rgb(values: Field) -> tuple[int, int, int]:
    """A colour as Pillow wants it."""
    red, green, blue = (int(v) for v in np.clip(values.ravel() * 255 + 0.5, 0, 255))
    return red, green, blue


def shade(values: Field, by: float) -> Field:
    """Towards white (``by`` > 0) or black (``by`` < 0)."""
    target = 1.0 if by > 0 else 0.0
    return np.asarray(values + (target - values) * abs(by), np.float32)


@lru_cache(maxsize=8)
def grid(size: int) -> tuple[Field, Field]:
    """x and y of each pixel's centre, -1 to 1, y downwards."""
    line = ((np.arange(size, dtype=np.float32) + 0.5) / size * 2 - 1).astype(np.float32)
    x, y = np.broadcast_arrays(line[None, :], line[:, None])
    return x, y


def mix(low: Field, high: Field, field: Field) -> Field:
    """A layer that goes from colour ``low`` at 0 to ``high`` at 1."""
    return np.asarray(low + (high - low) * field, np.float32)


def ramp(stops: Sequence[Field], field: Field) -> Field:
    """A layer of colours interpolated between evenly spaced ``stops``; ``field`` in 0-1."""
    places, fine = np.linspace(0, 1, len(stops)), np.linspace(0, 1, 512)
    steps = np.clip(field * 511, 0, 511).astype(np.int32)
    tables = [np.interp(fine, places, [float(s[c, 0, 0]) for s in stops]) for c in range(3)]
    return np.stack([np.take(table.astype(np.float32), steps) for table in tables])


def over(layer: Field, values: Field, mask: Field) -> Field:
    """``values`` (a colour or a layer) laid on ``layer`` where ``mask`` is 1."""
    return np.asarray(layer + (values - layer) * mask, np.float32)


def linear(rng: Rng, size: int, angle: float | None = None) -> Field:
    """0 to 1 along a direction (radians; any when not given)."""
    x, y = grid(size)
    turn = rng.uniform(0, 2 * np.pi) if angle is None else angle
    field = x * np.float32(np.cos(turn)) + y * np.float32(np.sin(turn))
    span = abs(np.cos(turn)) + abs(np.sin(turn))
    return np.asarray(field / np.float32(2 * span) + np.float32(0.5))


def radial(size: int, x0: float = 0.0, y0: float = 0.0) -> Field:
    """Distance from a point; the half side is 1."""
    x, y = grid(size)
    return np.sqrt((x - np.float32(x0)) ** 2 + (y - np.float32(y0)) ** 2)


def noise(
    rng: Rng, size: int, *, cells: int = 4, octaves: int = 4, stretch: int = 1, gain: float = 0.5
) -> Field:
    """Smooth noise in 0-1; ``stretch`` > 1 draws it out sideways."""
    total = np.zeros((size, size), np.float32)
    weight = 1.0
    for octave in range(octaves):
        high = cells * 2**octave
        wide = max(2, high // stretch)
        if high > size:
            break
        seeds = Image.fromarray(rng.random((high + 3, wide + 3), np.float32))
        # The fine octaves are too weak for a linear blend to show.
        smooth = Image.Resampling.BICUBIC if octave < 2 else Image.Resampling.BILINEAR
        field = seeds.resize((size, size), smooth, box=(1, 1, wide + 2, high + 2))
        total += np.asarray(field, np.float32) * np.float32(weight)
        weight *= gain
    low, top = float(total.min()), float(total.max())
    return np.asarray((total - low) / max(top - low, 1e-6), np.float32)


def enlarge(field: Field, size: int) -> Field:
    """A smooth field computed small, at full size."""
    image = Image.fromarray(np.ascontiguousarray(field, np.float32))
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC), np.float32)


def mask(size: int, paint: Callable[[ImageDraw.ImageDraw, float], Any]) -> Field:
    """An anti-aliased mask: ``paint(draw, s)`` draws with fill 255 on a canvas ``s`` px wide."""
    canvas = Image.new("L", (size * SCALE, size * SCALE), 0)
    paint(ImageDraw.Draw(canvas), float(size * SCALE))
    return np.asarray(canvas.reduce(SCALE), np.float32) / np.float32(255)


def polygons(size: int, shapes: Sequence[Sequence[Point]]) -> Field:
    """The mask of polygons whose corners are shares of the width."""

    def fill(d: ImageDraw.ImageDraw, s: float) -> None:
        for shape in shapes:
            d.polygon([(x * s, y * s) for x, y in shape], fill=255)

    return mask(size, fill)


def canvas(
    size: int, background: Field, scale: int = SCALE
) -> tuple[Image.Image, ImageDraw.ImageDraw, float]:
    """A picture to draw on, ``scale`` times too large, and its width; see ``finish``."""
    image = Image.new("RGB", (size * scale, size * scale), rgb(background))
    return image, ImageDraw.Draw(image), float(size * scale)


def finish(image: Image.Image, scale: int = SCALE) -> Image.Image:
    """Brings a canvas to size, which smooths its edges."""
    return image.reduce(scale)


def to_image(layer: Field) -> Image.Image:
    planes = np.clip(layer * np.float32(255) + np.float32(0.5), 0, 255).astype(np.uint8)
    return Image.merge("RGB", [Image.fromarray(plane) for plane in planes])


def to_layer(image: Image.Image) -> Field:
    planes = [np.asarray(band, np.float32) for band in image.split()]
    return np.stack(planes) / np.float32(255)


@lru_cache(maxsize=4)
def _grain_tile(strength: int) -> npt.NDArray[np.int16]:
    """Noise of a standard deviation of ``strength`` / 2 levels, each value thrice in a row."""
    tile = np.random.default_rng(strength).normal(0, strength / 2, (768, 768))
    return np.rint(tile).astype(np.int16).repeat(3, 1)


def grain(rng: Rng, image: Image.Image) -> Image.Image:
    """Fine film grain, so that flat areas are not perfectly flat; up to 700 px a side."""
    wide, high = image.size
    left, top = (int(v) for v in rng.integers(0, 768 - max(wide, high), 2))
    tile = _grain_tile(int(rng.integers(1, 5)))[top : top + high, 3 * left : 3 * (left + wide)]
    noisy = np.asarray(image).reshape(high, wide * 3) + tile
    flat = np.clip(noisy, 0, 255).astype(np.uint8)
    return Image.frombytes("RGB", (wide, high), flat.tobytes())


def a(word: str) -> str:
    """``word`` with its article."""
    return f"an {word}" if word[0] in "aeiou" else f"a {word}"
