"""Landscapes: sea, mountains, hills, desert, woods, cities and bare skies, at every hour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image

from rayograph.demo import paint
from rayograph.demo.paint import Field, Rng, hsv, pick


@dataclass(frozen=True, slots=True)
class Hour:
    """A time of day: its sky from the top down, its light, and what land looks like in it."""

    words: str
    bare: str
    sky: tuple[tuple[float, float, float], ...]
    light: tuple[float, float, float]
    dark: float
    sun: str = ""


# Hue in degrees, saturation, value.
HOURS = (
    Hour("at sunset", "a sunset sky",
         ((262, 0.45, 0.38), (330, 0.5, 0.68), (18, 0.68, 0.96), (42, 0.6, 1.0)),
         (30, 0.5, 1.0), 0.42, "sun"),
    Hour("at dawn", "the sky at dawn",
         ((222, 0.4, 0.62), (280, 0.2, 0.8), (345, 0.28, 0.95), (32, 0.3, 1.0)),
         (30, 0.2, 1.0), 0.25, "sun"),
    Hour("under a clear blue sky", "a clear blue sky",
         ((214, 0.68, 0.78), (206, 0.45, 0.92), (200, 0.2, 0.98)),
         (50, 0.15, 1.0), 0.05),
    Hour("under white clouds", "white clouds in a blue sky",
         ((212, 0.6, 0.76), (205, 0.42, 0.9), (200, 0.22, 0.97)),
         (50, 0.08, 1.0), 0.05, "clouds"),
    Hour("under a starry night sky", "a starry night sky",
         ((232, 0.7, 0.1), (228, 0.65, 0.2), (220, 0.52, 0.34)),
         (220, 0.2, 0.8), 0.68, "stars"),
    Hour("at night under a full moon", "a full moon in the night sky",
         ((228, 0.62, 0.12), (222, 0.52, 0.26), (212, 0.38, 0.44)),
         (215, 0.12, 0.95), 0.6, "moon"),
    Hour("in thick fog", "thick fog",
         ((205, 0.08, 0.72), (200, 0.06, 0.8), (40, 0.04, 0.88)),
         (60, 0.02, 1.0), 0.1, "fog"),
    Hour("under a stormy sky", "storm clouds in the sky",
         ((220, 0.3, 0.24), (215, 0.22, 0.4), (205, 0.15, 0.6)),
         (210, 0.1, 0.8), 0.42, "storm"),
)  # fmt: skip


def draw(rng: Rng, size: int) -> tuple[Image.Image, str]:
    hour = pick(rng, HOURS)
    horizon = float(rng.uniform(0.0, 0.3))
    x0, y0 = float(rng.uniform(-0.6, 0.6)), horizon - float(rng.uniform(0.12, 0.7))
    layer = _sky(rng, size, hour, (x0, y0), horizon)
    scene = pick(rng, (_sea, _sea, _mountains, _hills, _desert, _woods, _city, _bare))
    layer, words = scene(rng, layer, hour, horizon, x0)
    if hour.sun == "fog":
        _, y = paint.grid(size)
        veil = np.clip(0.75 - np.abs(y - horizon) * 0.6, 0.1, 0.85)
        layer = paint.over(layer, hsv(200, 0.05, 0.86), veil.astype(np.float32))
    elif rng.random() < 0.5:
        layer = layer * (1.04 - 0.16 * paint.radial(size) ** 2).astype(np.float32)
    return paint.to_image(layer), _caption(hour, words)


def _caption(hour: Hour, words: str) -> str:
    if hour.words == "at sunset" and words == "the sea":
        return "a sunset over the sea"
    if not words:
        return hour.bare
    return f"{words} {hour.words}"


def _sky(rng: Rng, size: int, hour: Hour, at: tuple[float, float], horizon: float) -> Field:
    _, y = paint.grid(size)
    stops = [hsv(h + rng.uniform(-5, 5), s * rng.uniform(0.9, 1.1), v) for h, s, v in hour.sky]
    layer = paint.ramp(stops, np.clip((y + 1) / (horizon + 1), 0, 1))
    light, far = hsv(*hour.light), paint.radial(size, *at)
    if hour.sun == "sun":
        layer += light * (np.exp(-far * 2.4) * 0.5)
        layer = paint.over(layer, hsv(45, 0.25, 1.0), _disc(far, 0.12, size))
        if rng.random() < 0.7:
            layer = paint.over(layer, hsv(345, 0.35, 0.95), _clouds(rng, size, 8, 0.62) * 0.55)
    elif hour.sun in {"clouds", "fog"}:
        tone = hsv(210, 0.02, 1.0)
        layer = paint.over(
            layer, tone, _clouds(rng, size, 2, 0.5) * (0.95 if hour.sun == "clouds" else 0.4)
        )
    elif hour.sun == "storm":
        layer *= 0.55 + 0.75 * paint.noise(rng, size, cells=6, octaves=5, stretch=2)
    elif hour.sun in {"stars", "moon"}:
        layer = _stars(rng, layer, 260 if hour.sun == "stars" else 60)
        if hour.sun == "moon":
            layer += light * (np.exp(-far * 3.2) * 0.42)
            layer = paint.over(layer, hsv(50, 0.06, 0.98), _disc(far, 0.13, size))
        elif rng.random() < 0.5:
            band = np.exp(-(((paint.linear(rng, size) - 0.5) * 5) ** 2))
            layer += hsv(260, 0.3, 0.5) * (band * paint.noise(rng, size, octaves=6) * 0.5)
    return np.asarray(np.clip(layer, 0, 1), np.float32)


def _disc(far: Field, radius: float, size: int) -> Field:
    return np.asarray(np.clip((radius - far) * size / 2 + 0.5, 0, 1))


def _clouds(rng: Rng, size: int, stretch: int, cover: float) -> Field:
    field = paint.noise(rng, size, cells=4 * min(stretch, 3), octaves=5, stretch=stretch, gain=0.55)
    return np.asarray(np.clip((field - cover) * 3.2, 0, 1))


def _stars(rng: Rng, layer: Field, count: int) -> Field:
    size = layer.shape[1]
    rows, columns = rng.integers(1, size - 1, (2, count))
    glow = (rng.random(count) ** 3).astype(np.float32)
    layer[:, rows, columns] += 0.25 + glow
    big = glow > 0.45
    for down, right in ((0, 1), (1, 0), (0, -1), (-1, 0)):
        layer[:, rows[big] + down, columns[big] + right] += glow[big] * 0.4
    return layer


def ridge(rng: Rng, size: int, *, waves: float, rough: float, sharp: bool = False) -> Field:
    """A skyline: heights in about -1 to 1 for each column."""
    x = np.linspace(0, 2 * np.pi, size, dtype=np.float32)
    line = np.zeros(size, np.float32)
    for octave in range(6):
        bend = np.sin(x * waves * 2**octave * rng.uniform(0.4, 0.8) + rng.uniform(0, 7))
        line += (1 - 2 * np.abs(bend) if sharp else bend) * np.float32(rough**octave)
    return line / np.float32(np.abs(line).max())


def _below(size: int, line: Field) -> Field:
    """Mask of what lies under a skyline (y in -1 to 1 a column), its edge anti-aliased."""
    _, y = paint.grid(size)
    return np.clip((y - line[None, :]) * size / 2 + 0.5, 0, 1)


def _lit(hour: Hour, tone: Field, near: float) -> Field:
    """Land by the light of the hour; what is far takes the sky's colour."""
    sky = hsv(*hour.sky[-1])
    tone = tone * (1 - hour.dark * (0.55 + 0.45 * near))
    return np.asarray(sky + (tone - sky) * (0.3 + 0.7 * near), np.float32)


