"""Photograph-like pictures drawn on the spot: skies, hills, still lifes and paper cuts."""

from __future__ import annotations

import colorsys
import functools
import math
import random
from pathlib import Path

from PIL import Image, ImageDraw, ImageFilter

VARIANTS = 96
_SIZES = ((480, 320), (360, 480), (420, 420), (560, 320))


def picture(folder: Path, variant: int) -> Path:
    """The file of one of ``VARIANTS`` pictures, drawn the first time it is asked for."""
    path = folder / f"picture-{variant % VARIANTS:03}.jpg"
    if not path.exists():
        part = path.with_suffix(f".{random.getrandbits(32)}.part")
        _draw(variant % VARIANTS).save(part, "JPEG", quality=88)
        part.replace(path)
    return path


def caption(variant: int) -> str:
    return ("hills at dusk", "discs on paper", "the sea", "a grid of tiles")[variant % 4]


@functools.cache
def _draw(variant: int) -> Image.Image:
    rng = random.Random(variant)
    size = _SIZES[(variant // 4) % len(_SIZES)]
    return (_hills, _discs, _sea, _tiles)[variant % 4](rng, size)


def _tone(hue: float, saturation: float, value: float) -> tuple[int, int, int]:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1, saturation, value)
    return int(red * 255), int(green * 255), int(blue * 255)


def _sky(size: tuple[int, int], top: tuple[int, ...], bottom: tuple[int, ...]) -> Image.Image:
    column = Image.new("RGB", (1, 2))
    column.putpixel((0, 0), top)
    column.putpixel((0, 1), bottom)
    return column.resize(size, Image.Resampling.BICUBIC)


def _hills(rng: random.Random, size: tuple[int, int]) -> Image.Image:
    hue, (width, height) = rng.random(), size
    image = _sky(size, _tone(hue, 0.45, 0.55), _tone(hue + 0.1, 0.35, 0.97))
    draw = ImageDraw.Draw(image)
    sun = rng.uniform(0.2, 0.8) * width
    draw.ellipse((sun - 30, height * 0.3 - 30, sun + 30, height * 0.3 + 30), _tone(0.1, 0.2, 1))
    for layer in range(5):
        base, swing = height * (0.45 + 0.12 * layer), height * 0.08
        phase, pace = rng.uniform(0, 6), rng.uniform(1.5, 4)
        ridge = [
            (x, base + swing * math.sin(phase + pace * x / width * 3) + rng.uniform(-2, 2))
            for x in range(0, width + 8, 8)
        ]
        draw.polygon([(0, height), *ridge, (width, height)], _tone(hue, 0.5, 0.62 - 0.11 * layer))
    return image.filter(ImageFilter.GaussianBlur(0.8))


def _discs(rng: random.Random, size: tuple[int, int]) -> Image.Image:
    hue, (width, height) = rng.random(), size
    image = Image.new("RGB", size, _tone(hue, 0.08, 0.93))
    draw = ImageDraw.Draw(image, "RGBA")
    for _ in range(rng.randint(3, 8)):
        radius = rng.uniform(0.08, 0.32) * min(size)
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        tone = _tone(hue + rng.choice((0, 0.04, 0.5)), 0.7, rng.uniform(0.3, 0.95))
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), (*tone, 215))
    return image


def _sea(rng: random.Random, size: tuple[int, int]) -> Image.Image:
    hue, (width, height) = 0.52 + rng.uniform(-0.05, 0.12), size
    image = _sky(size, _tone(hue + 0.4, 0.3, 0.98), _tone(hue, 0.8, 0.32))
    draw = ImageDraw.Draw(image, "RGBA")
    for _ in range(260):
        y = height * (0.42 + 0.58 * rng.random() ** 1.5)
        reach = (y / height) ** 2 * 50
        x = rng.uniform(0, width)
        draw.line((x - reach, y, x + reach, y), (*_tone(hue, 0.25, 1), 60), 1)
    return image.filter(ImageFilter.GaussianBlur(0.6))


def _tiles(rng: random.Random, size: tuple[int, int]) -> Image.Image:
    hue, (width, height) = rng.random(), size
    image = Image.new("RGB", size, _tone(hue, 0.3, 0.2))
    draw = ImageDraw.Draw(image)
    step = rng.choice((40, 60, 80))
    for x in range(0, width, step):
        for y in range(0, height, step):
            tone = _tone(hue + rng.uniform(-0.08, 0.08), rng.uniform(0.2, 0.7), rng.uniform(0.3, 1))
            if rng.random() < 0.5:
                draw.rectangle((x + 3, y + 3, x + step - 3, y + step - 3), tone)
            else:
                draw.pieslice((x + 3, y + 3, x + step * 2 - 9, y + step * 2 - 9), 180, 270, tone)
    return image
