"""Collages: dead leaves with textures and light, whose statistics are near a photograph's."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from rayograph.demo import paint
from rayograph.demo.paint import Field, Rng, pick

SCALE = 2


def draw(rng: Rng, size: int) -> tuple[Image.Image, str]:
    names = paint.others(rng, tuple(paint.COLOURS), int(rng.integers(1, 4)))
    muted = float(rng.uniform(0.0, 0.6))
    textures = [_texture(rng, size) for _ in range(3)]
    image = _cloth(rng, pick(rng, textures), names[0], muted)
    # Radii follow a power law, as the sizes of things in photographs do.
    count = int(rng.integers(10, 50))
    radii = np.sort(0.05 / (1 - rng.random(count) * 0.88))[::-1]
    for n, radius in enumerate(radii.tolist()):
        cloth = _cloth(rng, pick(rng, textures), names[n % len(names)], muted)
        mask = _leaf(rng, size, radius)
        if radius > 0.1 and rng.random() < 0.6:
            shade = mask.filter(ImageFilter.BoxBlur(size / 40)).point(_half)
            right, down = (int(v) for v in rng.integers(-size // 40, size // 30 + 1, 2))
            image.paste((8, 8, 12), (right, down), shade)
        image.paste(cloth, (0, 0), mask)
    layer = paint.to_layer(image) * paint.mix(_flat(0.75), _flat(1.15), paint.linear(rng, size))
    image = paint.to_image(np.asarray(layer, np.float32))
    if rng.random() < 0.3:
        image = image.filter(ImageFilter.GaussianBlur(size * float(rng.uniform(0.002, 0.01))))
    names = list(dict.fromkeys(names[: len(radii) + 1]))
    words = " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
    return image, f"a collage of {words} shapes"


def _half(value: int) -> int:
    return value * 2 // 5


def _flat(value: float) -> Field:
    return np.full((3, 1, 1), value, np.float32)


def _texture(rng: Rng, size: int) -> Field:
    """A field in 0-1, any of: smooth noise, rough noise, stripes, speckles, a plain ramp."""
    kind = int(rng.integers(5))
    if kind == 0:
        return paint.noise(rng, size, cells=3, octaves=6, gain=float(rng.uniform(0.4, 0.8)))
    if kind == 1:
        stretch = int(rng.integers(1, 9))
        field = paint.noise(rng, size, cells=24, octaves=3, gain=0.8, stretch=stretch)
        return field if rng.random() < 0.5 else field.T
    if kind == 2:
        bands, bend = float(rng.uniform(6, 40)), paint.noise(rng, size, cells=2, octaves=2)
        wave = np.sin((paint.linear(rng, size) * bands + bend * 2) * 2 * math.pi)
        return np.asarray(np.clip(wave * rng.uniform(0.5, 3) + 0.5, 0, 1), np.float32)
    if kind == 3:
        speckle = rng.random((size, size), np.float32) ** np.float32(rng.uniform(0.5, 4))
        return np.asarray(speckle, np.float32)
    return paint.linear(rng, size)


def _cloth(rng: Rng, texture: Field, name: str, muted: float) -> Image.Image:
    """A texture in shades of a colour, some other part of it each time."""
    size = texture.shape[0]
    down, right = (int(v) for v in rng.integers(0, size, 2))
    tone = paint.colour(rng, name)
    tone = np.asarray(tone + (tone.mean() - tone) * muted, np.float32)
    low = paint.shade(tone, -float(rng.uniform(0.1, 0.65)))
    high = paint.shade(tone, float(rng.uniform(0.0, 0.4)))
    if rng.random() < 0.3:
        low, high = high, low
    return paint.to_image(paint.mix(low, high, np.roll(texture, (down, right), (0, 1))))


def _leaf(rng: Rng, size: int, radius: float) -> Image.Image:
    """The mask of an ellipse, a bent blob or a polygon anywhere, also across the edge."""
    s = size * SCALE
    x, y = (float(v) for v in rng.uniform(-0.05, 1.05, 2))
    canvas = Image.new("L", (s, s), 0)
    d = ImageDraw.Draw(canvas)
    kind, turn = int(rng.integers(4)), float(rng.uniform(0, 2 * math.pi))
    count = (40, 40, int(rng.integers(3, 7)), 4)[kind]
    angles = np.arange(count) * 2 * math.pi / count
    far = np.ones(count)
    if kind == 1:
        waves = int(rng.integers(2, 6))
        far = 1 + float(rng.uniform(0.1, 0.35)) * np.sin(angles * waves + turn)
    elif kind == 2:
        far = rng.uniform(0.7, 1.2, count)
    squeeze = float(rng.uniform(0.35, 1.0))
    px, py = np.cos(angles) * far * radius, np.sin(angles) * far * radius * squeeze
    c, n = math.cos(turn), math.sin(turn)
    points = np.stack([x + px * c - py * n, y + px * n + py * c], 1) * s
    d.polygon([(float(u), float(v)) for u, v in points], fill=255)
    return canvas.reduce(SCALE)
