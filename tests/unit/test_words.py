"""Full text over captions and paths."""

from __future__ import annotations

from pathlib import Path

import lance
import pyarrow as pa
import pytest

from rayograph.catalog import DatasetWriter
from rayograph.catalog.words import find_words, telling

ROWS = [
    ("a", "a red circle on a blue background", None, "0001.jpg", "demo"),
    ("b", "two red circles and a green square", None, "0002.jpg", "demo"),
    ("c", "a blue circle", None, "red_circle-3.PNG", "demo/shapes"),
    ("d", None, None, "Straße im Schnee.jpg", "Ferien 2024/Winter"),
    ("e", None, "ponies by the lake", "x.jpg", ""),
]
NAMES = ("id", "caption", "described", "file_name", "folder")


@pytest.fixture
def table(tmp_path: Path) -> lance.LanceDataset:
    columns = dict(zip(NAMES, zip(*ROWS, strict=True), strict=True))
    lance.write_dataset(pa.table(columns), str(tmp_path / "t.lance"))
    DatasetWriter(str(tmp_path / "t.lance")).index_words()
    return lance.dataset(str(tmp_path / "t.lance"))


def found(table: lance.LanceDataset, text: str, **more: object) -> list[str]:
    rows = find_words(table, text, k=10, **more)  # type: ignore[arg-type]
    return table.take([each.address for each in rows], columns=["id"])["id"].to_pylist()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a red circle", {"a", "b", "c"}),
        ("red CIRCLES", {"a", "b", "c"}),
        ("green square", {"b"}),
        ("straße schnee", {"d"}),
        ("ferien", {"d"}),
        ("pony", {"e"}),
        ("a red horse", set()),
        ("the of a", set()),
        ('"; drop table', set()),
    ],
)
def test_every_telling_word_must_be_there(
    table: lance.LanceDataset, text: str, expected: set[str]
) -> None:
    assert set(found(table, text)) == expected


def test_words_side_by_side_come_first_then_shorter_texts(table: lance.LanceDataset) -> None:
    assert found(table, "red circle") == ["c", "a", "b"]
    assert found(table, "blue circle") == ["c", "a"]
    assert [each.closeness for each in find_words(table, "blue circles", k=5)] == [2, 0]


def test_a_filter_leaves_only_what_it_picks(table: lance.LanceDataset) -> None:
    assert found(table, "circle", sql="folder = 'demo'") == ["a", "b"]
    assert len(find_words(table, "circle", k=1)) == 1


def test_without_an_index_nothing_is_found(table: lance.LanceDataset) -> None:
    for index in table.describe_indices():
        table.drop_index(index.name)
    assert find_words(lance.dataset(table.uri), "circle", k=5) == []


def test_rows_that_came_after_the_index_are_found(table: lance.LanceDataset) -> None:
    late = {
        "id": ["f"],
        "caption": ["A Zebra"],
        "described": ["it"],
        "file_name": ["f.jpg"],
        "folder": [""],
    }
    grown = lance.write_dataset(pa.table(late), table.uri, mode="append")
    (zebra,) = find_words(grown, "zebras", k=5)
    assert zebra.address == 1 << 32


def test_common_words_say_nothing() -> None:
    assert telling("A photo of the Sea, at night!") == ["photo", "sea", "night"]
