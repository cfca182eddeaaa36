"""Identifiers are deterministic, well formed and read back."""

from __future__ import annotations

import os

from hypothesis import given, settings
from hypothesis import strategies as st

from rayograph import ids


def test_ids_never_change_between_releases() -> None:
    dataset = ids.dataset_id("file:///pictures", "pictures")
    assert dataset == "9bjjo2545t"
    assert ids.image_id(dataset, "file:///pictures/a.jpg") == "9bjjo2545t-b384e9d4e6eb7055cbd9"


def test_source_and_name_both_matter() -> None:
    made = {ids.dataset_id(source, name) for source in ("a", "ab") for name in ("b", "bb", "")}
    assert len(made) == 6
    assert ids.dataset_id("a", "b") == ids.dataset_id("a", "b")


@settings(max_examples=30, deadline=None)
@given(st.text(), st.text(), st.text())
def test_the_dataset_of_an_image_is_read_off_its_id(source: str, name: str, uri: str) -> None:
    dataset = ids.dataset_id(source, name)
    assert ids.is_dataset_id(dataset)
    assert ids.dataset_of(ids.image_id(dataset, uri)) == dataset


def test_names_that_are_not_utf8_have_ids_too() -> None:
    odd = os.fsdecode(b"/odd\xff")
    assert ids.is_dataset_id(ids.dataset_id(odd, odd))
    assert ids.image_id("aaaaaaaaaa", odd) != ids.image_id("aaaaaaaaaa", "/odd")


def test_what_is_no_id_is_recognised() -> None:
    good = ids.image_id("aaaaaaaaaa", "x")
    for text in ("", "aaaaaaaaaa", good.upper(), good + "0", "../" + good, good + "\n"):
        assert ids.dataset_of(text) is None, text
    for text in ("", "AAAAAAAAAA", "aaaaaaaaa", "aaaaaaaaaa/", "aaaaaaaaaa\n"):
        assert not ids.is_dataset_id(text), text


def test_runs_are_told_apart() -> None:
    assert len({ids.run_id() for _ in range(100)}) == 100
