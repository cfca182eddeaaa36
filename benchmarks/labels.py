"""Labels by words: how right words and the probe are after so many corrections, and time at 1M."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.linear_model import LogisticRegression

from benchmarks import synthetic
from benchmarks.common import arguments, machine, median, say, scratch, table
from rayograph.analysis.asked import LabelsAsked
from rayograph.analysis.unrelated import TEXTS
from rayograph.catalog import Catalog
from rayograph.catalog.analyses import Wanted
from rayograph.catalog.label_counts import LabelCounts
from rayograph.catalog.picking import filter_of
from rayograph.demo import draw
from rayograph.encoders import load_encoder
from rayograph.labelling.answers import Correct
from rayograph.labelling.definition import TEMPLATES, Labelling, Labellings, classes_of
from rayograph.labelling.heads import Head, by_words, mean_text, scale_of
from rayograph.labelling.probe import Examples, prior_of, refined
from rayograph.where.sorting import sort_for
from rayograph_pipelines.analysis_bench import Bench
from rayograph_pipelines.analysis_work import work
from rayograph_serve.correcting import Correcting

# What a person would call seven of the nine families of the demo; shapes and landscapes are none.
CLASSES = {
    "charts": "chart",
    "collages": "collage of shapes",
    "drawings": "line drawing",
    "gradients": "gradient",
    "fractals": "fractal",
    "patterns": "pattern",
    "text": "word",
}
CORRECTIONS = (5, 20, 100)
SEEDS = 5
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def main() -> None:
    args = arguments(__doc__, 1_000_000, pictures=2000, dim=256)
    machine()
    accuracy(args.pictures)
    with scratch() as folder:
        times(folder, args.count, args.dim)


# -- how right ---------------------------------------------------------------------------------


def embedded(count: int) -> tuple[Floats, Ints, Head]:
    """Vectors of drawn scenes, the class of each (-1: none), and the head of the words."""
    encoder = load_encoder("rayograph-mini")
    families, kinds, vectors = [*CLASSES], [], []
    side = encoder.image_size
    for start in range(0, count, 64):
        lot = []
        for number in range(start, min(count, start + 64)):
            image, _, family = draw(np.random.default_rng(900_000 + number), size=side)
            lot.append(np.asarray(image.convert("RGB")))
            kinds.append(families.index(family) if family in CLASSES else -1)
        vectors.append(encoder.images(np.stack(lot)).astype(np.float32))
    pictures = np.concatenate(vectors)
    pictures /= np.linalg.norm(pictures, axis=1, keepdims=True)
    texts = np.stack(
        [
            mean_text(encoder.texts([t.format(name) for t in TEMPLATES]).astype(np.float32))
            for name in CLASSES.values()
        ]
    )
    scale = scale_of(encoder.texts(list(TEXTS)).astype(np.float32), pictures[:1024])
    return pictures, np.array(kinds), by_words(texts, scale, several=False)


def right(head: Head, vectors: Floats, kinds: Ints) -> float:
    """The share of pictures that get their class, or none where they have none."""
    return float((head.scores(vectors).best == kinds).mean())


def said_of(kinds: Ints) -> npt.NDArray[np.int8]:
    """What somebody who knows would say: the right class, or that it is none of them."""
    said = np.zeros((len(kinds), len(CLASSES)), np.int8)
    said[kinds < 0] = -1
    known = np.flatnonzero(kinds >= 0)
    said[known, kinds[known]] = 1
    return said


def accuracy(count: int) -> None:
    vectors, kinds, words = embedded(count)
    half = count // 2
    test, rest = (vectors[:half], kinds[:half]), (vectors[half:], kinds[half:])
    prior = prior_of(words, rest[0])
    thresholds = [0.0] * len(CLASSES)
    ways: dict[str, Callable[[Examples], Head]] = {
        "probe": lambda e: refined(words, e, prior, thresholds).head,
        "without the certain ones": lambda e: (
            refined(words, e, prior.take(np.zeros(len(prior), bool)), thresholds).head
        ),
        "corrections alone": _alone,
    }
    rows = [["0", "", f"{right(words, *test):.3f}", "", ""]]
    rng = np.random.default_rng(0)
    unsure = np.argsort(words.scores(rest[0]).certainty, kind="stable")
    for number in CORRECTIONS:
        for how in ("any", "least certain"):
            found: dict[str, list[float]] = {name: [] for name in ways}
            for _ in range(SEEDS if how == "any" else 1):
                chosen = rng.permutation(len(rest[0])) if how == "any" else unsure
                rows_of = chosen[:number]
                weight = np.ones(number, np.float32)
                examples = Examples(rest[0][rows_of], said_of(rest[1][rows_of]), weight)
                for name, way in ways.items():
                    found[name].append(right(way(examples), *test))
            rows.append([str(number), how, *(f"{median(v):.3f}" for v in found.values())])
    say(f"{count} drawn pictures, {len(CLASSES)} classes and none; the median of {SEEDS}")
    table(("corrections", "of", *ways), rows)


def _alone(examples: Examples) -> Head:
    """Logistic regression that knows no words, none of the classes being one more."""
    kinds = np.where((examples.said > 0).any(axis=1), examples.said.argmax(axis=1), -1)
    weights = np.zeros((len(CLASSES), examples.vectors.shape[1]), np.float32)
    bias = np.full(len(CLASSES), -1e3, np.float32)
    there = np.unique(kinds)
    if len(there) == 1:
        bias[there[there >= 0]] = 1
        return Head(weights, bias, several=False)
    found = LogisticRegression(C=30.0, max_iter=500).fit(examples.vectors, kinds)
    lines, offsets = found.coef_, found.intercept_
    if len(there) == 2:
        lines, offsets = np.vstack([-lines, lines]) / 2, np.array([-1, 1]) * offsets / 2
    # Logits count beside those of none of them, which are 0 in a head.
    none = there[0] == -1
    lines, offsets = (lines - lines[0], offsets - offsets[0]) if none else (lines, offsets + 1e3)
    for line, offset, kind in zip(lines, offsets, there, strict=True):
        if kind >= 0:
            weights[kind], bias[kind] = line, offset
    return Head(weights, bias, several=False)


# -- how long ----------------------------------------------------------------------------------


def times(folder: Path, count: int, dim: int) -> None:
    catalog = Catalog(str(folder / "catalog"))
    key = synthetic.write(catalog, count, dim=dim, index=False)
    names = [f"class {number}" for number in range(10)]
    labelling = Labelling(
        number=0,
        name="things",
        classes=classes_of([(name, [], None) for name in names], False),
        created_at="now",
    )
    kept = Labellings().put(labelling)
    row = catalog.update(key, labels=kept.model_dump(mode="json"))
    clouds = synthetic.Clouds(dim)

    def texts(model: str, of: str | None, asked: list[str]) -> npt.NDArray[np.float16]:
        return clouds.draw(len(asked), len(asked))

    bench = Bench(catalog, lambda *_: None, texts, lambda rows, decode: iter(()))
    wanted = Wanted(key, LabelsAsked(number=0))
    rows: list[tuple[str, str]] = []

    def timed(what: str, do: Callable[[], object]) -> object:
        began = time.perf_counter()
        found = do()
        rows.append((what, f"{1000 * (time.perf_counter() - began):,.0f}"))
        return found

    timed("score all, 10 classes", lambda: work(bench, wanted))
    timed("again, nothing new", lambda: work(bench, wanted))
    reader, counts = catalog.reader(key), LabelCounts()
    look = lambda: counts.of(key, reader.snapshot(), labelling)  # noqa: E731
    timed("histograms, first", look)
    timed("histograms, again", look)
    row = catalog.dataset(key)
    chosen = filter_of(row, "labels.things:class_3")
    timed("a class, first page", lambda: reader.page(offset=0, limit=100, where=chosen))
    chosen = filter_of(row, "labels.things.class_3>=0.6 and width>=100")
    timed("a score, first page", lambda: reader.page(offset=0, limit=100, where=chosen))
    order = sort_for("labels.things.certainty", row.labellings)
    timed("least certain first", lambda: reader.page_from(0, limit=100, sort=order))
    image = reader.page(offset=count // 2, limit=1)[0][0]["id"]
    said = Correct.model_validate({"ids": [image], "class": "class 3", "is": True})
    timed("correct one picture", lambda: Correcting(catalog).correct(row, labelling, said))
    timed("histograms after that", look)
    say(f"{count:,} vectors of {dim} dimensions")
    table(("", "ms"), rows)


if __name__ == "__main__":
    main()
