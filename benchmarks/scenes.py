"""What mini_model asks for and the scenes it asks among: drawn from seeds training never used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from PIL import Image

from rayograph.demo import FAMILIES, draw, paint, shapes
from training.captions import corrupt, statements
from training.held_out import BENCHMARK_SEED, is_held_out

SIDE = 160
COUNTS = {word: count for count, word in shapes.COUNTS.items()}
SINGULAR = {shapes.plural(kind): kind for kind in shapes.KINDS}


@dataclass(frozen=True, slots=True)
class Query:
    """``asked`` is typed; a scene is a right answer when ``means`` is true of its caption."""

    asked: str
    family: str
    means: str = ""

    @property
    def meaning(self) -> str:
        return self.means or self.asked

    @property
    def unseen(self) -> bool:
        """Whether training saw no picture and no text of it."""
        return is_held_out(self.meaning) or is_held_out(f"{self.meaning} on")


@dataclass(frozen=True, slots=True)
class Scene:
    picture: Image.Image
    caption: str
    family: str


_LISTED = {
    "shapes": (
        "a red circle|a blue square|a yellow star|a green triangle|a purple heart|a white ring|"
        "an orange hexagon|a black diamond|a pink crescent|a brown rectangle|a grey oval|"
        # Never seen together:
        "a purple star|a green heart|a yellow hexagon|an orange crescent|a teal diamond|"
        "a pink triangle|a blue cross|a red oval|"
        "two red circles on blue=two red circles on a blue background|three yellow stars|"
        "two white crosses|six black squares|five green triangles|two hearts|"
        "three hearts on black=three hearts on a black background|"
        "four circles on white=four circles on a white background|"
        "a large red square=a large red square|a small blue circle|"
        "a red circle to the left of a blue square|a yellow star above a green triangle|"
        "a white heart inside a red square|a blue circle inside a yellow square|"
        "a purple star below a white circle|a green heart to the right of a yellow ring|"
        "a purple star on white=a purple star on a white background"
    ),
    "landscapes": (
        "a sunset over the sea|the sea under a stormy sky|mountains in fog|green hills at dawn|"
        "a city at night|the sea at night|a starry night sky|storm clouds|a sailing boat|"
        "desert dunes under a clear blue sky|snowy mountains under a blue sky|golden fields|"
        "a pine forest in fog|"
        "desert dunes in thick fog|a pine forest at dawn|an island in the sea under the stars"
        "=an island in the sea under a starry night sky|snowy mountains at sunset|"
        "a city skyline under a full moon"
    ),
    "patterns": (
        "red and white stripes|vertical stripes|a checkerboard|polka dots|concentric rings|"
        "a brick wall|wood grain|black marble|zigzags|plaid|fish scales|a woven texture|"
        "purple and yellow stripes|a red and green checkerboard|green polka dots on pink"
    ),
    "gradients": "a gradient from red to yellow|a gradient from blue to orange|a conic gradient",
    "charts": (
        "a bar chart|a pie chart|a line chart|a scatter plot|a bar chart with five bars|"
        "a bar chart with teal bars|a histogram"
    ),
    "drawings": (
        "a line drawing of a house|a drawing of a cat|a sketch of a flower|"
        "a drawing of a cat in red=a line drawing of a cat in red|"
        "a drawing of a bicycle in blue=a line drawing of a bicycle in blue"
    ),
    "fractals": (
        "a fractal tree|a blue Mandelbrot fractal|a teal Mandelbrot fractal|swirling red smoke|"
        "a mosaic of cells|a snowflake|random noise=noise"
    ),
    "text": "a poster with words|a letter|the word in white=a word in white",
}
QUERIES = tuple(
    Query(asked, family, means)
    for family, listed in _LISTED.items()
    for asked, _, means in (entry.partition("=") for entry in listed.split("|"))
)


def gallery(count: int) -> Iterator[Scene]:
    """Scenes as in the demo, each family as often as the others."""
    names = list(FAMILIES)
    for index in range(count):
        rng = np.random.default_rng([BENCHMARK_SEED, 1, index])
        yield Scene(*draw(rng, names[index % len(names)], size=SIDE))


def answers(query: Query, count: int) -> list[Scene]:
    """Scenes that are right answers, however rare they are in the demo."""
    rng = np.random.default_rng([BENCHMARK_SEED, 2, QUERIES.index(query)])
    if query.family == "shapes":
        found = [_composed(query.meaning, rng) for _ in range(count)]
    else:
        found = list(_searched(query, rng, count))
    wrong = [scene.caption for scene in found if not is_right(query, scene.caption)]
    if wrong:
        raise AssertionError(f"{query.meaning!r} is not true of {wrong[0]!r}")
    return found


def near_misses(query: Query, count: int) -> list[Scene]:
    """Scenes that differ from what is asked in one word, or in whose colour is whose."""
    if query.family != "shapes":
        return []
    rng = np.random.default_rng([BENCHMARK_SEED, 3, QUERIES.index(query)])
    found: list[Scene] = []
    for _ in range(20 * count):
        text = corrupt(query.meaning, rng)
        scene = _composed(text, rng) if _drawable(text) else None
        if scene and not is_right(query, scene.caption):
            found.append(scene)
        if len(found) == count:
            break
    return found


def is_right(query: Query, caption: str) -> bool:
    """Whether the caption says, perhaps among other things, what is asked."""
    return query.meaning in _said(caption)


@lru_cache(maxsize=20_000)
def _said(caption: str) -> frozenset[str]:
    return frozenset(text for statement in statements(caption) for text in statement)


def _searched(query: Query, rng: np.random.Generator, count: int) -> Iterator[Scene]:
    # What is drawn hardly depends on the size: tried small, drawn large.
    size_free = query.family not in {"landscapes", "fractals"}
    while count:
        seed = int(rng.integers(2**62))
        if size_free:
            _, caption, _ = draw(np.random.default_rng(seed), query.family, size=24)
            if not is_right(query, caption):
                continue
        scene = Scene(*draw(np.random.default_rng(seed), query.family, size=SIDE))
        if is_right(query, scene.caption):
            count -= 1
            yield scene


_THING = r"an? (?:(small|large) )?(?:(\w+) )?(\w+)"
_PARTS = re.compile(
    rf"^(?:(?P<count>{'|'.join(COUNTS)}) (?:(?P<tones>\w+) )?(?P<kinds>\w+)"
    rf"|{_THING}(?: (?P<relation>{'|'.join(shapes.RELATIONS)}|inside) {_THING})?)"
    r"(?: on an? (?P<ground>\w+) background)?$"
)


def _drawable(text: str) -> bool:
    match = _PARTS.match(text)
    if not match:
        return False
    tones = [t for t in (match["tones"], match[5], match[9]) if t] if match else []
    clash = match["ground"] in tones or len(set(tones)) < len(tones)
    return not clash and all(tone in paint.COLOURS for tone in tones)


def _composed(text: str, rng: np.random.Generator) -> Scene:
    """Shapes as the text says; what it leaves open is drawn at random."""
    match = _PARTS.match(text)
    assert match, text
    said = [tone for tone in (match["tones"], match[5], match[9]) if tone]
    ground = match["ground"]
    while True:
        backdrop, tones = shapes.palette(rng, 2)
        backdrop = ground or backdrop
        if backdrop not in said and (ground or _apart(backdrop, said)):
            break
    tones = said + [tone for tone in tones if tone not in {*said, backdrop}]
    common = {"ground": backdrop}
    if match["count"]:
        kind, count = SINGULAR[match["kinds"]], COUNTS[match["count"]]
        image, caption = shapes.many(rng, SIDE, **common, tone=tones[0], kind=kind, count=count)
    elif match["relation"]:
        kinds = [match[6], match[10]]
        if match["relation"] == "inside":
            image, caption = shapes.inside(rng, SIDE, **common, tones=tones[:2], kinds=kinds)
        else:
            image, caption = shapes.related(
                rng, SIDE, **common, tones=tones[:2], kinds=kinds, relation=match["relation"]
            )
    else:
        word = match[4] or paint.pick(rng, tuple(shapes.SIZES))
        image, caption = shapes.one(rng, SIDE, **common, tone=tones[0], kind=match[6], word=word)
    return Scene(paint.grain(rng, image), caption, "shapes")


def _apart(ground: str, tones: list[str]) -> bool:
    """The demo never lays a shape on a ground of nearly its colour."""
    return not any(shapes.CLASHES.get(ground) == tone for tone in tones)
