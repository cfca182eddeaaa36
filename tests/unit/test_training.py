"""What training says about pictures; the product imports none of it."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks import scenes
from rayograph.demo import FAMILIES, draw
from training.captions import corrupt, identity, reword, statements
from training.held_out import COMBINATIONS, is_held_out
from training.pool import SHARES


@pytest.mark.parametrize("family", FAMILIES)
def test_every_caption_is_taken_apart(family: str) -> None:
    whole = {"wood grain", "overlapping colourful discs"}
    for seed in range(60):
        _, caption, _ = draw(np.random.default_rng([2, seed]), family, size=16)
        found = statements(caption)
        assert len(found) > 1 or caption in whole or family == "landscapes", caption
        assert len({identity(statement) for statement in found}) == len(found)
        for statement in found:
            assert all("{" not in text and "  " not in text for text in statement)


def test_a_text_never_means_two_things() -> None:
    meanings: dict[str, str] = {}
    for family in FAMILIES:
        for seed in range(150):
            _, caption, _ = draw(np.random.default_rng([3, seed]), family, size=16)
            for statement in statements(caption):
                for text in statement:
                    assert meanings.setdefault(text, identity(statement)) == identity(statement)


def test_who_is_where_can_be_said_from_both_sides() -> None:
    one = statements("a red circle to the left of a blue square on a white background")
    other = statements("a blue square to the right of a red circle on a white background")
    assert {identity(s) for s in one} == {identity(s) for s in other}
    third = statements("a blue square to the left of a red circle on a white background")
    assert identity(one[0]) != identity(third[0])
    assert ("a red circle",) in third


def test_a_corrupted_text_differs_and_a_reworded_one_stays_readable() -> None:
    rng = np.random.default_rng(0)
    text = "two red circles on a blue background"
    wrong = {corrupt(text, rng) for _ in range(60)}
    assert text not in wrong
    assert "two blue circles on a red background" in wrong
    assert corrupt("wood grain", rng) == ""
    assert len({reword(text, rng) for _ in range(60)}) > 10


def test_what_is_held_out_can_be_asked_for() -> None:
    assert is_held_out("a purple star above a red circle on a white background")
    assert not is_held_out("a purple circle above a red star on a white background")
    unseen = [query for query in scenes.QUERIES if query.unseen]
    assert len(scenes.QUERIES) >= 60
    assert len(unseen) >= 20
    assert len(COMBINATIONS) >= 20
    assert set(SHARES) == set(FAMILIES)


@pytest.mark.parametrize("asked", ["two red circles on blue", "a purple star below a white circle",
                                   "a blue circle inside a yellow square", "zigzags"])  # fmt: skip
def test_right_answers_and_near_misses(asked: str) -> None:
    query = next(query for query in scenes.QUERIES if query.asked == asked)
    assert all(scenes.is_right(query, scene.caption) for scene in scenes.answers(query, 2))
    assert not any(scenes.is_right(query, scene.caption) for scene in scenes.near_misses(query, 2))
