"""A linear probe: the head that words made, moved as little as corrections ask for.

What it learns is a difference from the words, and differences cost: with few corrections it is
nearly the words' head, with many it is what they say (docs/decisions/0027).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rayograph.labelling.heads import Floats, Head, Said, assigned

MOST_EXAMPLES = 5_000
# How much a difference costs, the dearest first: of equals the first is taken.
COSTS = (30.0, 10.0, 3.0, 1.0, 0.3)
_FOLDS, _FEWEST = 5, 4
_STEPS, _LARGE = 200, 30_000_000
_PRIOR = 0.1
Doubles = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Examples:
    """Images and what is said of them: vectors of length 1 ``[n, dim]``, ``said [n, classes]``,
    and how much each counts."""

    vectors: Floats
    said: Said
    weight: Floats

    def __len__(self) -> int:
        return len(self.vectors)

    def take(self, rows: npt.NDArray[np.int64] | npt.NDArray[np.bool_]) -> Examples:
        return Examples(self.vectors[rows], self.said[rows], self.weight[rows])

    def beside(self, other: Examples) -> Examples:
        return Examples(
            np.concatenate([self.vectors, other.vectors]),
            np.concatenate([self.said, other.said]),
            np.concatenate([self.weight, other.weight]),
        )


@dataclass(frozen=True)
class Refined:
    """A probe; the shares of what was said that the words and the probe say too, each of examples
    it was not trained with; None: too few to tell."""

    head: Head
    words_right: float | None
    probe_right: float | None
    examples: int


def refined(
    words: Head,
    examples: Examples,
    prior: Examples,
    thresholds: list[float],
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Refined:
    """Train a probe.

    Args:
        prior: images the words are most certain of, as weak examples of what they say.
    """
    order = np.random.default_rng(0).permutation(len(examples))[:MOST_EXAMPLES]
    examples = examples.take(order)
    folds = min(_FOLDS, len(examples))
    total = (folds * len(COSTS) if len(examples) >= _FEWEST else 0) + 1
    if total == 1:
        head = fitted(words, examples.beside(prior), COSTS[1])
        tell(1, 1)
        return Refined(head, None, None, len(examples))
    loss, right = np.zeros(len(COSTS)), np.zeros(len(COSTS))
    for fold in range(folds):
        held = np.arange(len(examples)) % folds == fold
        train, test = examples.take(~held).beside(prior), examples.take(held)
        for at, cost in enumerate(COSTS):
            head = fitted(words, train, cost)
            loss[at] += _loss(head, test)
            right[at] += agreeing(head, test, thresholds)
            tell(fold * len(COSTS) + at + 1, total)
    best = int(loss.argmin())
    head = fitted(words, examples.beside(prior), COSTS[best])
    tell(total, total)
    claims = int((examples.said != 0).sum())
    words_right = agreeing(words, examples, thresholds)
    return Refined(head, words_right / claims, right[best] / claims, len(examples))


def fitted(words: Head, examples: Examples, cost: float) -> Head:
    """The head that fits the examples best for what its difference from the words costs."""
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits

    slope = float(np.linalg.norm(words.weights, axis=1).mean()) or 1.0
    vectors = np.hstack([examples.vectors, np.ones((len(examples), 1), np.float32)])
    vectors = vectors.astype(np.float64)
    base = np.column_stack([words.weights, words.bias]).astype(np.float64)
    weight = examples.weight.astype(np.float64)
    said, shape = examples.said, base.shape

    def value(flat: Doubles) -> tuple[float, Doubles]:
        moved = flat.reshape(shape)
        logits = vectors @ (base + slope * moved).T
        lost, by_logit = _SLOPES[words.several](logits, said)
        slopes = slope * (weight[:, None] * by_logit).T @ vectors + cost * moved
        worth = float((weight * lost).sum() + cost / 2 * (moved * moved).sum())
        return worth, slopes.ravel()

    start, options = np.zeros(base.size), {"maxiter": _STEPS}
    # Threads that share out products so small wait for each other, for many times as long.
    with threadpool_limits(1 if vectors.size * len(base) < _LARGE else None):
        found = minimize(value, start, jac=True, method="L-BFGS-B", options=options)
    both = base + slope * found.x.reshape(shape)
    return Head(both[:, :-1].astype(np.float32), both[:, -1].astype(np.float32), words.several)


def prior_of(words: Head, vectors: Floats, each: int = 30) -> Examples:
    """Of some images those that the words are most certain of, a few for each class and none."""
    values, best, certainty = words.scores(vectors)
    rows: list[npt.NDArray[np.int64]] = []
    for at in range(-1, values.shape[1]):
        mine = np.flatnonzero(best == at)
        rows.append(mine[np.argsort(-certainty[mine], kind="stable")[:each]])
    chosen = np.concatenate(rows)
    said = np.where(values[chosen] >= 0.5, 1, -1).astype(np.int8)
    return Examples(vectors[chosen], said, np.full(len(chosen), _PRIOR, np.float32))


def agreeing(head: Head, examples: Examples, thresholds: list[float]) -> int:
    """How much of what was said a head says too."""
    values, best, _ = head.scores(examples.vectors)
    got = np.column_stack(
        [
            assigned(values[:, at], best, at, least, of_several=head.several)
            for at, least in enumerate(thresholds)
        ]
    )
    told = examples.said != 0
    yes: npt.NDArray[np.bool_] = examples.said > 0
    return int(np.count_nonzero(np.logical_and(told, np.equal(got, yes))))


def _loss(head: Head, examples: Examples) -> float:
    logits = examples.vectors @ head.weights.T + head.bias
    lost, _ = _SLOPES[head.several](logits.astype(np.float64), examples.said)
    return float((examples.weight * lost).sum())


def _of_one(logits: Doubles, said: Said) -> tuple[Doubles, Doubles]:
    """Of classes that exclude each other: what is wrong of each row, and its slope by logit."""
    top = np.maximum(logits.max(axis=1, keepdims=True), 0)
    raised = np.exp(logits - top)
    whole = raised.sum(axis=1, keepdims=True) + np.exp(-top)
    shares = raised / whole
    yes = said > 0
    right = yes.any(axis=1)
    # A yes is about its class; without one, what is said is that all these are wrong.
    wrong = np.where(said < 0, shares, 0)
    left = np.maximum(1 - wrong.sum(axis=1), 1e-9)
    share = np.maximum(np.where(yes, shares, 0).sum(axis=1), 1e-9)
    lost = np.where(right, -np.log(share), -np.log(left))
    of_right = shares - yes
    of_wrong = (wrong - shares * wrong.sum(axis=1, keepdims=True)) / left[:, None]
    return lost, np.where(right.reshape(-1, 1), of_right, of_wrong)


def _of_several(logits: Doubles, said: Said) -> tuple[Doubles, Doubles]:
    """Of classes by themselves; what nothing is said of counts nothing."""
    signed = np.where(said != 0, said * logits, 0)
    lost = np.where(said != 0, np.logaddexp(0, -signed), 0).sum(axis=1)
    slopes = np.where(said != 0, -said * 0.5 * (1 - np.tanh(0.5 * signed)), 0)
    return lost, slopes


_SLOPES = {False: _of_one, True: _of_several}