def _sea(rng: Rng, layer: Field, hour: Hour, horizon: float, x0: float) -> tuple[Field, str]:
    size = layer.shape[1]
    x, y = paint.grid(size)
    depth = np.clip((y - horizon) / (1 - horizon), 0, 1)
    deep = _lit(hour, hsv(rng.uniform(196, 216), 0.72, 0.5), 1.0)
    water = paint.mix(_lit(hour, hsv(200, 0.4, 0.75), 0.35), deep, np.sqrt(depth))
    waves = paint.noise(rng, size, cells=48, octaves=3, stretch=12, gain=0.7) - 0.5
    water = water + (waves * (0.08 + 0.22 * depth))
    if hour.sun in {"sun", "moon"}:
        path = np.exp(-(((x - x0) / (0.08 + 0.25 * depth)) ** 2)) * np.clip(waves * 5 + 0.35, 0, 1)
        water = water + hsv(*hour.light) * (path * 0.75)
    layer = paint.over(layer, water, _below(size, np.full(size, horizon, np.float32)))
    words = "the sea"
    if rng.random() < 0.3:
        tone = _lit(hour, hsv(rng.uniform(90, 130), 0.35, 0.36), 0.55)
        hump = 1 - ((x[0] - rng.uniform(-0.5, 0.5)) / rng.uniform(0.2, 0.45)) ** 2
        line = (
            horizon - np.clip(hump, -0.05, 1) * 0.16 + ridge(rng, size, waves=5, rough=0.5) * 0.012
        )
        island = _below(size, line.astype(np.float32)) * (y < horizon)
        layer, words = paint.over(layer, tone, island), "an island in the sea"
    elif rng.random() < 0.3:
        layer, words = _boat(rng, layer, hour, horizon), "a sailing boat on the sea"
    return layer, words


