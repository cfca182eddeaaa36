"""Scenes of coloured shapes: sizes, counts and relations."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from rayograph.demo import paint
from rayograph.demo.paint import Field, Point, Rng, a, pick

KINDS = (
    *("circle", "square", "triangle", "star", "heart", "hexagon"),
    *("diamond", "ring", "cross", "crescent", "rectangle", "oval"),
)
SIZES = {"small": 0.09, "": 0.15, "large": 0.26}
COUNTS = {2: "two", 3: "three", 4: "four", 5: "five", 6: "six"}
RELATIONS = ("to the left of", "above", "to the right of", "below")
PLURALS = {"cross": "crosses"}
# Too near to each other to lie one on the other.
CLASHES = {
    **{"red": "pink", "pink": "red", "blue": "purple", "purple": "blue", "green": "teal"},
    **{"teal": "green", "orange": "brown", "brown": "orange", "yellow": "orange"},
    **{"white": "grey", "grey": "white", "black": "brown"},
}


def draw(rng: Rng, size: int) -> tuple[Image.Image, str]:
    scene = pick(rng, (_one, _many, _many, _related, _related, _mixed, _inside))
    return scene(rng, size)


def plural(kind: str) -> str:
    return PLURALS.get(kind, kind + "s")


def _ground(rng: Rng, size: int, name: str) -> Field:
    base = paint.colour(rng, name)
    if name not in {"white", "black"}:
        base = paint.shade(base, float(rng.uniform(-0.1, 0.35)))
    style = pick(rng, ("flat", "linear", "spot", "paper"))
    if style == "flat":
        return np.broadcast_to(base, (3, size, size)).astype(np.float32)
    low, high = paint.shade(base, -0.16), paint.shade(base, 0.12)
    if style == "linear":
        return paint.mix(low, high, paint.linear(rng, size))
    if style == "spot":
        x0, y0 = (float(v) for v in rng.uniform(-0.4, 0.4, 2))
        return paint.mix(high, low, np.clip(paint.radial(size, x0, y0) / 1.6, 0, 1))
    return paint.mix(low, high, paint.noise(rng, size, cells=3, octaves=5, gain=0.7))


def outline(kind: str, x: float, y: float, r: float, turn: float) -> list[Point]:
    """The polygon of a shape around (x, y) with radius ``r``."""
    if kind == "heart":
        angles = np.linspace(0, 2 * math.pi, 60, endpoint=False)
        xs = 16 * np.sin(angles) ** 3 / 17
        ys = -(13 * np.cos(angles) - 5 * np.cos(2 * angles) - 2 * np.cos(3 * angles)) / 17
        ys -= np.cos(4 * angles) * -1 / 17
        return [(x + r * float(px), y + r * float(py)) for px, py in zip(xs, ys, strict=True)]
    if kind == "star":
        radii = [r if n % 2 == 0 else r * 0.45 for n in range(10)]
        angles = np.arange(10) * math.pi / 5 - math.pi / 2
    elif kind == "cross":
        arm = 0.34
        corners = [(-arm, -1), (arm, -1), (arm, -arm), (1, -arm), (1, arm), (arm, arm)]
        corners += [(-cx, -cy) for cx, cy in corners]
        radii = [r * math.hypot(*c) for c in corners]
        angles = np.array([math.atan2(cy, cx) for cx, cy in corners])
    elif kind == "rectangle":
        corners = [(-1, -0.55), (1, -0.55), (1, 0.55), (-1, 0.55)]
        radii = [r * math.hypot(*c) for c in corners]
        angles = np.array([math.atan2(cy, cx) for cx, cy in corners])
    else:
        count = {"triangle": 3, "hexagon": 6}.get(kind, 4)
        radii = [r * (1.2 if count == 3 else 1.1)] * count
        first = -math.pi / 2 + (math.pi / 4 if kind == "square" else 0)
        angles = np.arange(count) * 2 * math.pi / count + first
        if kind == "diamond":
            radii = [r * (1.25 if n % 2 == 0 else 0.8) for n in range(4)]
    return [
        (x + rad * math.cos(angle + turn), y + rad * math.sin(angle + turn))
        for rad, angle in zip(radii, angles, strict=True)
    ]


def stamp(d: ImageDraw.ImageDraw, s: float, kind: str, at: tuple[float, ...]) -> None:
    """Fill one shape on a mask; ``at`` is x, y, radius (shares of the width) and turn."""
    x, y, r, turn = at[0] * s, at[1] * s, at[2] * s, at[3]
    if kind in {"circle", "ring", "crescent"}:
        d.ellipse((x - r, y - r, x + r, y + r), fill=255)
        inner = r * 0.58 if kind == "ring" else r * 0.86
        off = 0.0 if kind == "ring" else r * 0.42
        if kind != "circle":
            d.ellipse((x - inner + off, y - inner, x + inner + off, y + inner), fill=0)
    elif kind == "oval":
        d.ellipse((x - r * 1.15, y - r * 0.7, x + r * 1.15, y + r * 0.7), fill=255)
    else:
        d.polygon(outline(kind, x, y, r, turn), fill=255)


def place(layer: Field, rng: Rng, tone: Field, kind: str, spots: list[tuple[float, ...]]) -> Field:
    """Lay shapes of one kind and colour on a layer, with a soft shadow and a little light."""
    size = layer.shape[1]

    def stamps(d: ImageDraw.ImageDraw, s: float) -> None:
        for at in spots:
            stamp(d, s, kind, at)

    shape = paint.mask(size, stamps)
    if rng.random() < 0.7:
        soft = Image.fromarray((shape * 255).astype(np.uint8))
        soft = soft.filter(ImageFilter.BoxBlur(size / 45)).filter(ImageFilter.BoxBlur(size / 60))
        fall = np.roll(np.asarray(soft, np.float32) / 255, size // 45, (0, 1))
        layer = layer * (1 - np.float32(0.38) * fall * (1 - shape))
    light = paint.mix(
        paint.shade(tone, 0.16), paint.shade(tone, -0.14), paint.linear(rng, size, 1.0)
    )
    return paint.over(layer, light, shape)


def _turn(rng: Rng, kind: str) -> float:
    return float(rng.uniform(-0.25, 0.25)) if kind not in {"heart", "crescent"} else 0.0


def palette(rng: Rng, count: int) -> tuple[str, list[str]]:
    """A background's colour name and shapes' colour names that stand out from it."""
    ground = pick(rng, tuple(paint.COLOURS))
    return ground, paint.others(rng, tuple(paint.COLOURS), count, ground, CLASHES.get(ground, ""))


def _spots(rng: Rng, count: int, radius: float, kind: str) -> list[tuple[float, ...]]:
    """Places that do not overlap: the best of a few random layouts."""
    reach = radius * 1.3
    spots: list[tuple[float, ...]] = []
    for _ in range(count):
        tries = rng.uniform(reach + 0.02, 0.98 - reach, (40, 2))
        if spots:
            gaps = np.min([np.hypot(*(tries - s[:2]).T) for s in spots], axis=0)
            best = tries[int(np.argmax(np.minimum(gaps, 2.9 * radius) + rng.random(40) * 0.02))]
        else:
            best = tries[0]
        spots.append((float(best[0]), float(best[1]), radius, _turn(rng, kind)))
    return spots


def _one(rng: Rng, size: int) -> tuple[Image.Image, str]:
    ground, (tone,) = palette(rng, 1)
    return one(rng, size, ground=ground, tone=tone, kind=pick(rng, KINDS),
               word=pick(rng, tuple(SIZES)))  # fmt: skip


def one(
    rng: Rng, size: int, *, ground: str, tone: str, kind: str, word: str
) -> tuple[Image.Image, str]:
    """A single shape; ``word`` is its size, one of ``SIZES``."""
    radius = SIZES[word] * float(rng.uniform(0.95, 1.2))
    spots = _spots(rng, 1, radius, kind)
    layer = place(_ground(rng, size, ground), rng, paint.colour(rng, tone), kind, spots)
    words = " ".join(filter(None, (word, tone, kind)))
    return paint.to_image(layer), f"{a(words)} on {a(ground)} background"


def _many(rng: Rng, size: int) -> tuple[Image.Image, str]:
    ground, (tone,) = palette(rng, 1)
    kind, count = pick(rng, KINDS), int(rng.integers(2, 7))
    return many(rng, size, ground=ground, tone=tone, kind=kind, count=count)


def many(
    rng: Rng, size: int, *, ground: str, tone: str, kind: str, count: int
) -> tuple[Image.Image, str]:
    """``count`` equal shapes, 2 to 6."""
    word = "small" if count > 4 or rng.random() < 0.4 else ""
    radius = SIZES[word] * (0.95 if count < 5 else 1.05)
    spots = _spots(rng, count, radius, kind)
    layer = place(_ground(rng, size, ground), rng, paint.colour(rng, tone), kind, spots)
    words = " ".join(filter(None, (COUNTS[count], word, tone, plural(kind))))
    return paint.to_image(layer), f"{words} on {a(ground)} background"


def _related(rng: Rng, size: int) -> tuple[Image.Image, str]:
    ground, tones = palette(rng, 2)
    kinds = paint.others(rng, KINDS, 2)
    relation = pick(rng, RELATIONS)
    return related(rng, size, ground=ground, tones=tones, kinds=kinds, relation=relation)


def related(
    rng: Rng, size: int, *, ground: str, tones: list[str], kinds: list[str], relation: str
) -> tuple[Image.Image, str]:
    """Two shapes, the first of them ``relation`` the second."""
    first, second = float(rng.uniform(0.25, 0.31)), float(rng.uniform(0.69, 0.75))
    if relation in {"to the right of", "below"}:
        first, second = second, first
    layer = _ground(rng, size, ground)
    for kind, tone, along in zip(kinds, tones, (first, second), strict=True):
        across = float(rng.uniform(0.36, 0.64))
        x, y = (along, across) if "of" in relation else (across, along)
        at = (x, y, float(rng.uniform(0.13, 0.17)), _turn(rng, kind))
        layer = place(layer, rng, paint.colour(rng, tone), kind, [at])
    text = f"{a(f'{tones[0]} {kinds[0]}')} {relation} {a(f'{tones[1]} {kinds[1]}')}"
    return paint.to_image(layer), f"{text} on {a(ground)} background"


def _inside(rng: Rng, size: int) -> tuple[Image.Image, str]:
    ground, tones = palette(rng, 2)
    inner = pick(rng, ("circle", "square", "triangle", "star", "heart", "diamond"))
    outer = pick(rng, paint.others(rng, ("circle", "square", "hexagon"), 2, inner))
    return inside(rng, size, ground=ground, tones=tones, kinds=[inner, outer])


def inside(
    rng: Rng, size: int, *, ground: str, tones: list[str], kinds: list[str]
) -> tuple[Image.Image, str]:
    """One shape inside another."""
    inner, outer = kinds
    x, y = (float(v) for v in rng.uniform(0.42, 0.58, 2))
    layer = place(
        _ground(rng, size, ground), rng, paint.colour(rng, tones[1]), outer,
        [(x, y, 0.33, _turn(rng, outer))],
    )  # fmt: skip
    layer = place(layer, rng, paint.colour(rng, tones[0]), inner, [(x, y, 0.15, _turn(rng, inner))])
    text = f"{a(f'{tones[0]} {inner}')} inside {a(f'{tones[1]} {outer}')}"
    return paint.to_image(layer), f"{text} on {a(ground)} background"


def _mixed(rng: Rng, size: int) -> tuple[Image.Image, str]:
    ground, tones = palette(rng, 3)
    kinds = paint.others(rng, KINDS, 3)
    layer = _ground(rng, size, ground)
    spots = _spots(rng, 3, 0.14, "circle")
    for kind, tone, spot in zip(kinds, tones, spots, strict=True):
        layer = place(layer, rng, paint.colour(rng, tone), kind, [spot])
    names = [a(f"{tone} {kind}") for tone, kind in zip(tones, kinds, strict=True)]
    return paint.to_image(layer), f"{names[0]}, {names[1]} and {names[2]} on {a(ground)} background"
