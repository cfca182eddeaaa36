"""Charts: bars, lines, pies, scatters and areas, on light and dark grounds."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw

from rayograph.demo import paint
from rayograph.demo.paint import Field, Rng, pick

NUMBERS = {3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight"}


def draw(rng: Rng, size: int) -> tuple[Image.Image, str]:
    dark = bool(rng.random() < 0.4)
    ground = paint.hsv(rng.uniform(205, 240), 0.32, 0.14) if dark else paint.hsv(40, 0.03, 0.985)
    image, d, s = paint.canvas(size, ground)
    ink = paint.shade(ground, 0.3) if dark else paint.shade(ground, -0.24)
    make = pick(rng, (_bars, _bars, _columns, _line, _area, _pie, _scatter, _histogram))
    words = make(rng, d, s, ink)
    return paint.finish(image), f"{words} on a {'dark' if dark else 'white'} background"


def _tone(rng: Rng) -> tuple[str, Field]:
    name = pick(rng, paint.VIVID)
    return name, paint.colour(rng, name)


def _axes(d: ImageDraw.ImageDraw, s: float, ink: Field, *, rows: int = 5) -> None:
    faint, strong = paint.rgb(ink), paint.rgb(ink)
    for row in range(1, rows + 1):
        y = s * (0.86 - 0.72 * row / rows)
        d.line((s * 0.12, y, s * 0.9, y), fill=faint, width=max(1, round(s / 500)))
    d.line((s * 0.12, s * 0.1, s * 0.12, s * 0.86, s * 0.92, s * 0.86), fill=strong,
           width=round(s / 150))  # fmt: skip


def _bars(rng: Rng, d: ImageDraw.ImageDraw, s: float, ink: Field) -> str:
    _axes(d, s, ink)
    count = int(rng.integers(3, 9))
    name, tone = _tone(rng)
    many = rng.random() < 0.3
    step = 0.76 / count
    for n in range(count):
        high = float(rng.uniform(0.12, 0.68))
        left = 0.14 + step * (n + 0.16)
        fill = paint.hsv(360 * n / count, 0.6, 0.85) if many else paint.shade(tone, 0.12 * (n % 2))
        box = (left * s, (0.856 - high) * s, (left + step * 0.7) * s, 0.856 * s)
        d.rounded_rectangle(
            box, s * 0.012, fill=paint.rgb(fill), corners=(True, True, False, False)
        )
    return f"a bar chart with {NUMBERS[count]} {'colourful' if many else name} bars"


def _columns(rng: Rng, d: ImageDraw.ImageDraw, s: float, ink: Field) -> str:
    count = int(rng.integers(3, 8))
    name, tone = _tone(rng)
    step = 0.76 / count
    for n, wide in enumerate(np.sort(rng.uniform(0.2, 0.78, count))[::-1]):
        top = 0.12 + step * (n + 0.15)
        box = (0.12 * s, top * s, (0.12 + float(wide)) * s, (top + step * 0.68) * s)
        d.rounded_rectangle(
            box, s * 0.012, fill=paint.rgb(tone), corners=(False, True, True, False)
        )
    d.line((s * 0.12, s * 0.1, s * 0.12, s * 0.9), fill=paint.rgb(ink), width=round(s / 150))
    return f"a horizontal bar chart with {NUMBERS[count]} {name} bars"


def _walk(rng: Rng, count: int) -> list[float]:
    walk = np.cumsum(rng.normal(rng.uniform(-0.2, 0.4), 1, count))
    walk = (walk - walk.min()) / max(float(np.ptp(walk)), 1e-6)
    return [float(v) for v in 0.82 - 0.64 * walk]


def _line(rng: Rng, d: ImageDraw.ImageDraw, s: float, ink: Field) -> str:
    _axes(d, s, ink)
    names = paint.others(rng, paint.VIVID, int(rng.integers(1, 4)))
    count = int(rng.integers(6, 24))
    marks = count < 12 and rng.random() < 0.7
    for name in names:
        fill = paint.rgb(paint.colour(rng, name))
        xs = np.linspace(0.14, 0.9, count)
        points = [(float(x) * s, y * s) for x, y in zip(xs, _walk(rng, count), strict=True)]
        d.line(points, fill=fill, width=round(s / 80), joint="curve")
        for x, y in points if marks else ():
            r = s / 65
            d.ellipse((x - r, y - r, x + r, y + r), fill=fill)
    if len(names) == 1:
        return f"a line chart with one {names[0]} line"
    return f"a line chart with {' and '.join((', '.join(names[:-1]), names[-1]))} lines"


def _area(rng: Rng, d: ImageDraw.ImageDraw, s: float, ink: Field) -> str:
    _axes(d, s, ink)
    name, tone = _tone(rng)
    count = int(rng.integers(8, 30))
    xs = np.linspace(0.125, 0.9, count)
    points = [(float(x) * s, y * s) for x, y in zip(xs, _walk(rng, count), strict=True)]
    d.polygon([*points, (0.9 * s, 0.856 * s), (0.125 * s, 0.856 * s)],
              fill=paint.rgb(paint.shade(tone, 0.25)))  # fmt: skip
    d.line(points, fill=paint.rgb(paint.shade(tone, -0.1)), width=round(s / 80), joint="curve")
    return f"a {name} area chart" if name != "orange" else "an orange area chart"


def _pie(rng: Rng, d: ImageDraw.ImageDraw, s: float, ink: Field) -> str:
    count = int(rng.integers(3, 7))
    shares = rng.dirichlet(np.full(count, 3.0)) * 360
    hue, spread = float(rng.uniform(0, 360)), float(rng.uniform(25, 70))
    start, r = float(rng.uniform(0, 360)), 0.36 * s
    box = (s / 2 - r, s / 2 - r, s / 2 + r, s / 2 + r)
    back = d._image.getpixel((0, 0))
    for n, share in enumerate(shares):
        fill = paint.hsv(hue + n * spread, 0.62, 0.72 + 0.24 * (n % 2))
        d.pieslice(box, start, start + float(share), fill=paint.rgb(fill))
        turn = math.radians(start)
        edge = (s / 2 + r * math.cos(turn), s / 2 + r * math.sin(turn))
        d.line((s / 2, s / 2, *edge), fill=back, width=round(s / 90))
        start += float(share)
    if rng.random() < 0.4:
        r *= 0.55
        d.ellipse((s / 2 - r, s / 2 - r, s / 2 + r, s / 2 + r), fill=back)
        return f"a donut chart with {NUMBERS[count]} slices"
    return f"a pie chart with {NUMBERS[count]} slices"


def _scatter(rng: Rng, d: ImageDraw.ImageDraw, s: float, ink: Field) -> str:
    _axes(d, s, ink)
    names = paint.others(rng, paint.VIVID, int(rng.integers(1, 4)))
    for name in names:
        fill = paint.rgb(paint.colour(rng, name))
        centre, tilt = rng.uniform(0.3, 0.7, 2), float(rng.uniform(-0.8, 0.8))
        points = rng.normal(0, 0.11, (int(rng.integers(20, 60)), 2))
        points[:, 1] += points[:, 0] * tilt
        for x, y in np.clip(points + centre, (0.15, 0.12), (0.9, 0.83)) * s:
            r = s / 75
            d.ellipse((x - r, y - r, x + r, y + r), fill=fill)
    if len(names) == 1:
        return f"a scatter plot of {names[0]} points"
    return f"a scatter plot of {' and '.join((', '.join(names[:-1]), names[-1]))} points"


def _histogram(rng: Rng, d: ImageDraw.ImageDraw, s: float, ink: Field) -> str:
    _axes(d, s, ink)
    name, tone = _tone(rng)
    count = int(rng.integers(16, 30))
    x = np.linspace(-3, 3, count)
    high = np.exp(-((x - rng.uniform(-1, 1)) ** 2) / rng.uniform(0.8, 3))
    high = high / high.max() * 0.64 * rng.uniform(0.85, 1, count) + 0.01
    step = 0.76 / count
    for n in range(count):
        left = 0.13 + step * n
        box = (left * s, (0.856 - float(high[n])) * s, (left + step * 0.9) * s, 0.856 * s)
        d.rectangle(box, fill=paint.rgb(tone))
    return f"a {name} histogram" if name != "orange" else "an orange histogram"