def _boat(rng: Rng, layer: Field, hour: Hour, horizon: float) -> Field:
    x, y = float(rng.uniform(0.25, 0.75)), (horizon + 1) / 2 + float(rng.uniform(0.02, 0.1))
    r = float(rng.uniform(0.05, 0.09))
    sail = [(x, y - 2.4 * r), (x, y - 0.3 * r), (x + 1.25 * r, y - 0.3 * r)]
    jib = [(x - 0.12 * r, y - 2.1 * r), (x - 0.12 * r, y - 0.3 * r), (x - 0.95 * r, y - 0.3 * r)]
    hull = [
        (x - 1.2 * r, y),
        (x + 1.4 * r, y),
        (x + 0.9 * r, y + 0.5 * r),
        (x - 0.8 * r, y + 0.5 * r),
    ]
    size = layer.shape[1]
    parts = (([sail, jib], hsv(40, 0.06, 0.98)), ([hull], hsv(rng.uniform(0, 30), 0.6, 0.45)))
    for shapes, tone in parts:
        shape = paint.polygons(size, shapes)
        layer = paint.over(layer, np.asarray(tone * (1 - hour.dark * 0.6), np.float32), shape)
    return layer


def _mountains(rng: Rng, layer: Field, hour: Hour, horizon: float, _x0: float) -> tuple[Field, str]:
    size = layer.shape[1]
    snow = rng.random() < 0.5
    base, hue = horizon + 0.1, float(rng.uniform(205, 250))
    count = int(rng.integers(3, 6))
    for step in range(count):
        near = step / (count - 1)
        line = (
            base
            - 0.42
            + near * 0.75
            - ridge(rng, size, waves=0.9 + 0.4 * step, rough=0.44, sharp=True)
            * (0.34 - 0.16 * near)
        )
        tone = _lit(hour, hsv(hue - 60 * near, 0.28, 0.48 - 0.16 * near), 0.25 + 0.75 * near)
        texture = paint.noise(rng, size, cells=12, octaves=4, gain=0.65)
        rock = tone * (0.86 + 0.28 * texture)
        if snow and step < 2:
            _, y = paint.grid(size)
            cap = np.clip((0.16 + 0.2 * texture - (y - line[None, :])) * 12 - 0.5, 0, 1)
            rock = paint.over(rock, _lit(hour, hsv(210, 0.05, 0.98), 0.75), cap)
        layer = paint.over(layer, rock, _below(size, line.astype(np.float32)))
    return layer, "snowy mountains" if snow else "mountains"


def _hills(rng: Rng, layer: Field, hour: Hour, horizon: float, _x0: float) -> tuple[Field, str]:
    size = layer.shape[1]
    gold = rng.random() < 0.35
    for step in range(4):
        near = step / 3
        line = horizon - 0.12 + near * 0.55 - ridge(rng, size, waves=1 + step, rough=0.3) * 0.13
        hue = rng.uniform(40, 50) if gold else rng.uniform(82, 118)
        tone = _lit(hour, hsv(hue, 0.5 + 0.12 * near, 0.72 - 0.2 * near), 0.35 + 0.65 * near)
        rows = paint.noise(rng, size, cells=32, octaves=3, stretch=4)
        layer = paint.over(
            layer, tone * (0.88 + 0.24 * rows), _below(size, line.astype(np.float32))
        )
    return layer, "golden fields" if gold else "green hills"


