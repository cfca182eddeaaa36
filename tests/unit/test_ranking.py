"""One ranking of two."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rayograph.catalog.words import Worded
from rayograph_serve.ranking import POOL, Ranked, fuse, rank_worth, word_ranks


def meant(*ids: str) -> list[Ranked]:
    return [Ranked({"id": key}, 1 - n / 1000, 1 - n / 1000) for n, key in enumerate(ids)]


def worded(**ranks: int) -> list[Ranked]:
    return [Ranked({"id": key}, rank_worth(rank), None, rank) for key, rank in ranks.items()]


def order(found: list[Ranked]) -> list[str]:
    return [str(each.row["id"]) for each in found]


def test_first_in_both_is_one_and_first_in_one_is_half() -> None:
    assert fuse(meant("a"), worded(a=1))[0].score == 1.0
    assert [each.score for each in fuse(meant("a"), worded(b=1))] == [0.5, 0.5]


def test_what_both_found_comes_before_what_one_did() -> None:
    assert order(fuse(meant("a", "b", "c"), worded(c=2, d=1))) == ["c", "a", "d", "b"]


def test_equal_words_are_told_apart_by_meaning() -> None:
    near = [
        Ranked({"id": "far"}, 0.5, 0.1, 1),
        Ranked({"id": "near"}, 0.5, 0.9, 1),
        Ranked({"id": "unknown"}, 0.5, None, 1),
    ]
    assert order(fuse([], near)) == ["near", "far", "unknown"]


def test_equal_scores_share_a_rank() -> None:
    found = [Worded("a", 3, 4.0), Worded("b", 3, 4.0), Worded("c", 1, 9.0)]
    assert word_ranks(found) == {"a": 1, "b": 1, "c": 3}
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
    words = worded(**{str(key): at for at, key in enumerate(said, 1)})
    everything = meant(*map(str, near))
    whole, part = order(fuse(everything, words)), order(fuse(everything[:cut], words))
    assert len(set(whole)) == len(whole)
    assert set(whole) == set(map(str, [*near, *said]))
    # All that is sure to come before what the cut left out stays where it is.
    sure = rank_worth(cut + 1)
    firm = [key for key, each in zip(part, fuse(everything[:cut], words), strict=True)
            if each.score > sure]  # fmt: skip
    assert whole[: len(firm)] == firm
