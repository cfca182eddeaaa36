"""Fractals and noise: Julia sets, trees, triangles, cells, leaves, clouds of colour."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from rayograph.demo import paint
from rayograph.demo.paint import Field, Point, Rng, a, pick

Plane = npt.NDArray[np.complex64]

_JULIA = ((-0.8, 0.156), (-0.4, 0.6), (0.285, 0.01), (-0.70176, -0.3842), (-0.835, -0.2321),
          (-0.7269, 0.1889), (0.355, 0.355), (-0.123, 0.745))  # fmt: skip
_DEEP = ((-0.7436, 0.1318, 0.006), (-0.16, 1.0405, 0.03), (-0.7453, 0.1127, 0.01), (-0.5, 0.0, 1.4),
         (-1.25, 0.02, 0.05), (-0.748, 0.1, 0.015))  # fmt: skip


def draw(rng: Rng, size: int) -> tuple[Image.Image, str]:
    make = pick(rng, (_julia, _julia, _mandelbrot, _tree, _triangle, _cells, _leaves, _smoke,
                      _static, _flow, _snowflake))  # fmt: skip
    return make(rng, size)


def _stops(rng: Rng, name: str) -> list[Field]:
    """From nearly black through a colour to nearly white."""
    tone = paint.colour(rng, name)
    return [paint.shade(tone, -0.88), paint.shade(tone, -0.35), tone, paint.shade(tone, 0.75)]


def _escape(z: Plane, c: Plane | complex, rounds: int) -> Field:
    """Smooth escape times in 0-1; points that stay are 0."""
    out = np.zeros(z.shape, np.float32)
    live = np.arange(z.size)
    z, flat = z.ravel().copy(), out.ravel()
    const = np.broadcast_to(c, out.shape).ravel()
    for n in range(rounds):
        z = z * z + const[live]
        size = z.real * z.real + z.imag * z.imag
        gone = size > 64
        flat[live[gone]] = n + 1 - np.log2(np.log2(size[gone]) / 2)
        keep = ~gone
        live, z = live[keep], z[keep]
        if not live.size:
            break
    top = max(float(flat.max()), 1e-6)
    return np.asarray(np.sqrt(np.clip(out / top, 0, 1)))


def _plane(size: int, x0: float, y0: float, half: float) -> Plane:
    x, y = paint.grid(size)
    return ((x0 + x * half) + 1j * (y0 + y * half)).astype(np.complex64)


def _julia(rng: Rng, size: int) -> tuple[Image.Image, str]:
    name = pick(rng, paint.VIVID)
    c = complex(*pick(rng, _JULIA)) + complex(*rng.normal(0, 0.004, 2))
    turn = np.exp(1j * rng.uniform(0, 6.3)).astype(np.complex64)
    plane = _plane(size // 2, 0, 0, float(rng.uniform(0.8, 1.5))) * turn
    field = paint.enlarge(_escape(plane, c, 60), size)
    return paint.to_image(paint.ramp(_stops(rng, name), field)), f"{a(name)} Julia set fractal"


def _mandelbrot(rng: Rng, size: int) -> tuple[Image.Image, str]:
    name = pick(rng, paint.VIVID)
    x0, y0, half = pick(rng, _DEEP)
    half *= float(rng.uniform(0.6, 1.4))
    field = paint.enlarge(
        _escape(_plane(size // 2, 0, 0, 0), _plane(size // 2, x0, y0, half), 80), size
    )
    return paint.to_image(paint.ramp(_stops(rng, name), field)), f"{a(name)} Mandelbrot fractal"


def _tree(rng: Rng, size: int) -> tuple[Image.Image, str]:
    dark = bool(rng.random() < 0.5)
    name = pick(rng, ("green", "pink", "orange", "white") if dark else ("brown", "black", "green"))
    ground = paint.hsv(rng.uniform(200, 260), 0.4, 0.16) if dark else paint.hsv(45, 0.1, 0.97)
    tone = paint.colour(rng, name)
    image, d, s = paint.canvas(size, ground)
    spread, shrink = float(rng.uniform(0.3, 0.55)), float(rng.uniform(0.7, 0.78))
    tips = [(0.5 * s, 0.95 * s, -math.pi / 2, 0.22 * s)]
    for depth in range(8):
        fill = paint.rgb(paint.shade(tone, (depth - 4) * 0.06))
        grown = []
        for x, y, angle, length in tips:
            x1, y1 = x + length * math.cos(angle), y + length * math.sin(angle)
            d.line((x, y, x1, y1), fill=fill, width=max(2, round(length / 7)))
            for side in (-1, 1):
                bend = side * spread + float(rng.normal(0, 0.07))
                grown.append((x1, y1, angle + bend, length * shrink))
        tips = grown
    return paint.finish(
        image
    ), f"{a(name)} fractal tree on a {'dark' if dark else 'white'} background"


def _triangle(rng: Rng, size: int) -> tuple[Image.Image, str]:
    name = pick(rng, paint.VIVID)
    image, d, s = paint.canvas(size, paint.hsv(220, 0.3, 0.1 if rng.random() < 0.5 else 0.98))
    tone = paint.colour(rng, name)
    corners: list[Point] = [(0.5 * s, 0.08 * s), (0.05 * s, 0.88 * s), (0.95 * s, 0.88 * s)]

    def split(p: list[Point], depth: int, place: float) -> None:
        if depth == 0:
            d.polygon(p, fill=paint.rgb(paint.shade(tone, place)))
            return
        mids = [
            ((p[i][0] + p[j][0]) / 2, (p[i][1] + p[j][1]) / 2) for i, j in ((0, 1), (1, 2), (2, 0))
        ]
        split([p[0], mids[0], mids[2]], depth - 1, place + 0.05)
        split([mids[0], p[1], mids[1]], depth - 1, place - 0.04)
        split([mids[2], mids[1], p[2]], depth - 1, place)

    split(corners, int(rng.integers(4, 6)), 0.05)
    return paint.finish(image), f"{a(name)} Sierpinski triangle"


def _cells(rng: Rng, size: int) -> tuple[Image.Image, str]:
    names = paint.others(rng, paint.VIVID, 2)
    small = size // 2
    x, y = paint.grid(small)
    points = rng.uniform(-1.1, 1.1, (int(rng.integers(14, 40)), 2)).astype(np.float32)
    far = np.sqrt((x[..., None] - points[:, 0]) ** 2 + (y[..., None] - points[:, 1]) ** 2)
    near = np.partition(far, 1, axis=-1)[..., :2]
    wall = paint.enlarge(near[..., 1] - near[..., 0], size)
    body = paint.enlarge(near[..., 0], size)
    layer = paint.mix(
        paint.colour(rng, names[0]), paint.colour(rng, names[1]), np.clip(body * 2.4, 0, 1)
    )
    layer = layer * np.clip(wall * 14, 0.15, 1)
    return paint.to_image(layer), f"a mosaic of {names[0]} and {names[1]} cells"


def _leaves(rng: Rng, size: int) -> tuple[Image.Image, str]:
    """Dead leaves: overlapping discs with a power law of sizes, like natural pictures."""
    hue, spread = float(rng.uniform(0, 360)), float(rng.uniform(20, 180))
    image, d, s = paint.canvas(size, paint.hsv(hue, 0.4, 0.4))
    radii = np.sort(0.02 / (1 - rng.random(240) * 0.93))[::-1]
    for r in radii * s:
        x, y = (float(v) for v in rng.uniform(0, s, 2))
        fill = paint.hsv(hue + float(rng.normal(0, 1)) * spread / 2, float(rng.uniform(0.2, 0.8)),
                         float(rng.uniform(0.3, 1)))  # fmt: skip
        d.ellipse((x - r, y - r, x + r, y + r), fill=paint.rgb(fill))
    return paint.finish(image), "overlapping colourful discs"


def _smoke(rng: Rng, size: int) -> tuple[Image.Image, str]:
    name = pick(rng, paint.VIVID)
    x = paint.noise(rng, size, cells=3, octaves=5, gain=0.55)
    y = paint.noise(rng, size, cells=3, octaves=5, gain=0.55)
    base = paint.noise(rng, size, cells=4, octaves=4)
    rows = (np.arange(size)[:, None] + (x - 0.5) * size * 0.7).astype(np.int32) % size
    columns = (np.arange(size)[None, :] + (y - 0.5) * size * 0.7).astype(np.int32) % size
    soft = (
        Image.fromarray(base[rows, columns])
        .reduce(2)
        .resize((size, size), Image.Resampling.BICUBIC)
    )
    field = np.clip(np.asarray(soft, np.float32), 0, 1)
    return paint.to_image(paint.ramp(_stops(rng, name), field)), f"swirling {name} smoke"


def _static(rng: Rng, size: int) -> tuple[Image.Image, str]:
    grain = int(rng.integers(2, 7))
    count = math.ceil(size / grain)
    if rng.random() < 0.5:
        field = rng.random((3, count, count)).astype(np.float32)
        words = "colourful noise"
    else:
        field = np.repeat(rng.random((1, count, count)), 3, 0).astype(np.float32)
        words = "black and white static noise"
    layer = field.repeat(grain, 1).repeat(grain, 2)[:, :size, :size]
    return paint.to_image(layer), f"{'fine' if grain < 4 else 'coarse'} {words}"


def _flow(rng: Rng, size: int) -> tuple[Image.Image, str]:
    names = paint.others(rng, paint.VIVID, 2)
    image, d, s = paint.canvas(size, paint.hsv(rng.uniform(200, 260), 0.4, 0.13))
    angle = paint.noise(rng, 64, cells=3, octaves=2) * 4 * math.pi
    points = rng.uniform(0, 1, (150, 2))
    tones = [paint.rgb(paint.colour(rng, names[n % 2])) for n in range(150)]
    paths = [points]
    for _ in range(22):
        column, row = (np.clip(points * 64, 0, 63).astype(int)).T
        turn = angle[row, column]
        points = points + np.stack([np.cos(turn), np.sin(turn)], 1) * 0.016
        paths.append(points)
    lines = np.stack(paths, 1) * s
    for line, tone in zip(lines, tones, strict=True):
        d.line(
            [(float(x), float(y)) for x, y in line], fill=tone, width=round(s / 130), joint="curve"
        )
    return paint.finish(image), f"flowing {names[0]} and {names[1]} lines on a dark background"


def _snowflake(rng: Rng, size: int) -> tuple[Image.Image, str]:
    image, d, s = paint.canvas(size, paint.hsv(rng.uniform(205, 235), 0.7, rng.uniform(0.3, 0.6)))
    branches = [(float(t), float(rng.uniform(0.1, 0.3))) for t in rng.uniform(0.25, 0.85, 4)]
    width, reach = round(s / 70), 0.42 * s

    def arm(d: ImageDraw.ImageDraw, turn: float) -> None:
        c, n = math.cos(turn), math.sin(turn)
        d.line(
            (s / 2, s / 2, s / 2 + reach * c, s / 2 + reach * n), fill=(240, 248, 255), width=width
        )
        for along, length in branches:
            x, y = s / 2 + reach * along * c, s / 2 + reach * along * n
            for side in (-math.pi / 3, math.pi / 3):
                dx, dy = (
                    math.cos(turn + side) * length * reach,
                    math.sin(turn + side) * length * reach,
                )
                d.line((x, y, x + dx, y + dy), fill=(225, 240, 255), width=max(2, width * 2 // 3))

    for n in range(6):
        arm(d, n * math.pi / 3 + math.pi / 6)
    return paint.finish(image), "a white snowflake on a blue background"
