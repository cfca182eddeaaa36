"""Gradients: two colours, glows, sunbursts of tone and soft blends."""

from __future__ import annotations

import numpy as np
from PIL import Image

from rayograph.demo import paint
from rayograph.demo.paint import Rng, a, pick

_NAMES = tuple(name for name in paint.COLOURS if name != "grey")


def draw(rng: Rng, size: int) -> tuple[Image.Image, str]:
    return pick(rng, (_linear, _linear, _radial, _conic, _blend, _mesh))(rng, size)


def _two(rng: Rng) -> tuple[list[str], list[paint.Field]]:
    names = paint.others(rng, _NAMES, 2)
    return names, [paint.colour(rng, name) for name in names]


def _linear(rng: Rng, size: int) -> tuple[Image.Image, str]:
    names, tones = _two(rng)
    way, angle = pick(rng, (("horizontal", 0.0), ("vertical", np.pi / 2), ("diagonal", np.pi / 4)))
    layer = paint.mix(tones[0], tones[1], paint.linear(rng, size, angle))
    return paint.to_image(layer), f"a {way} gradient from {names[0]} to {names[1]}"


def _radial(rng: Rng, size: int) -> tuple[Image.Image, str]:
    names, tones = _two(rng)
    x0, y0 = (float(v) for v in rng.uniform(-0.4, 0.4, 2))
    field = np.clip(paint.radial(size, x0, y0) / float(rng.uniform(0.9, 1.4)), 0, 1)
    field = field * field * (3 - 2 * field)
    return paint.to_image(paint.mix(tones[0], tones[1], field)), f"a {names[0]} glow on {names[1]}"


def _conic(rng: Rng, size: int) -> tuple[Image.Image, str]:
    names, tones = _two(rng)
    x, y = paint.grid(size)
    x0, y0 = (np.float32(v) for v in rng.uniform(-0.25, 0.25, 2))
    turn = np.arctan2(y - y0, x - x0) / (2 * np.pi) + rng.random()
    field = np.abs((turn % 1) * 2 - 1).astype(np.float32)
    return paint.to_image(paint.mix(tones[0], tones[1], field)), (
        f"a conic gradient of {names[0]} and {names[1]}"
    )


def _blend(rng: Rng, size: int) -> tuple[Image.Image, str]:
    names, tones = _two(rng)
    field = paint.noise(rng, size, cells=2, octaves=2, gain=0.3)
    return paint.to_image(
        paint.mix(tones[0], tones[1], field)
    ), f"a soft blend of {names[0]} and {names[1]}"


def _mesh(rng: Rng, size: int) -> tuple[Image.Image, str]:
    names = paint.others(rng, _NAMES, 3)
    tones = [paint.colour(rng, name) for name in names]
    layer = np.broadcast_to(tones[0], (3, size, size)).astype(np.float32)
    for tone in tones[1:]:
        x0, y0 = (float(v) for v in rng.uniform(-0.8, 0.8, 2))
        glow = np.exp(-((paint.radial(size, x0, y0) / rng.uniform(0.5, 0.8)) ** 2))
        layer = paint.over(layer, tone, glow.astype(np.float32))
    return paint.to_image(layer), f"{a(names[0])} haze with {names[1]} and {names[2]} glows"
