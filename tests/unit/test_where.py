"""The ``where`` language: what it means, that it prints as it reads, and how it fails."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from wheres import LETTERS, wheres

from rayograph.errors import InvalidFilter
from rayograph.where import FIELDS, MAX_LENGTH, Node, Scope, full_text, matches, parse, to_sql
from rayograph.where.fields import FAULTS, find

TOKENS = [
    *"()<>=:,.\"'*\\ \0é",
    *("and", " or ", " not ", "width", "name", " in ", " is missing", "12", "2024-05", ".."),
    *("mb", "status", "taken"),
]
RECORD: dict[str, Any] = {
    "id": "ab-01",
    "uri": "file:///p/2024/trip/IMG_0042.JPG",
    "file_name": "IMG_0042.JPG",
    "folder": "2024/trip",
    "size": 2_500_000,
    "mtime": 1_714_730_400.0,  # 2024-05-03 10:00 UTC
    "caption": "A Red circle, on blue.",
    "width": 1920,
    "height": 1080,
    "format": "JPEG",
    "mode": "RGB",
    "orientation": 1,
    "taken_at": "2024-05-03T12:00:00+02:00",
    "status": "ready",
    "error_code": None,
    "error": None,
    "content_hash": None,
    "labels": ["traffic light", "Car"],
    "objects": 3,
    "described": "Cars wait.",
    "extra": {"split": "train", "n": 1},
}


@pytest.mark.parametrize(
    "where",
    [
        "width>=1920",
        "width:800..2000 and height:..1080",
        "w = 1920 AND NOT h < 1080",
        "width>1000 height>1000",
        "format=jpeg or format=png",
        "type in (png, Jpeg)",
        "(width<5 or width>5) and not (height=1)",
        'name:"img_*"',
        "name:0042",
        "label:Car and class:'traffic light' and objects>=3",
        "label:* and not label:dog and labels in (Car, dog)",
        'described:CARS and extra:\'"split":"train"\' and extra:*',
        "name:*.jpg",
        "name:img?0042.jp?",
        "name=IMG_0042.JPG",
        "name>IMG",
        "folder:2024",
        "folder:/2024/trip/",
        'folder:""',
        "folder:2024/*",
        "folder=2024/trip",
        "size>2mb and size<2.5MiB and size>=2500kB",
        "taken=2024-05-03",
        "taken>2024-04 and taken<2025 and taken>=2024-05-03T12",
        "taken:2024-05..2024-05",
        'taken:"2024-05-03 12:00".."2024-05"',
        "modified=2024-05-03T10 and modified<=2024 and modified:2024-05..",
        "caption:red and caption:'CIRCLE red'",
        "caption:*blue.",
        "aspect=16:9 and aspect:1.5..2",
        "megapixels>2 mp<2.1",
        "status:ready",
        "not failed:*",
        "not failed:truncated",
        "failed is missing",
        "hash is missing and caption is not missing",
        "width is not null",
        "mode = 'RGB'",
        "uri:file:///p/*",
        "width not in (1, 2)",
    ],
)
def test_conditions_that_hold(where: str) -> None:
    assert matches(parse(where), RECORD), where


@pytest.mark.parametrize(
    "where",
    [
        "width>1920",
        "name=img_0042.jpg",
        "name:0042*",
        "folder:2024/tri",
        "folder:trip",
        "folder=2024",
        "taken<2024-05",
        "taken>2024-05",
        "caption:reds",
        "label:car",
        "not label:*",
        "objects<3 or described:car or extra:*val*",
        "caption:'red square'",
        "failed:truncated",
        "width in (1, 2)",
        "size>2.5mb",
    ],
)
def test_conditions_that_do_not_hold(where: str) -> None:
    assert not matches(parse(where), RECORD), where
    assert matches(parse(f"not ({where})"), RECORD), where


@pytest.mark.parametrize("where", ["hash=a", "hash!=a", "hash:a", "hash in (a, b)", "hash<a"])
def test_what_is_not_known_is_neither(where: str) -> None:
    assert not matches(parse(where), RECORD)
    assert not matches(parse(f"not {where}"), RECORD)
    assert matches(parse(f"{where} or width=1920"), RECORD)
    assert matches(parse(f"not ({where} and width=1)"), RECORD)


@settings(max_examples=100, deadline=None)
@given(wheres())
def test_a_filter_reads_as_it_prints(node: Node) -> None:
    assert parse(str(node)) == node


@settings(max_examples=200, deadline=None)
@given(
    st.text(max_size=40)
    | st.lists(
        st.sampled_from(TOKENS),
        max_size=14,
    ).map("".join)
)
def test_whatever_is_typed_is_a_tree_or_a_plain_error(text: str) -> None:
    try:
        node = parse(text)
    except InvalidFilter as error:
        assert 0 <= error.position <= len(text)
        assert error.message
    else:
        assert parse(str(node)) == node
        to_sql(node, Scope({field.name: field.name for field in FIELDS}))


@pytest.mark.parametrize(
    ("where", "position", "message", "hint"),
    [
        ("", 0, "empty", "width>=1024"),
        ("widht>3", 0, "no field 'widht'", "did you mean width?"),
        ("width>3 and qqqq=1", 12, "no field 'qqqq'", "there are file_name"),
        ("width 3", 6, "operator is missing after width", "width>=1024"),
        ("width>", 6, "value is missing", ""),
        ("width>big", 6, "'big' is not a number", "width>=1024"),
        ("width:5..x", 9, "'x' is not a number", ""),
        ("width:9..3", 6, "ends before it begins", ""),
        ("width:..", 6, "without ends", ""),
        ("size>3zb", 5, "no unit of size", "size>2mb"),
        ("taken>2024-13", 6, "there is no 2024-13", "taken_at>2024-05"),
        ("taken>9999", 6, "there is no 9999", ""),
        ("taken>May", 6, "not a date", ""),
        ("status:redy", 7, "never 'redy'", "did you mean ready?"),
        ("status:q", 7, "never 'q'", "one of embedding"),
        ("format>3", 6, "no order", "format=jpeg"),
        ('name:"IMG', 5, "never closed", ""),
        ("name:", 5, "value is missing", ""),
        ('name:""', 5, "nothing between", ""),
        ("caption:...", 8, "no word", ""),
        ("(width>3", 0, "never closed", ""),
        ("width>3)", 7, "does not belong", ""),
        ("width>3 && height>3", 8, "does not belong", "and"),
        ("width>3 or", 10, "field is missing", ""),
        ("width is big", 9, "`is` goes with", "width is missing"),
        ("width in 3", 9, "list is missing", "width in (a, b)"),
        ("width in (3", 11, "goes on with", ""),
        ("aspect:1/0", 7, "over 0", ""),
        ("width>1e999", 6, "too large", ""),
        ("name=\0", 5, "cannot be in a filter", ""),
        ("name=\ud800", 5, "cannot be in a filter", ""),
        ("(" * 99, 40, "inside each other", ""),
        ("x" * 5000, MAX_LENGTH, "at most 2000", ""),
    ],
)
def test_errors_point_and_help(where: str, position: int, message: str, hint: str) -> None:
    with pytest.raises(InvalidFilter) as caught:
        parse(where)
    assert caught.value.position == position
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


@given(st.text(LETTERS, min_size=1, max_size=30))
def test_texts_stay_inside_their_quotes(text: str) -> None:
    for name in ("file_name", "caption", "folder"):
        for node in (find_equal(name, text), find_pattern(name, text)):
            sql = to_sql(node, Scope({name: name}))
            outside = re.sub(r"'(?:[^']|'')*'", "", sql)
            assert re.fullmatch(r"[a-z_0-9(), =<>]*", outside), sql


def find_equal(name: str, text: str) -> Node:
    from rayograph.where.syntax import Compare

    return Compare(name, "=", text)


def find_pattern(name: str, text: str) -> Node:
    from rayograph.where.syntax import Match

    return Match(name, text)


@pytest.mark.parametrize(
    "where",
    [
        'name="x\' or 1=1 --"',
        'name:"\'; drop table images; --"',
        "id in (\"a')\", \"') or ('1'='1\")",
        "folder:\"' or true or '\"",
        "caption:\"a') or contains_tokens(uri, 'b\"",
    ],
)
def test_injections_are_only_texts(where: str) -> None:
    assert not matches(parse(where), RECORD)
    sql = to_sql(parse(where), Scope({name: name for name in RECORD}))
    assert re.fullmatch(r"[a-z_0-9(), =<>]*", re.sub(r"'(?:[^']|'')*'", "", sql)), sql


def test_a_field_without_its_column_is_unknown() -> None:
    assert to_sql(parse("hash=a"), Scope({})) == "false"
    assert to_sql(parse("not hash=a"), Scope({})) == "false"
    assert to_sql(parse("hash is missing"), Scope({})) == "true"
    assert to_sql(parse("not failed:empty"), Scope({})) == "not (false)"
    assert to_sql(parse("aspect>1"), Scope({"width": "width"})) == "false"


def test_words_are_left_to_an_index_where_it_can_answer() -> None:
    caption = find("caption")
    assert full_text(parse("caption:'Red circle'")) == (caption, "red circle", None)
    rest = parse("width>5")
    assert full_text(parse("width>5 and caption:red")) == (caption, "red", rest)
    for where in ("not caption:red", "caption:red or width>5", "caption:re*", "width>5"):
        assert full_text(parse(where)) is None


def test_every_field_is_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "where.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)`[^|]*\| ([^|]+?) +\|", page, re.MULTILINE))
    assert rows == {field.name: field.kind for field in FIELDS}
    for field in FIELDS:
        (line,) = re.findall(rf"^\| `{field.name}`.*$", page, re.MULTILINE)
        assert field.about in line
        assert all(f"`{alias}`" in line for alias in field.aliases)


def test_names_are_found_however_they_are_written() -> None:
    names = [name for field in FIELDS for name in (field.name, *field.aliases)]
    assert len(names) == len(set(names))
    for field in FIELDS:
        assert find(field.name.upper()) == field


def test_the_faults_are_those_of_the_glossary() -> None:
    page = (Path(__file__).parents[2] / "docs" / "glossary.md").read_text()
    (line,) = (line for line in page.splitlines() if line.startswith("| **fault**"))
    assert set(re.findall(r"`(\w+)`", line)) == set(FAULTS)
