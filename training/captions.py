"""What else is true of a picture, read off its caption: shorter, reordered and reworded texts.

A *statement* is a tuple of texts that mean the same; its id is the first of them in order. A
picture has several statements, the whole caption first. Two pictures that share a statement are
both right answers to it, which is what the loss needs to know.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable

import numpy as np

from rayograph.demo.paint import COLOURS, a
from rayograph.demo.shapes import KINDS, plural

Statement = tuple[str, ...]
Rng = np.random.Generator

_GROUND = re.compile(r"^(.*) on (?:a|an) (\w+) background$")
_COUNTS = "two|three|four|five|six"
_RELATIONS = {
    "to the left of": ("to the left of", "left of", "to the right of", "right of"),
    "to the right of": ("to the right of", "right of", "to the left of", "left of"),
    "above": ("above", "over", "below", "under"),
    "below": ("below", "under", "above", "over"),
}
_PLACES: dict[str, Statement] = {
    "the sea": ("the sea", "the ocean", "sea"),
    "an island in the sea": ("an island in the sea", "an island"),
    "a sailing boat on the sea": ("a sailing boat on the sea", "a sailing boat", "a boat"),
    "snowy mountains": ("snowy mountains", "mountains with snow"),
    "mountains": ("mountains", "a mountain range"),
    "green hills": ("green hills", "hills", "a green meadow"),
    "golden fields": ("golden fields", "fields of gold"),
    "desert dunes": ("desert dunes", "sand dunes", "a desert"),
    "a pine forest": ("a pine forest", "a forest", "trees", "woods"),
    "a city skyline": ("a city skyline", "a city", "buildings", "skyscrapers"),
}
_IMPLIED = {
    "an island in the sea": "the sea",
    "a sailing boat on the sea": "the sea",
    "snowy mountains": "mountains",
}
# How an hour is said after a place, alone, and whether it is night.
_HOURS: dict[str, tuple[Statement, Statement, bool]] = {
    "at sunset": (("at sunset",), ("a sunset", "a sunset sky", "sunset"), False),
    "at dawn": (("at dawn", "at sunrise"), ("the sky at dawn", "a sunrise", "dawn"), False),
    "under a clear blue sky": (
        ("under a clear blue sky", "under a blue sky", "on a clear day"),
        ("a clear blue sky", "a blue sky"),
        False,
    ),
    "under white clouds": (
        ("under white clouds", "under a cloudy sky"),
        ("white clouds in a blue sky", "white clouds", "a cloudy sky", "clouds"),
        False,
    ),
    "under a starry night sky": (
        ("under a starry night sky", "under the stars", "on a starry night"),
        ("a starry night sky", "a starry night", "stars in the night sky"),
        True,
    ),
    "at night under a full moon": (
        ("at night under a full moon", "under a full moon", "in moonlight"),
        ("a full moon in the night sky", "a full moon", "the moon"),
        True,
    ),
    "in thick fog": (("in thick fog", "in fog", "in the mist"), ("thick fog", "fog"), False),
    "under a stormy sky": (
        ("under a stormy sky", "in a storm"),
        ("storm clouds in the sky", "storm clouds", "a stormy sky", "dark clouds"),
        False,
    ),
}
_NIGHT: Statement = ("the night sky", "night", "at night")
# The rest: a caption's form and what is true of it; {} are the form's groups.
_RULES: tuple[tuple[str, tuple[Statement, ...]], ...] = (
    (r"(thin |wide |)(\w+) (\w+) and (\w+) stripes",
     (("{0}{1} {2} and {3} stripes", "{0}{1} {3} and {2} stripes"),
      ("{2} and {3} stripes", "{3} and {2} stripes", "{3} and {2} striped pattern",
       "{2} and {3} striped pattern"),
      ("{1} {2} and {3} stripes", "{1} {3} and {2} stripes"),
      ("{1} stripes",), ("stripes", "a striped pattern"), ("{2} stripes",), ("{3} stripes",))),
    (r"a checkerboard of (\w+) and (\w+)",
     (("a checkerboard of {0} and {1}", "a checkerboard of {1} and {0}",
       "a {0} and {1} checkerboard", "a {1} and {0} checkerboard"),
      ("a checkerboard", "a chessboard"),)),
    (r"(\w+) polka dots on (\w+)",
     (("{0} polka dots on {1}", "{0} dots on {1}"), ("polka dots", "dots"), ("{0} polka dots",))),
    (r"(\w+) and (\w+) spiral",
     (("{0} and {1} spiral", "{1} and {0} spiral"), ("a spiral pattern", "spiral"),
      ("{0} spiral",), ("{1} spiral",))),
    (r"concentric (\w+) and (\w+) rings",
     (("concentric {0} and {1} rings", "concentric {1} and {0} rings"),
      ("concentric rings", "concentric circles"))),
    (r"wavy (\w+) and (\w+) lines",
     (("wavy {0} and {1} lines", "wavy {1} and {0} lines"), ("wavy lines", "waves pattern"))),
    (r"(\w+) and (\w+) (zigzags|fish scales|plaid)",
     (("{0} and {1} {2}", "{1} and {0} {2}"), ("{2}",), ("{0} {2}",), ("{1} {2}",))),
    (r"(\w+) (diamond|flower|circle) tiles on (\w+)",
     (("{0} {1} tiles on {2}",), ("{1} tiles",), ("tiles",), ("{0} {1} tiles",))),
    (r"a woven texture of (\w+) and (\w+)",
     (("a woven texture of {0} and {1}", "a woven texture of {1} and {0}",
       "{0} and {1} woven cloth", "{1} and {0} woven cloth"),
      ("a woven texture", "woven cloth"))),
    (r"a wall of (\w+) bricks with (\w+) joints",
     (("a wall of {0} bricks with {1} joints",), ("a wall of {0} bricks", "{0} bricks"),
      ("a brick wall", "bricks", "a wall of bricks"))),
    (r"a sunburst of (\w+) and (\w+) rays",
     (("a sunburst of {0} and {1} rays", "a sunburst of {1} and {0} rays"),
      ("a sunburst", "sunburst rays"))),
    (r"wood grain", (("wood grain", "a wooden texture", "wood"),)),
    (r"(\w+) marble", (("{0} marble",), ("marble", "a marble texture"))),
    (r"a (\w+) gradient from (\w+) to (\w+)",
     (("a {0} gradient from {1} to {2}",), ("a gradient from {1} to {2}",),
      ("a {1} and {2} gradient", "a {2} and {1} gradient", "a gradient of {1} and {2}",
       "a gradient of {2} and {1}"),
      ("a {0} gradient",), ("a gradient", "a colour gradient"))),
    (r"a (\w+) glow on (\w+)", (("a {0} glow on {1}",), ("a {0} glow",), ("a glow",))),
    (r"a conic gradient of (\w+) and (\w+)",
     (("a conic gradient of {0} and {1}", "a conic gradient of {1} and {0}"),
      ("a {0} and {1} gradient", "a {1} and {0} gradient", "a gradient of {0} and {1}",
       "a gradient of {1} and {0}"),
      ("a conic gradient",), ("a gradient", "a colour gradient"))),
    (r"a soft blend of (\w+) and (\w+)",
     (("a soft blend of {0} and {1}", "a soft blend of {1} and {0}"), ("a soft blend",))),
    (r"an? (\w+) haze with (\w+) and (\w+) glows",
     (("a {0} haze with {1} and {2} glows", "a {0} haze with {2} and {1} glows"),
      ("a {0} haze",), ("a haze with glows",))),
    (r"a (horizontal bar|bar) chart with (\w+) (\w+) bars",
     (("a {0} chart with {1} {2} bars",), ("a {0} chart with {1} bars",), ("{1} bars",),
      ("a bar chart", "a bar graph"),
      ("a {0} chart with {2} bars",), ("a {0} chart", "a {0} graph"), ("a chart", "a graph"))),
    (r"a line chart with (one \w+ line|.+ lines)",
     (("a line chart with {0}",), ("a line chart", "a line graph"), ("a chart", "a graph"))),
    (r"an? (\w+) (area chart|histogram)",
     (("a {0} {1}",), ("a {1}",), ("a chart", "a graph"))),
    (r"a (pie|donut) chart with (\w+) slices",
     (("a {0} chart with {1} slices",), ("a {0} chart",), ("a chart", "a graph"))),
    (r"a scatter plot of (.+) points",
     (("a scatter plot of {0} points",), ("a scatter plot", "scattered points"),
      ("a chart", "a graph"))),
    (r"a line drawing of (.+) in (\w+) on (\w+) paper",
     (("a line drawing of {0} in {1} on {2} paper",), ("a line drawing of {0} in {1}",),
      ("a line drawing of {0}", "a drawing of {0}", "a sketch of {0}", "{0} drawn with a pen"),
      ("a line drawing of {0} on {2} paper",),
      ("a line drawing", "a sketch", "a drawing"), ("a line drawing in {1}",))),
    (r"an? (\w+) (Julia set|Mandelbrot) fractal",
     (("a {0} {1} fractal",), ("a {1} fractal", "a {1}"), ("a fractal",), ("a {0} fractal",))),
    (r"an? (\w+) fractal tree",
     (("a {0} fractal tree",), ("a fractal tree",), ("a fractal",), ("a {0} fractal",))),
    (r"an? (\w+) Sierpinski triangle",
     (("a {0} Sierpinski triangle",), ("a Sierpinski triangle",), ("a fractal",),
      ("a {0} fractal",))),
    (r"a mosaic of (\w+) and (\w+) cells",
     (("a mosaic of {0} and {1} cells", "a mosaic of {1} and {0} cells"),
      ("a mosaic of cells", "a mosaic", "cells"))),
    (r"swirling (\w+) smoke", (("swirling {0} smoke", "{0} smoke"), ("swirling smoke", "smoke"))),
    (r"(fine|coarse) (.+) noise",
     (("{0} {1} noise",), ("{1} noise",), ("noise", "random noise"))),
    (r"flowing (\w+) and (\w+) lines",
     (("flowing {0} and {1} lines", "flowing {1} and {0} lines"), ("flowing lines",))),
    (r"a white snowflake", (("a white snowflake", "a snowflake", "snowflake"),)),
    (r"the (letter|number) (\w+) in (\w+)",
     (("the {0} {1} in {2}",), ("the {0} {1}",), ("a {0} in {2}", "a {2} {0}"), ("a {0}",))),
    (r'(a sign with |)the word "(\w+)" in (\w+)',
     (('{0}the word "{1}" in {2}', "{0}the word {1} in {2}"), ('the word "{1}"', "the word {1}"),
      ("a word in {2}", "{2} text"), ("a word", "text", "words"))),
    (r"a poster with the words (.+) in (\w+)",
     (("a poster with the words {0} in {1}",), ("a poster with words", "a poster"),
      ("a poster in {1}",), ("a word", "text", "words"))),
    (r"a collage of (.+) shapes",
     (("a collage of {0} shapes", "{0} shapes in a collage"),
      ("a collage", "a collage of shapes"))),
)  # fmt: skip
_COMPILED = tuple((re.compile(rf"^{form}$"), truths) for form, truths in _RULES)

_FRAMES = ("{}",) * 7 + ("a picture of {}", "an image of {}", "a photo of {}", "{} in a picture")
_WORDS: dict[str, Statement] = {
    "grey": ("gray",),
    "teal": ("turquoise", "cyan"),
    "purple": ("violet",),
    "brown": ("dark brown",),
    "pink": ("rose",),
    "red": ("bright red", "crimson", "scarlet"),
    "blue": ("bright blue", "royal blue"),
    "green": ("emerald",),
    "yellow": ("golden yellow",),
    "circle": ("disc", "dot", "ball"),
    "circles": ("discs", "dots", "balls"),
    "oval": ("ellipse",),
    "ovals": ("ellipses",),
    "ring": ("hoop", "donut shape"),
    "cross": ("plus sign",),
    "crescent": ("crescent moon shape",),
    "diamond": ("rhombus",),
    "diamonds": ("rhombuses",),
    "large": ("big", "huge"),
    "small": ("little", "tiny"),
    "two": ("2", "a pair of"),
    "three": ("3",),
    "four": ("4",),
    "five": ("5",),
    "six": ("6",),
    "inside": ("in", "within"),
    "diagonal": ("slanted",),
    "smoke": ("fog of colour",),
    "background": ("ground", "backdrop"),
}
_CLASSES: tuple[tuple[str, ...], ...] = (
    tuple(COLOURS),
    KINDS,
    tuple(plural(kind) for kind in KINDS),
    ("two", "three", "four", "five", "six", "seven", "eight"),
    ("small", "large"),
    ("left", "right"),
    ("above", "below"),
    ("vertical", "horizontal", "diagonal"),
    ("bar", "line", "pie", "donut", "area"),
    ("sunset", "dawn", "night"),
    ("fog", "clouds", "stars"),
    ("sea", "mountains", "hills", "dunes", "forest", "fields"),
)
_CLASS_OF = {word: words for words in _CLASSES for word in words}


def statements(caption: str) -> list[Statement]:
    """What is true of a picture with this caption; the whole caption comes first."""
    match = _GROUND.match(caption)
    body, ground = (match[1], match[2]) if match else (caption, "")
    found = _shapes(body, ground) or _landscape(caption) or _by_rule(body, ground)
    return list(dict.fromkeys(found or [(caption,)]))


def identity(statement: Statement) -> str:
    """The same for every way of saying the same."""
    return min(statement)


def reword(text: str, rng: Rng) -> str:
    """One of the ways people would type a text."""
    words = text.split()
    for at, word in enumerate(words):
        if word in _WORDS and rng.random() < 0.1:
            words[at] = str(rng.choice(_WORDS[word]))
    text = " ".join(words)
    if text.endswith(" background") and rng.random() < 0.3:
        text = re.sub(r" on an? (\w+) background$", r" on \1", text)
    if text.startswith(("a ", "an ", "the ")) and rng.random() < 0.25:
        text = text.split(" ", 1)[1]
    return _FRAMES[int(rng.integers(len(_FRAMES)))].format(text)


def corrupt(text: str, rng: Rng) -> str:
    """Nearly the same text, with one word changed to another of its kind, or two exchanged."""
    words = text.split()
    places = [at for at, word in enumerate(words) if word.strip(",") in _CLASS_OF]
    if not places:
        return ""
    pairs = [
        (i, j)
        for i, j in itertools.combinations(places, 2)
        if _CLASS_OF[words[i].strip(",")] is _CLASS_OF[words[j].strip(",")] and words[i] != words[j]
    ]
    if pairs and rng.random() < 0.4:
        i, j = pairs[int(rng.integers(len(pairs)))]
        words[i], words[j] = words[j], words[i]
    else:
        at = places[int(rng.integers(len(places)))]
        word = words[at].strip(",")
        others = [other for other in _CLASS_OF[word] if other != word]
        words[at] = words[at].replace(word, others[int(rng.integers(len(others)))])
    return _articles(" ".join(words))


def _articles(text: str) -> str:
    text = re.sub(r"\ba ([aeiou])", r"an \1", text)
    return re.sub(r"\ban ([^aeiou])", r"a \1", text)


def _grounded(forms: Iterable[str], ground: str) -> Statement:
    return tuple(f"{form} on {a(ground)} background" for form in forms)


def _shapes(body: str, ground: str) -> list[Statement]:
    if not ground:
        return []
    many = re.match(rf"^({_COUNTS}) (small |)(\w+) (\w+)$", body)
    if many:
        return _many(many[1], many[2], many[3], many[4], ground)
    related = re.match(rf"^an? (\w+) (\w+) ({'|'.join(_RELATIONS)}|inside) an? (\w+) (\w+)$", body)
    if related:
        return _related(related.groups(), ground)
    parts = [part for part in re.split(r", | and ", body) if part]
    things = [re.match(r"^an? (small |large |)(\w+) (\w+)$", part) for part in parts]
    if not all(thing and thing[2] in COLOURS and thing[3] in KINDS for thing in things):
        return []
    if len(parts) == 1 and things[0]:
        return _one(things[0][1], things[0][2], things[0][3], ground)
    orders = [f"{x}, {y} and {z}" for x, y, z in itertools.permutations(parts)]
    found = [_grounded(orders, ground), tuple(orders)]
    for x, y in itertools.combinations(parts, 2):
        found.append((f"{x} and {y}", f"{y} and {x}"))
    found += [simple for part in parts for simple in _simple(*part.split()[1:])]
    return [*found, (f"{a(ground)} background",)]


def _simple(tone: str, kind: str) -> list[Statement]:
    return [(a(f"{tone} {kind}"),), (a(kind),)]


def _one(size: str, tone: str, kind: str, ground: str) -> list[Statement]:
    sized, plain, bare = (a(words) for words in (f"{size}{tone} {kind}", f"{tone} {kind}", kind))
    found = [_grounded([text], ground) for text in (sized, plain, bare)]
    found += [(sized,), *_simple(tone, kind), (a(f"{size}{kind}"),), (f"{a(ground)} background",)]
    return found


def _many(count: str, size: str, tone: str, kinds: str, ground: str) -> list[Statement]:
    texts = (f"{count} {size}{tone} {kinds}", f"{count} {tone} {kinds}", f"{tone} {kinds}",
             f"{count} {kinds}")  # fmt: skip
    found = [_grounded([text], ground) for text in texts]
    found += [(text,) for text in (*texts, kinds)]
    single = "cross" if kinds == "crosses" else kinds[:-1]
    return [*found, *_simple(tone, single), (f"{a(ground)} background",)]


def _related(parts: tuple[str, ...], ground: str) -> list[Statement]:
    tone, kind, relation, other_tone, other_kind = parts
    x, y = a(f"{tone} {kind}"), a(f"{other_tone} {other_kind}")
    if relation == "inside":
        whole: Statement = (f"{x} inside {y}", f"{y} with {x} inside")
    else:
        here, short, there, back = _RELATIONS[relation]
        whole = (f"{x} {here} {y}", f"{x} {short} {y}", f"{y} {there} {x}", f"{y} {back} {x}")
    found = [_grounded(whole, ground), whole, (f"{x} and {y}", f"{y} and {x}")]
    return [*found, *_simple(tone, kind), *_simple(other_tone, other_kind),
            (f"{a(ground)} background",)]  # fmt: skip


def _landscape(caption: str) -> list[Statement]:
    if caption == "a sunset over the sea":
        caption = "the sea at sunset"
    for hour, (after, alone, night) in _HOURS.items():
        dark = [_NIGHT] if night else []
        if caption in alone:
            return [alone, *dark]
        place = caption.removesuffix(f" {hour}")
        if place != caption and place in _PLACES:
            found = []
            for name in filter(None, (place, _IMPLIED.get(place))):
                forms = tuple(f"{form} {when}" for form in _PLACES[name] for when in after)
                if hour == "at sunset":
                    forms += (f"a sunset over {name}",)
                found += [forms, _PLACES[name]]
                if night:
                    found.append(tuple(f"{form} at night" for form in _PLACES[name]))
            return [*found, alone, *dark]
    return []


def _by_rule(body: str, ground: str) -> list[Statement]:
    for form, truths in _COMPILED:
        match = form.match(body)
        if match:
            found = [
                tuple(dict.fromkeys(_articles(text.format(*match.groups())) for text in truth))
                for truth in truths
            ]
            whole = [_grounded(found[0], ground)] if ground else []
            return [*whole, *found]
    return []