def _desert(rng: Rng, layer: Field, hour: Hour, horizon: float, _x0: float) -> tuple[Field, str]:
    size = layer.shape[1]
    _, y = paint.grid(size)
    for step in range(4):
        near = step / 3
        line = horizon - 0.04 + near * 0.5 - ridge(rng, size, waves=1 + step % 2, rough=0.22) * 0.14
        slope = np.gradient(line) * size
        tone = _lit(hour, hsv(rng.uniform(26, 36), 0.52, 0.92 - 0.08 * near), 0.5 + 0.5 * near)
        fall = np.exp(-np.clip(y - line[None, :], 0, 2) * 4)
        side = 1 - 0.3 * np.clip(slope, 0, 1)[None, :] * fall
        ripple = np.sin((y - line[None, :]) * (60 - 25 * near) + slope[None, :] * 4) * 0.025
        layer = paint.over(layer, tone * (side + ripple), _below(size, line.astype(np.float32)))
    return layer, "desert dunes"


def _branch(x: float, foot: float, high: float, part: int) -> list[paint.Point]:
    """One of the four triangles of a fir, the top one first."""
    top, wide = foot - high * (1 - part * 0.2), high * (0.09 + 0.055 * part)
    return [(x, top), (x - wide, top + high * 0.4), (x + wide, top + high * 0.4)]


def _woods(rng: Rng, layer: Field, hour: Hour, horizon: float, _x0: float) -> tuple[Field, str]:
    size = layer.shape[1]
    for step in range(3):
        near = step / 2
        line = horizon + 0.02 + near * 0.5 - ridge(rng, size, waves=1 + step, rough=0.3) * 0.1
        tall = 0.08 + 0.16 * near
        spots = np.sort(rng.uniform(-0.05, 1.05, int(46 - 26 * near)))
        heights = rng.uniform(0.6, 1.3, len(spots)) * tall
        trees = [
            _branch(x, (float(line[int(np.clip(x, 0, 0.999) * size)]) + 1) / 2 + 0.02, high, part)
            for x, high in zip(spots.tolist(), heights.tolist(), strict=True)
            for part in range(4)
        ]
        tone = _lit(hour, hsv(rng.uniform(125, 160), 0.45, 0.4 - 0.16 * near), 0.3 + 0.7 * near)
        shape = np.maximum(paint.polygons(size, trees), _below(size, line.astype(np.float32)))
        layer = paint.over(layer, tone, shape)
    return layer, "a pine forest"


def _city(rng: Rng, layer: Field, hour: Hour, horizon: float, _x0: float) -> tuple[Field, str]:
    size = layer.shape[1]
    lit = hour.dark > 0.3
    for step in range(2):
        lefts = np.cumsum(rng.uniform(0.06, 0.13, 16)) - 0.12
        wides = np.diff(np.append(lefts, lefts[-1] + 0.1)) * (1.05 if step == 0 else 0.85)
        tops = (horizon + 1) / 2 - rng.uniform(0.02, 0.3 - 0.1 * step, 16) + 0.16 * step
        boxes = list(zip(lefts.tolist(), tops.tolist(), wides.tolist(), strict=True))
        tone = _lit(hour, hsv(rng.uniform(200, 240), 0.16, 0.5 - 0.2 * step), 0.4 + 0.6 * step)
        houses = [[(x, y), (x + w, y), (x + w, 1.0), (x, 1.0)] for x, y, w in boxes]
        layer = paint.over(layer, tone, paint.polygons(size, houses))
        panes = [
            [(u, v), (u + 0.012, v), (u + 0.012, v + 0.018), (u, v + 0.018)]
            for x, y, w in boxes
            for u in np.arange(x + 0.012, x + w - 0.018, 0.024).tolist()
            for v in np.arange(y + 0.02, 0.97, 0.036).tolist()
            if rng.random() < (0.45 if lit else 0.6)
        ]
        glass = hsv(rng.uniform(40, 50), 0.55, 1.0) if lit else hsv(205, 0.25, 0.8)
        share = 0.95 if lit else 0.45
        layer = paint.over(layer, glass, paint.polygons(size, panes) * np.float32(share))
    return layer, "a city skyline"


def _bare(_rng: Rng, layer: Field, _hour: Hour, _horizon: float, _x0: float) -> tuple[Field, str]:
    return layer, ""
