"""Batches: pictures, texts, and which text is true of which picture."""

from __future__ import annotations

import itertools
import queue
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from training.augment import compress
from training.captions import Statement, corrupt, identity, reword, statements
from training.colours import NAMES
from training.colours import statement as colour
from training.held_out import is_held_out
from training.pool import SHARES, Pool

NOTHING = -1
UNFLIPPABLE = tuple(list(SHARES).index(name) for name in ("gradients", "text", "charts"))
JPEG_SHARE = 0.2
# How often half of a batch is of this family: the more its pictures differ in one word only.
ALIKE = {
    "shapes": 0.5,
    "landscapes": 0.05,
    "patterns": 0.18,
    "gradients": 0.03,
    "charts": 0.07,
    "drawings": 0.1,
    "fractals": 0.03,
    "text": 0.01,
    "collages": 0.03,
}
WHOLE_SHARE = 0.25


@dataclass(frozen=True, slots=True)
class Batch:
    """Text i is true of picture j when ``text_ids[i]`` is among ``picture_ids[j]``.

    The first half of the pictures is drawn from all families; ``rows`` are their places in the
    pool.
    """

    pixels: npt.NDArray[np.uint8]
    texts: list[str]
    text_ids: npt.NDArray[np.int64]
    picture_ids: npt.NDArray[np.int64]
    rows: npt.NDArray[np.int64]
    flippable: npt.NDArray[np.bool_]


class Truths:
    """Every picture's statements, and their ids for fast comparison."""

    def __init__(self, captions: list[str], colours: npt.NDArray[np.bool_]) -> None:
        ids: dict[str, int] = {}
        self.of_text: dict[str, int] = {}
        self.texts: list[str] = []
        known = {caption: statements(caption) for caption in dict.fromkeys(captions)}
        said = [colour(name) for name in NAMES]
        for statement in itertools.chain(said, *known.values()):
            number = ids.setdefault(identity(statement), len(ids))
            if number == len(self.texts):
                self.texts.append(statement[0])
            for form in statement:
                self.of_text.setdefault(form, number)
        self.statements: list[list[Statement]] = [
            known[caption] + [said[n] for n in np.flatnonzero(mostly | _named(caption))]
            for caption, mostly in zip(captions, colours, strict=True)
        ]
        widest = max(map(len, self.statements))
        self.ids = np.full((len(captions), widest), NOTHING - 1, np.int64)
        for row, found in enumerate(self.statements):
            self.ids[row, : len(found)] = [ids[identity(statement)] for statement in found]


def _named(caption: str) -> npt.NDArray[np.bool_]:
    """The colours a caption names."""
    words = set(re.findall(r"\w+", caption))
    return np.array([name in words for name in NAMES])


def make_batch(
    pool: Pool, truths: Truths, rows: npt.NDArray[np.int64], rng: np.random.Generator
) -> Batch:
    """Pictures with the texts of ``texts_of``."""
    texts, ids = texts_of(truths, rows, rng)
    pixels = compress(pool.pixels[rows], JPEG_SHARE, rng)
    return Batch(pixels, texts, ids, truths.ids[rows], rows, flippable(pool, rows))


def texts_of(
    truths: Truths,
    rows: npt.NDArray[np.int64],
    rng: np.random.Generator,
    places: Sequence[int] = (),
) -> tuple[list[str], npt.NDArray[np.int64]]:
    """One text for each of the pictures, then texts that are nearly right for half of them; and
    what each says. ``places``: which of their statements the first pictures are to make."""
    texts, ids = [], []
    for row, wanted in itertools.zip_longest(rows.tolist(), places):
        found = truths.statements[row]
        if wanted is not None:
            at = wanted
        else:
            at = 0 if rng.random() < WHOLE_SHARE else int(rng.integers(len(found)))
        form = found[at][int(rng.integers(len(found[at])))]
        texts.append(form)
        ids.append(truths.ids[row, at])
    for text in texts[: len(texts) // 2]:
        wrong = corrupt(text, rng)
        # A text that no picture of the pool fits is wrong for all of them.
        if wrong and not is_held_out(wrong):
            texts.append(wrong)
            ids.append(truths.of_text.get(wrong, NOTHING))
    return [reword(text, rng) for text in texts], np.array(ids)


def flippable(pool: Pool, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    """Of which pictures all that is said stays true when they are flipped."""
    return np.array(
        [
            pool.families[row] not in UNFLIPPABLE
            and " left " not in pool.captions[row]
            and " right " not in pool.captions[row]
            for row in rows
        ]
    )


def batches(
    pool: Pool, truths: Truths, *, size: int, steps: range, seed: int, kept: int
) -> Iterator[Batch]:
    """The batch of each step, made ahead in a thread; the same for a step whenever it is made.

    Half of a batch is of one family: pictures that differ in one word only teach the most. The
    last ``kept`` pictures of the pool are for validation.
    """
    ahead: queue.Queue[Batch | BaseException] = queue.Queue(maxsize=4)
    stop = threading.Event()
    usable = len(pool.captions) - kept
    families = [np.flatnonzero(pool.families[:usable] == n) for n in range(len(SHARES))]
    weights = np.array([ALIKE[name] for name in SHARES])

    def work() -> None:
        try:
            for step in steps:
                rng = np.random.default_rng([seed, step])
                alike = families[int(rng.choice(len(families), p=weights))]
                half = size // 2
                rows = np.concatenate(
                    [rng.integers(0, usable, size - half), rng.choice(alike, half)]
                )
                batch = make_batch(pool, truths, rows, rng)
                while not stop.is_set():
                    try:
                        ahead.put(batch, timeout=1)
                        break
                    except queue.Full:
                        continue
                if stop.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 (raised again where the batch is awaited)
            ahead.put(error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        for _ in steps:
            batch = ahead.get()
            if isinstance(batch, BaseException):
                raise batch
            yield batch
    finally:
        stop.set()
        thread.join()
