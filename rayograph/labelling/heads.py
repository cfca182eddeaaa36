"""From vectors to scores: one linear map a labelling, whether words or corrections made it.

Scores are shares (0 to 1) relative to a dataset's own cut-off: a picture that is as like a text as
only few unrelated pictures are has even odds (docs/decisions/0027).
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Floats = npt.NDArray[np.float32]
Said = npt.NDArray[np.int8]
# The odds of an unrelated picture's median are e to the minus this.
_STEEPNESS = 4.0
_SHARE = 0.975
NONE = -1


class Scale(NamedTuple):
    """What a similarity means in a dataset: where odds are even, and how fast they change."""

    cutoff: float
    slope: float


class Scores(NamedTuple):
    """``float32 [n, classes]``, the best class of each row (or ``NONE``), and how sure it is."""

    values: Floats
    best: npt.NDArray[np.int16]
    certainty: Floats


@dataclass(frozen=True)
class Head:
    """Logits are ``vectors @ weights.T + bias``; that of "none of them" is 0."""

    weights: Floats
    bias: Floats
    several: bool

    @property
    def mark(self) -> str:
        """The same for the same scores."""
        held = self.weights.tobytes() + self.bias.tobytes() + bytes([self.several])
        return blake2b(held, digest_size=8).hexdigest()

    def scores(self, vectors: npt.NDArray[np.floating], said: Said | None = None) -> Scores:
        """Scores of vectors of length 1.

        Args:
            said: what people said of each row and class: 1 yes, -1 no, 0 nothing.
        """
        logits = vectors.astype(np.float32) @ self.weights.T + self.bias
        return several(logits, said) if self.several else one(logits, said)


def to_table(head: Head, keys: list[str]) -> pa.Table:
    """A head as a result's rows: one a class."""
    weights = pa.array(head.weights.tolist(), pa.list_(pa.float32()))
    bias = pa.array(head.bias.tolist(), pa.float32())
    return pa.table({"class": pa.array(keys, pa.string()), "weights": weights, "bias": bias})


def from_table(table: pa.Table, *, several: bool) -> Head:
    """The inverse of ``to_table``."""
    flat = table["weights"].combine_chunks().flatten().to_numpy(zero_copy_only=False)
    weights = flat.reshape(table.num_rows, -1).astype(np.float32)
    return Head(weights, table["bias"].to_numpy().astype(np.float32), several)


def by_words(texts: Floats, scale: Scale, *, several: bool) -> Head:
    """The head that words alone make: ``texts`` is a vector of length 1 for each class."""
    bias = np.full(len(texts), -scale.slope * scale.cutoff, np.float32)
    return Head(np.float32(scale.slope) * texts, bias, several)


def scale_of(texts: Floats, pictures: Floats) -> Scale:
    """From vectors of length 1: texts about anything, and a sample of a dataset's pictures."""
    between = texts @ pictures.T
    cutoff, middle = float(np.quantile(between, _SHARE)), float(np.median(between))
    return Scale(cutoff, _STEEPNESS / max(cutoff - middle, 1e-3))


def mean_text(vectors: Floats) -> Floats:
    """What several prompts mean together, length 1."""
    middle = vectors.astype(np.float32).mean(axis=0)
    scaled: Floats = middle / max(float(np.linalg.norm(middle)), 1e-12)
    return scaled


def one(logits: Floats, said: Said | None = None) -> Scores:
    """Shares of the classes and of none of them; together they are 1."""
    with_none = np.hstack([logits, np.zeros((len(logits), 1), np.float32)])
    with_none -= with_none.max(axis=1, keepdims=True)
    shares = np.exp(with_none)
    shares /= shares.sum(axis=1, keepdims=True)
    if said is not None:
        shares[:, :-1][said < 0] = 0
        right = (said > 0).any(axis=1)
        shares[right] = 0
        shares[:, :-1][said > 0] = 1
    best = shares.argmax(axis=1)
    top = np.partition(shares, -2, axis=1)[:, -2:]
    sure = top[:, 1] - top[:, 0]
    if said is not None:
        sure[(said != 0).any(axis=1)] = 1
    found = np.where(best == logits.shape[1], NONE, best).astype(np.int16)
    return Scores(shares[:, :-1].astype(np.float32), found, sure.astype(np.float32))


def several(logits: Floats, said: Said | None = None) -> Scores:
    """Each class's odds by itself."""
    shares = (0.5 * (1 + np.tanh(0.5 * logits))).astype(np.float32)
    if said is not None:
        shares[said > 0], shares[said < 0] = 1, 0
    sure = 2 * np.abs(shares - 0.5).min(axis=1)
    if said is not None:
        sure[(said != 0).any(axis=1)] = 1
    best = np.where(shares.max(axis=1) > 0.5, shares.argmax(axis=1), NONE)
    return Scores(shares, best.astype(np.int16), sure.astype(np.float32))


def assigned(
    values: Floats, best: npt.NDArray[np.int16], at: int, threshold: float, *, of_several: bool
) -> npt.NDArray[np.bool_]:
    """Whether each row gets a class; the same as what a filter says of it."""
    enough: npt.NDArray[np.bool_] = values.astype(np.float64) >= threshold
    return enough if of_several else enough & (best == at)
