"""One ranking of two."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rayograph.catalog.words import Worded
from rayograph_serve.ranking import POOL, Ranked, fuse, rank_worth, word_ranks


def meant(*rows: int) -> list[Ranked]:
    return [Ranked(row, 1 - n / 1000, 1 - n / 1000) for n, row in enumerate(rows)]


def worded(ranks: dict[int, int]) -> list[Ranked]:
    return [Ranked(row, rank_worth(rank), None, rank) for row, rank in ranks.items()]


def order(found: list[Ranked]) -> list[int]:
    return [each.row for each in found]


def test_first_in_both_is_one_and_first_in_one_is_half() -> None:
    assert fuse(meant(1), worded({1: 1}))[0].score == 1.0
    assert [each.score for each in fuse(meant(1), worded({2: 1}))] == [0.5, 0.5]


def test_what_both_found_comes_before_what_one_did() -> None:
    assert order(fuse(meant(1, 2, 3), worded({3: 2, 4: 1}))) == [3, 1, 4, 2]


def test_equal_words_are_told_apart_by_meaning() -> None:
    near = [
        Ranked(1, 0.5, 0.1, 1),
        Ranked(2, 0.5, 0.9, 1),
        Ranked(3, 0.5, None, 1),
    ]
    assert order(fuse([], near)) == [2, 1, 3]


def test_equal_scores_share_a_rank() -> None:
    found = [Worded(5, 3, 4.0), Worded(6, 3, 4.0), Worded(7, 1, 9.0)]
    assert word_ranks(found) == {5: 1, 6: 1, 7: 3}
    assert word_ranks([]) == {}


@given(
    st.lists(st.integers(0, 600), unique=True, min_size=1, max_size=400),
    st.lists(st.integers(0, 600), unique=True, max_size=POOL),
    st.integers(1, 400),
)
def test_a_longer_list_never_changes_what_came_before(
    near: list[int], said: list[int], cut: int
) -> None:
    """A further page asks for more by meaning, at least as many as the pool."""
    cut = max(cut, POOL)
    words = worded({row: at for at, row in enumerate(said, 1)})
    everything = meant(*near)
    whole, part = order(fuse(everything, words)), order(fuse(everything[:cut], words))
    assert len(set(whole)) == len(whole)
    assert set(whole) == {*near, *said}
    # All that is sure to come before what the cut left out stays where it is.
    sure = rank_worth(cut + 1)
    firm = [key for key, each in zip(part, fuse(everything[:cut], words), strict=True)
            if each.score > sure]  # fmt: skip
    assert whole[: len(firm)] == firm
