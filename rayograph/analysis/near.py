"""Near duplicates: perceptual hashes of 64 bits that differ in a few bits only.

The hash is the pHash: the signs of the lowest frequencies of a 32 x 32 px grey picture. It keeps
through scaling, compression, a watermark and small changes of colour; not through a crop or a turn.
"""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
import numpy.typing as npt

from rayograph.analysis.groups import Groups, Ints, Pairs, Tell, nothing, stars, unique_pairs

Hashes = npt.NDArray[np.uint64]
BITS = 64
MAX_DISTANCE = 10
GREY_SIDE = 32
_LOW = 8
# Rows of one bucket that are compared with each other one by one; in a larger one, each with so
# many that come after it in order.
_WINDOW = 64
_ROWS_AT_ONCE = 4_000_000


def perceptual(grey: npt.NDArray[np.uint8]) -> Hashes:
    """``uint8 [n, 32, 32]`` -> hashes ``uint64 [n]``.

    The signs are taken against the median of the frequencies but the lowest, which is the mean
    brightness. A picture of one colour has no frequencies, and hash 0.
    """
    basis = np.cos(np.pi * (np.arange(GREY_SIDE) + 0.5) * np.arange(_LOW)[:, None] / GREY_SIDE)
    pixels = grey.astype(np.float32)
    low = np.einsum("ux,nxy,vy->nuv", basis, pixels, basis, optimize=True).reshape(-1, BITS)
    # Rounding leaves dust where a flat picture has nothing.
    low[np.abs(low) < 1e-2] = 0
    signs = low > np.median(low[:, 1:], axis=1, keepdims=True)
    signs[:, 0] = False
    return np.packbits(signs, axis=1).view(">u8").reshape(-1).astype(np.uint64)


def pairs(hashes: Hashes, most: int, tell: Tell = nothing) -> Pairs:
    """Pairs of different hashes at most ``most`` bits apart; the hashes are distinct.

    Cut into m pieces, two hashes that differ in d bits agree in m - d pieces at least. For each
    choice of that many pieces the hashes are sorted by them, and only those that agree in all are
    compared: a few thousand comparisons a hash instead of a million.
    """
    count = len(hashes)
    if count < 2 or most < 1:
        return Pairs.none()
    pieces, agree = _plan(count, most)
    edges = np.linspace(0, BITS, pieces + 1).astype(np.int64)
    found: list[tuple[Ints, Ints, npt.NDArray[np.float32]]] = []
    for step, chosen in enumerate(combinations(range(pieces), agree)):
        tell(step, comb(pieces, agree))
        mask = np.uint64(
            sum(((1 << int(edges[i + 1] - edges[i])) - 1) << int(edges[i]) for i in chosen)
        )
        found += _agreeing(hashes, mask, most)
        if len(found) > 200:
            found = [_merged(found)]
    return Pairs(*_merged(found)) if found else Pairs.none()


def groups(hashes: Hashes, known: npt.NDArray[np.bool_], most: int, tell: Tell = nothing) -> Groups:
    """Rows with equal or near hashes.

    A hash of 0 (a picture of one colour) says nothing and makes no group.
    """
    rows = np.flatnonzero(known & (hashes != 0))
    distinct, first, which = np.unique(hashes[rows], return_index=True, return_inverse=True)
    near = pairs(distinct, most, tell)
    # Each row is at distance 0 from the first with its hash, and that one from its neighbours.
    copies = np.flatnonzero(first[which] != np.arange(len(rows)))
    a = np.r_[first[near.a], first[which[copies]]]
    b = np.r_[first[near.b], copies]
    distance = np.r_[near.distance, np.zeros(len(copies), np.float32)]
    linked = stars(len(rows), _with_copies(Pairs(a, b, distance), near, first, which, copies))
    return Groups(rows[linked.rows], linked.group, linked.distance)


def _with_copies(linked: Pairs, near: Pairs, first: Ints, which: Ints, copies: Ints) -> Pairs:
    """Copies of a hash are as near to its neighbours as the first with it is."""
    if not len(copies) or not len(near.a):
        return linked
    order = np.argsort(which[copies], kind="stable")
    of, members = which[copies][order], copies[order]
    starts = np.searchsorted(of, np.arange(len(first)))
    ends = np.searchsorted(of, np.arange(len(first)), side="right")
    a, b, distance = [linked.a], [linked.b], [linked.distance]
    for here, there in ((near.a, near.b), (near.b, near.a)):
        spans = ends[there] - starts[there]
        edge = np.repeat(np.arange(len(here)), spans)
        offset = np.arange(len(edge)) - np.repeat(np.cumsum(spans) - spans, spans)
        a.append(first[here[edge]])
        b.append(members[starts[there[edge]] + offset])
        distance.append(near.distance[edge])
    return Pairs(np.concatenate(a), np.concatenate(b), np.concatenate(distance))


def _plan(count: int, most: int) -> tuple[int, int]:
    """(pieces, pieces that must agree) for the least work."""
    best, least = (most + 1, 1), float("inf")
    for agree in range(1, 6):
        pieces = most + agree
        if pieces > 32:
            break
        bits = BITS * agree / pieces
        # A sort costs about as much as eight comparisons a row.
        work = comb(pieces, agree) * count * (8 + count / 2 ** (bits + 1))
        if work < least:
            best, least = (pieces, agree), work
    return best


def _agreeing(
    hashes: Hashes, mask: np.uint64, most: int
) -> list[tuple[Ints, Ints, npt.NDArray[np.float32]]]:
    key = hashes & mask
    order = np.argsort(key)
    key = key[order]
    ordered = hashes[order]
    found = []
    for step in range(1, _WINDOW + 1):
        same = np.flatnonzero(key[step:] == key[:-step])
        if not len(same):
            break
        for start in range(0, len(same), _ROWS_AT_ONCE):
            at = same[start : start + _ROWS_AT_ONCE]
            apart = np.bitwise_count(ordered[at] ^ ordered[at + step])
            near = apart <= most
            if near.any():
                at = at[near]
                far = apart[near].astype(np.float32)
                found.append((order[at], order[at + step], far))
    return found


def _merged(
    found: list[tuple[Ints, Ints, npt.NDArray[np.float32]]],
) -> tuple[Ints, Ints, npt.NDArray[np.float32]]:
    a, b, distance = (np.concatenate(part) for part in zip(*found, strict=True))
    return tuple(unique_pairs(a, b, distance))  # type: ignore[return-value]
