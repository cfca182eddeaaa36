"""Line drawings of simple things, as if with a pen."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw

from rayograph.demo import paint
from rayograph.demo.paint import Point, Rng, pick

_PAPERS = {"white": (45, 0.02, 0.985), "cream": (42, 0.12, 0.97), "blue": (215, 0.65, 0.42),
           "black": (220, 0.1, 0.12), "brown": (32, 0.35, 0.72)}  # fmt: skip


class Pen:
    """Draws strokes in a unit square with a slightly unsteady hand."""

    def __init__(self, rng: Rng, d: ImageDraw.ImageDraw, s: float, ink: tuple[int, ...]) -> None:
        self.rng, self.d, self.s, self.ink = rng, d, s, ink
        self.width = max(2, round(s / float(rng.uniform(70, 120))))
        self.shake = float(rng.uniform(0.0005, 0.003))
        turn, zoom = float(rng.uniform(-0.14, 0.14)), float(rng.uniform(0.85, 1.12))
        c, n = math.cos(turn) * zoom, math.sin(turn) * zoom
        self.frame = np.array([[c, n], [-n, c]])
        self.middle = 0.5 + rng.uniform(-0.05, 0.05, 2)

    def line(self, *points: Point) -> None:
        """A stroke through points."""
        path = [np.array(points[0], float)]
        for point in points[1:]:
            end, start = np.array(point, float), path[-1]
            steps = max(1, int(np.hypot(*(end - start)) * 20))
            path += [start + (end - start) * n / steps for n in range(1, steps + 1)]
        wobble = np.cumsum(self.rng.normal(0, self.shake, (len(path), 2)), 0)
        wobble -= np.linspace(0, 1, len(path))[:, None] * wobble[-1]
        drawn = ((np.array(path) + wobble - 0.5) @ self.frame + self.middle) * self.s
        self.d.line(
            [(float(x), float(y)) for x, y in drawn], fill=self.ink, width=self.width, joint="curve"
        )
        r = self.width / 2
        for x, y in (drawn[0], drawn[-1]):
            self.d.ellipse((x - r, y - r, x + r, y + r), fill=self.ink)

    def curve(
        self, x: float, y: float, rx: float, ry: float, arc: tuple[float, float] = (0, 360)
    ) -> None:
        """Part of an ellipse; ``arc`` in degrees, clockwise from the right."""
        start, end = arc
        turns = np.radians(np.linspace(start, end, max(10, int((rx + ry) * 90))))
        self.line(*((x + rx * math.cos(t), y + ry * math.sin(t)) for t in turns))


def _house(p: Pen) -> None:
    p.line((0.2, 0.48), (0.2, 0.85), (0.8, 0.85), (0.8, 0.48))
    p.line((0.13, 0.5), (0.5, 0.18), (0.87, 0.5), (0.13, 0.5))
    p.line((0.43, 0.85), (0.43, 0.62), (0.57, 0.62), (0.57, 0.85))
    for x in (0.25, 0.64):
        p.line((x, 0.56), (x + 0.11, 0.56), (x + 0.11, 0.68), (x, 0.68), (x, 0.56))
        p.line((x, 0.62), (x + 0.11, 0.62))
    p.line((0.68, 0.33), (0.68, 0.2), (0.75, 0.2), (0.75, 0.39))


def _tree(p: Pen) -> None:
    p.line((0.45, 0.88), (0.46, 0.6))
    p.line((0.55, 0.88), (0.54, 0.6))
    for n in range(7):
        turn = n * 2 * math.pi / 7
        x, y = 0.5 + 0.17 * math.cos(turn), 0.4 + 0.15 * math.sin(turn)
        p.curve(x, y, 0.12, 0.11, (math.degrees(turn) - 100, math.degrees(turn) + 100))
    p.line((0.2, 0.88), (0.8, 0.88))


def _flower(p: Pen) -> None:
    petals = int(p.rng.integers(5, 9))
    for n in range(petals):
        turn = n * 2 * math.pi / petals
        x, y = 0.5 + 0.15 * math.cos(turn), 0.36 + 0.15 * math.sin(turn)
        p.curve(x, y, 0.09, 0.09, (math.degrees(turn) - 130, math.degrees(turn) + 130))
    p.curve(0.5, 0.36, 0.07, 0.07)
    p.line((0.5, 0.6), (0.49, 0.75), (0.5, 0.92))
    p.curve(0.59, 0.74, 0.09, 0.05)
    p.curve(0.41, 0.8, 0.09, 0.05)


def _fish(p: Pen) -> None:
    p.curve(0.45, 0.5, 0.28, 0.17, (20, 340))
    p.line((0.71, 0.44), (0.88, 0.34), (0.85, 0.5), (0.88, 0.66), (0.71, 0.56))
    p.curve(0.29, 0.45, 0.025, 0.025)
    p.curve(0.3, 0.5, 0.1, 0.14, (-50, 50))
    for x in (0.48, 0.56):
        p.curve(x, 0.5, 0.05, 0.07, (-60, 60))


def _boat(p: Pen) -> None:
    p.line((0.2, 0.68), (0.8, 0.68), (0.7, 0.82), (0.3, 0.82), (0.2, 0.68))
    p.line((0.5, 0.68), (0.5, 0.16))
    p.line((0.52, 0.2), (0.76, 0.62), (0.52, 0.62), (0.52, 0.2))
    p.line((0.48, 0.26), (0.3, 0.62), (0.48, 0.62), (0.48, 0.26))
    for x in (0.15, 0.35, 0.55, 0.75):
        p.curve(x + 0.05, 0.9, 0.06, 0.03, (180, 360))


def _face(p: Pen) -> None:
    p.curve(0.5, 0.5, 0.34, 0.36)
    for x in (0.38, 0.62):
        p.curve(x, 0.42, 0.045, 0.03 if p.rng.random() < 0.3 else 0.05)
        p.curve(x, 0.34, 0.07, 0.03, (200, 340))
    p.line((0.5, 0.46), (0.47, 0.57), (0.52, 0.58))
    p.curve(0.5, 0.62, 0.16, 0.1, (15, 165))


def _cat(p: Pen) -> None:
    p.curve(0.5, 0.55, 0.28, 0.25, (-50, 230))
    p.line((0.32, 0.36), (0.27, 0.16), (0.43, 0.31), (0.57, 0.31), (0.73, 0.16), (0.68, 0.36))
    for x in (0.4, 0.6):
        p.curve(x, 0.5, 0.035, 0.045)
    p.line((0.47, 0.6), (0.53, 0.6), (0.5, 0.63), (0.47, 0.6))
    p.curve(0.46, 0.64, 0.04, 0.035, (0, 170))
    p.curve(0.54, 0.64, 0.04, 0.035, (10, 180))
    for y in (0.58, 0.63):
        p.line((0.36, y), (0.12, y + (y - 0.6) * 2))
        p.line((0.64, y), (0.88, y + (y - 0.6) * 2))


def _cup(p: Pen) -> None:
    p.curve(0.45, 0.42, 0.22, 0.06)
    p.line((0.23, 0.42), (0.27, 0.74), (0.33, 0.79), (0.57, 0.79), (0.63, 0.74), (0.67, 0.42))
    p.curve(0.67, 0.57, 0.13, 0.11, (-75, 95))
    for x in (0.38, 0.47, 0.56):
        p.line((x, 0.32), (x + 0.03, 0.26), (x - 0.02, 0.2), (x + 0.02, 0.13))
    p.curve(0.45, 0.83, 0.3, 0.05)


def _peaks(p: Pen) -> None:
    p.line((0.06, 0.8), (0.34, 0.28), (0.52, 0.6), (0.66, 0.4), (0.94, 0.8), (0.06, 0.8))
    p.line((0.27, 0.41), (0.32, 0.46), (0.36, 0.41), (0.41, 0.42))
    p.curve(0.78, 0.24, 0.08, 0.08)


def _bicycle(p: Pen) -> None:
    for x in (0.27, 0.73):
        p.curve(x, 0.62, 0.17, 0.17)
    p.line((0.27, 0.62), (0.4, 0.38), (0.64, 0.38), (0.48, 0.62), (0.27, 0.62))
    p.line((0.48, 0.62), (0.38, 0.32))
    p.line((0.33, 0.32), (0.43, 0.32))
    p.line((0.73, 0.62), (0.62, 0.3), (0.7, 0.27))


def _spiral(p: Pen) -> None:
    turns = np.linspace(0, float(p.rng.uniform(5, 9)) * 2 * math.pi, 240)
    p.shake = 0.0
    p.line(
        *(
            (0.5 + 0.4 * t / turns[-1] * math.cos(t), 0.5 + 0.4 * t / turns[-1] * math.sin(t))
            for t in turns
        )
    )


def _rosette(p: Pen) -> None:
    inner, loops = float(p.rng.uniform(0.3, 0.75)), int(p.rng.integers(3, 11))
    turns = np.linspace(0, 2 * math.pi, 260)
    p.shake = 0.0
    p.width = max(2, p.width * 2 // 3)
    for shift in np.linspace(0, math.pi / loops, 4):
        p.line(*(
            (0.5 + 0.4 * (inner + (1 - inner) * math.cos(loops * (t + shift))) * math.cos(t),
             0.5 + 0.4 * (inner + (1 - inner) * math.cos(loops * (t + shift))) * math.sin(t))
            for t in turns
        ))  # fmt: skip


SUBJECTS: dict[str, Callable[[Pen], None]] = {
    "a house": _house,
    "a tree": _tree,
    "a flower": _flower,
    "a fish": _fish,
    "a sailing boat": _boat,
    "a smiling face": _face,
    "a cat": _cat,
    "a cup of coffee": _cup,
    "mountains": _peaks,
    "a bicycle": _bicycle,
    "a spiral": _spiral,
    "a rosette": _rosette,
}


def draw(rng: Rng, size: int) -> tuple[Image.Image, str]:
    name = pick(rng, tuple(_PAPERS))
    paper = paint.hsv(*_PAPERS[name])
    dark = float(paper.mean()) < 0.6
    if name == "brown":
        inks: tuple[str, ...] = ("white", "black")
    else:
        inks = ("white", "yellow", "pink") if dark else ("black", "blue", "red", "green", "purple")
    ink = pick(rng, inks)
    image, d, s = paint.canvas(size, paper)
    subject = pick(rng, tuple(SUBJECTS))
    SUBJECTS[subject](Pen(rng, d, s, paint.rgb(paint.colour(rng, ink))))
    image = paint.finish(image)
    if rng.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    fibre = 0.97 + 0.05 * paint.noise(rng, size, cells=40, octaves=2)
    layer = np.asarray(paint.to_layer(image) * fibre, np.float32)
    return paint.to_image(layer), f"a line drawing of {subject} in {ink} on {name} paper"
