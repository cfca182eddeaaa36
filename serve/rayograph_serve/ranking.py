"""Two rankings as one: by what pictures show, and by the words that stand by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rayograph.catalog.words import Worded

# Reciprocal rank fusion's usual constant: how slowly a rank loses its worth.
_SLOW = 60
# Only so far does a rank by meaning count for a picture that was found by its words, so that no
# further page ever changes one that is on the screen.
POOL = 200


@dataclass(frozen=True, slots=True)
class Ranked:
    """One found row, by its address. ``similarity`` is None while it has no vector."""

    row: int
    score: float
    similarity: float | None
    word_rank: int | None = None


def word_ranks(found: Sequence[Worded]) -> dict[int, int]:
    """Row -> rank from 1, best first; those that score the same share a rank."""
    ranks: dict[int, int] = {}
    rank, before = 0, None
    for at, (row, closeness, score) in enumerate(found, 1):
        mark = (closeness, round(score, 4))
        if mark != before:
            rank, before = at, mark
        ranks[row] = rank
    return ranks


def fuse(meaning: Sequence[Ranked], worded: Sequence[Ranked]) -> list[Ranked]:
    """One list by reciprocal rank fusion: 1.0 for who is first in both, 0.5 for first in one."""
    by_row = {each.row: each for each in worded}
    places = {each.row: at for at, each in enumerate(meaning[:POOL], 1)}
    joined = [
        Ranked(each.row, rank_worth(each.word_rank) + rank_worth(places.get(key)), each.similarity,
               each.word_rank)
        for key, each in by_row.items()
    ]  # fmt: skip
    joined += [
        Ranked(each.row, rank_worth(at), each.similarity)
        for at, each in enumerate(meaning, 1)
        if each.row not in by_row
    ]
    # Found by the same rank of words, the nearer comes first.
    return sorted(joined, key=lambda each: (-each.score, -(each.similarity or -1.0)))


def rank_worth(rank: int | None) -> float:
    """What a rank in one of the two lists is worth; twice that for the first in both is 1."""
    return 0.0 if rank is None else 0.5 * (_SLOW + 1) / (_SLOW + rank)
