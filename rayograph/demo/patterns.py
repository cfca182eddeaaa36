"""Patterns and textures: stripes, checks, dots, tiles, waves, weave, wood, marble."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from rayograph.demo import paint
from rayograph.demo.paint import Field, Rng, pick

_NAMES = tuple(name for name in paint.COLOURS if name != "grey")


def draw(rng: Rng, size: int) -> tuple[Image.Image, str]:
    names = paint.others(rng, _NAMES, 2)
    if {"red", "pink"} == set(names) or {"green", "teal"} == set(names):
        names[1] = "white"
    tones = [paint.colour(rng, name) for name in names]
    make = pick(rng, (_stripes, _stripes, _checks, _dots, _rings, _waves, _zigzag, _tiles, _weave,
                      _bricks, _rays, _scales, _plaid, _wood, _marble))  # fmt: skip
    field, words = make(rng, size)
    if make in {_wood, _marble}:
        return _material(rng, field, words)
    layer = paint.mix(tones[0], tones[1], field)
    if rng.random() < 0.5:
        layer = layer * (0.92 + 0.16 * paint.linear(rng, size))
    return paint.to_image(layer), words.format(*names)


def _material(rng: Rng, field: Field, words: str) -> tuple[Image.Image, str]:
    if words == "wood grain":
        hue = float(rng.uniform(22, 34))
        stops = [
            paint.hsv(hue - 4, 0.62, 0.36),
            paint.hsv(hue, 0.55, 0.62),
            paint.hsv(hue + 4, 0.45, 0.8),
        ]
        return paint.to_image(paint.ramp(stops, field)), "wood grain"
    name = pick(rng, ("white", "green", "black", "pink"))
    tone = paint.colour(rng, name)
    vein = paint.shade(tone, 0.75) if name == "black" else paint.shade(tone, -0.55)
    return paint.to_image(paint.mix(vein, tone, field)), f"{name} marble"


def _edge(field: Field, size: int, scale: float) -> Field:
    """A signed distance (in units where the half side is 1 / ``scale``) as a crisp, smooth edge."""
    return np.asarray(np.clip(field * (size / 2 / scale) + 0.5, 0, 1), np.float32)


def _turned(rng: Rng, size: int, angle: float) -> tuple[Field, Field]:
    x, y = paint.grid(size)
    c, s = np.float32(math.cos(angle)), np.float32(math.sin(angle))
    return np.asarray(x * c + y * s), np.asarray(y * c - x * s)


def _tri(field: Field) -> Field:
    """A triangle wave: distance to the nearest odd half, -0.5 to 0.5, period 2."""
    return np.asarray(np.abs((field % 2) - 1) - 0.5, np.float32)


def _stripes(rng: Rng, size: int) -> tuple[Field, str]:
    way, angle = pick(
        rng, (("vertical", 0.0), ("horizontal", math.pi / 2), ("diagonal", math.pi / 4))
    )
    bands = float(rng.uniform(3, 12))
    u, _ = _turned(rng, size, angle)
    share = float(rng.uniform(-0.2, 0.2))
    width = "thin " if bands > 9 else "wide " if bands < 5 else ""
    return _edge(
        _tri(u * bands) + np.float32(share), size, bands
    ), f"{width}{way} {{0}} and {{1}} stripes"


def _checks(rng: Rng, size: int) -> tuple[Field, str]:
    count = float(rng.uniform(2, 7))
    u, v = _turned(rng, size, pick(rng, (0.0, 0.0, math.pi / 4)))
    cells = _edge(_tri(u * count), size, count), _edge(_tri(v * count), size, count)
    field = cells[0] * (1 - cells[1]) + cells[1] * (1 - cells[0])
    return field, "a checkerboard of {0} and {1}"


def _dots(rng: Rng, size: int) -> tuple[Field, str]:
    count = float(rng.uniform(3, 9))
    u, v = _turned(rng, size, float(rng.uniform(0, math.pi / 2)))
    u, v = u * count, v * count
    u = u + np.floor(v) % 2 * np.float32(0.5) if rng.random() < 0.5 else u
    far = np.hypot(u % 1 - 0.5, v % 1 - 0.5)
    return _edge(far - np.float32(rng.uniform(0.2, 0.36)), size, count), "{0} polka dots on {1}"


def _rings(rng: Rng, size: int) -> tuple[Field, str]:
    count = float(rng.uniform(4, 11))
    x0, y0 = (float(v) for v in rng.uniform(-0.3, 0.3, 2))
    far = paint.radial(size, x0, y0)
    if rng.random() < 0.4:
        x, y = paint.grid(size)
        turn = np.arctan2(y - np.float32(y0), x - np.float32(x0)) / np.float32(math.pi)
        return _edge(_tri(far * count + turn), size, count), "{0} and {1} spiral"
    return _edge(_tri(far * count), size, count), "concentric {0} and {1} rings"


def _waves(rng: Rng, size: int) -> tuple[Field, str]:
    count, bends = float(rng.uniform(4, 9)), float(rng.uniform(2, 6))
    u, v = _turned(rng, size, pick(rng, (0.0, math.pi / 2)))
    bent = u + np.sin(v * np.float32(bends * math.pi)) * np.float32(rng.uniform(0.05, 0.16))
    return _edge(_tri(bent * count), size, count * 1.2), "wavy {0} and {1} lines"


def _zigzag(rng: Rng, size: int) -> tuple[Field, str]:
    count, teeth = float(rng.uniform(4, 8)), float(rng.uniform(3, 7))
    x, y = paint.grid(size)
    bent = y + _tri(x * np.float32(teeth)) * np.float32(0.28)
    return _edge(_tri(bent * count), size, count * 1.3), "{0} and {1} zigzags"


def _tiles(rng: Rng, size: int) -> tuple[Field, str]:
    count = float(rng.uniform(3, 7))
    u, v = _turned(rng, size, 0.0)
    u, v = (u * count) % 1 - 0.5, (v * count) % 1 - 0.5
    kind = int(rng.integers(3))
    if kind == 0:
        far = np.abs(u) + np.abs(v) - 0.36
    elif kind == 1:
        turn = np.arctan2(v, u)
        far = np.hypot(u, v) - 0.3 - 0.1 * np.cos(turn * int(rng.integers(4, 7)))
    else:
        far = np.minimum(np.abs(np.hypot(u, v) - 0.36) - 0.07, np.hypot(u, v) - 0.14)
    word = ("diamond", "flower", "circle")[kind]
    return _edge(far.astype(np.float32), size, count), f"{{0}} {word} tiles on {{1}}"


def _weave(rng: Rng, size: int) -> tuple[Field, str]:
    count = float(rng.uniform(5, 10))
    u, v = _turned(rng, size, pick(rng, (0.0, math.pi / 4)))
    u, v = u * np.float32(count), v * np.float32(count)
    up = (np.floor(u) + np.floor(v)) % 2
    band = np.where(up == 0, np.sin((u % 1) * math.pi), np.sin((v % 1) * math.pi))
    return (np.asarray(band, np.float32) ** np.float32(0.8)) * (0.55 + 0.45 * up).astype(
        np.float32
    ), ("a woven texture of {0} and {1}")


def _bricks(rng: Rng, size: int) -> tuple[Field, str]:
    rows = float(rng.uniform(4, 8))
    x, y = paint.grid(size)
    v = y * np.float32(rows)
    u = x * np.float32(rows / 2) + np.floor(v) % 2 * np.float32(0.5)
    gap = np.minimum(0.5 - np.abs(v % 1 - 0.5), (0.5 - np.abs(u % 1 - 0.5)) * 2) - np.float32(0.06)
    wall = _edge(gap.astype(np.float32), size, rows)
    tint = paint.noise(rng, size, cells=24, octaves=3, stretch=2)
    return wall * (0.82 + 0.18 * tint), "a wall of {1} bricks with {0} joints"


def _rays(rng: Rng, size: int) -> tuple[Field, str]:
    count = int(rng.integers(8, 20))
    x0, y0 = (np.float32(v) for v in rng.uniform(-0.5, 0.5, 2))
    x, y = paint.grid(size)
    turn = np.arctan2(y - y0, x - x0) * np.float32(count / math.pi)
    far = paint.radial(size, float(x0), float(y0))
    return np.clip(
        _tri(turn) * far * (size / count * 1.6) + 0.5, 0, 1
    ), "a sunburst of {0} and {1} rays"


def _scales(rng: Rng, size: int) -> tuple[Field, str]:
    count = float(rng.uniform(3, 6))
    x, y = paint.grid(size)
    u, v = x * np.float32(count), y * np.float32(count)
    field = np.zeros((size, size), np.float32)
    # Rows overlap from the bottom up: the last one laid on a pixel is the highest that covers it.
    for up in (0, 1, 2):
        row = np.ceil(v * 2) - up
        far = np.hypot((u + row % 2 / 2) % 1 - np.float32(0.5), v - row / 2)
        rings = _edge(_tri(far * np.float32(5) + np.float32(0.5)), size, count * 4)
        field = np.where(far < 0.5, rings, field)
    return np.asarray(field, np.float32), "{0} and {1} fish scales"


def _plaid(rng: Rng, size: int) -> tuple[Field, str]:
    line = np.repeat(rng.choice([0.0, 0.35, 0.7, 1.0], 10), rng.integers(1, 5, 10))
    line = np.concatenate([line, line[::-1]])
    steps = (np.arange(size) * len(line) * int(rng.integers(1, 3)) // size) % len(line)
    stripes = line[steps].astype(np.float32)
    twill = ((np.add.outer(np.arange(size), np.arange(size)) // 2) % 2).astype(np.float32) * 0.12
    return np.clip(
        (stripes[:, None] + stripes[None, :]) / 2 + twill - 0.06, 0, 1
    ), "{0} and {1} plaid"


def _wood(rng: Rng, size: int) -> tuple[Field, str]:
    bend = paint.noise(rng, size, cells=2, octaves=2)
    x, _ = paint.grid(size)
    fibres = paint.noise(rng, size, cells=64, octaves=2, stretch=16).T
    ring = np.sin((x * rng.uniform(2, 4) + bend * rng.uniform(3, 5)) * 2 * math.pi) * 0.5 + 0.5
    return np.clip(ring**0.7 * 0.7 + fibres * 0.4, 0, 1).astype(np.float32), "wood grain"


def _marble(rng: Rng, size: int) -> tuple[Field, str]:
    swirl = paint.noise(rng, size, cells=3, octaves=6, gain=0.6)
    vein = np.abs(np.sin((paint.linear(rng, size) * 2 + swirl * 3.4) * math.pi))
    return np.asarray(np.clip(vein * 2.2, 0, 1) ** 0.5, np.float32), "marble"
