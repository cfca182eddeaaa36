"""Words, letters and numbers set as small posters."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from rayograph.demo import paint
from rayograph.demo.paint import Rng, a, pick

WORDS = (
    *("hello", "ray", "light", "open", "cloud", "river", "stone", "summer", "winter", "coffee"),
    *("music", "dream", "paper", "garden", "ocean", "north", "south", "east", "west", "yes"),
    *("no", "stop", "go", "home", "love", "peace", "sale", "free", "exit", "welcome", "thanks"),
    *("news", "today", "market", "museum", "bread", "salt", "honey", "lemon", "apple", "night"),
    *("morning", "sunday", "radio", "film", "book", "dance", "street"),
)
_LIGHT = ("white", "yellow", "pink")
_DEEP = ("black", "blue", "red", "green", "purple", "brown", "teal")


@lru_cache(maxsize=256)
def _font(px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(px)


def draw(rng: Rng, size: int) -> tuple[Image.Image, str]:
    ink, ground = pick(rng, _LIGHT), pick(rng, _DEEP)
    if rng.random() < 0.5:
        ink, ground = ground, ink
    image, d, s = paint.canvas(size, paint.colour(rng, ground), 2)
    fill = paint.rgb(paint.colour(rng, ink))
    bold = float(pick(rng, (0.0, 0.0, 0.012, 0.024)))
    kind = pick(rng, ("word", "word", "letter", "number", "lines", "sign"))
    if kind == "letter":
        glyph = pick(rng, "ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        _centred(d, s, glyph, fill=fill, wide=0.78, bold=bold)
        words = f"the letter {glyph} in {ink}"
    elif kind == "number":
        glyph = str(int(rng.integers(0, 100)))
        _centred(d, s, glyph, fill=fill, wide=0.7, bold=bold)
        words = f"the number {glyph} in {ink}"
    elif kind == "lines":
        chosen = paint.others(rng, WORDS, int(rng.integers(3, 6)))
        _stack(rng, d, s, [word.upper() for word in chosen], fill)
        words = f"a poster with the words {', '.join(chosen[:-1])} and {chosen[-1]} in {ink}"
    else:
        word = pick(rng, WORDS)
        if kind == "sign":
            inset = s * 0.07
            d.rounded_rectangle((inset, s * 0.26, s - inset, s * 0.74), s * 0.06, outline=fill,
                                width=round(s / 60))  # fmt: skip
        cased = word if rng.random() < 0.5 else word.upper()
        _centred(d, s, cased, fill=fill, wide=0.74, bold=bold)
        words = f'{"a sign with " if kind == "sign" else ""}the word "{word}" in {ink}'
    image = paint.finish(image, 2)
    if rng.random() < 0.35:
        tilt = float(rng.uniform(-14, 14))
        back = image.getpixel((1, 1))
        image = image.rotate(tilt, Image.Resampling.BILINEAR, fillcolor=back)
    layer = paint.to_layer(image) * (0.93 + 0.1 * paint.linear(rng, size))
    return paint.to_image(np.asarray(layer, np.float32)), f"{words} on {a(ground)} background"


def _centred(
    d: ImageDraw.ImageDraw, s: float, words: str, *, fill: tuple[int, ...], wide: float, bold: float
) -> None:
    probe = d.textbbox((0, 0), words, font=_font(100))
    fit = min(wide * s / (probe[2] - probe[0]), 0.62 * s / (probe[3] - probe[1]))
    px = max(8, round(100 * fit / 12) * 12)
    d.text((s / 2, s / 2), words, fill=fill, font=_font(px), anchor="mm", stroke_width=px * bold)


def _stack(
    rng: Rng, d: ImageDraw.ImageDraw, s: float, lines: list[str], fill: tuple[int, ...]
) -> None:
    step = 0.8 / len(lines)
    left = rng.random() < 0.5
    for n, line in enumerate(lines):
        probe = d.textlength(line, font=_font(100))
        px = max(8, round(min(100 * 0.8 * s / probe, step * 0.86 * s) / 12) * 12)
        x, anchor = (s * 0.1, "lm") if left else (s / 2, "mm")
        d.text((x, s * (0.1 + step * (n + 0.5))), line, fill=fill, font=_font(px), anchor=anchor)
