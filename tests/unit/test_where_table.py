"""What a ``where`` picks of a real table is what the reference picks, row for row."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import lance
import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from wheres import LETTERS, wheres

from rayograph.catalog import columns
from rayograph.catalog.columns import SPACES
from rayograph.catalog.counts import status_of
from rayograph.catalog.filters import FILTER_INDICES, Filter, index_name
from rayograph.catalog.reader import DatasetReader
from rayograph.catalog.words import WORD_COLUMNS
from rayograph.catalog.writer import DatasetWriter
from rayograph.metadata.arrow import DETAILS
from rayograph.quality import FLAWS
from rayograph.settings import IndexSettings
from rayograph.where import Node, fields_of, matches, parse

ROWS = 48
_GROUPS = (
    *(columns.LISTING, columns.METADATA, columns.CURATION, columns.ANNOTATIONS),
    *(
        columns.QUALITY,
        columns.CLUSTER,
        columns.OUTLIER,
        columns.MISSING,
        columns.HIDDEN,
        columns.MAP,
    ),
    columns.embedding(2),
)
NAMES = [field.name for group in _GROUPS for field in group if field.name != "vector"]
TEXTS = st.text(LETTERS, max_size=6)
STATES = st.sampled_from([None, 0, 1, 2, 3, 4])
FAULTS = st.sampled_from([None, "truncated", "empty"])
# Of 32 bits, as the column has them.
PLACES = [float(np.float32(place)) for place in (-1.5, -1, -0.5, 0, 0.1, 0.2, 0.25, 1)]
ROW = st.fixed_dictionaries(
    {
        "uri": TEXTS,
        "file_name": TEXTS,
        "folder": st.sampled_from(["", "a", "a/b", "a0", "a-b", "A", "ab/c", "é/ü"]),
        "size": st.none() | st.integers(0, 5000),
        "mtime": st.none() | st.floats(0, 2e9),
        "caption": st.none() | st.lists(TEXTS, max_size=3).map(" ".join),
        "width": st.none() | st.integers(0, 20),
        "height": st.none() | st.integers(0, 20),
        "format": st.sampled_from([None, "JPEG", "PNG", "WEBP"]),
        "mode": st.sampled_from([None, "RGB", "L"]),
        "orientation": st.none() | st.integers(1, 8),
        "taken_at": st.none()
        | st.datetimes().map(lambda when: when.replace(microsecond=0).isoformat())
        | st.sampled_from(["2024-05-31T23:59:59+02:00", "2024-06-01T00:00:00"]),
        "meta_state": STATES,
        "meta_error_code": FAULTS,
        "meta_error": st.none() | TEXTS,
        "labels": st.none() | st.lists(st.sampled_from(["cat", "Cat"]), min_size=1),
        "objects": st.none() | st.integers(0, 3),
        "described": st.none() | st.lists(TEXTS, max_size=3).map(" ".join),
        "extra": st.none() | TEXTS,
        "tags": st.none() | st.lists(st.sampled_from(["a", "A", "it's", "é b"]), min_size=1),
        "rating": st.none() | st.integers(1, 5),
        "favorite": st.sampled_from([None, True, False]),
        "missing": st.sampled_from([None, None, True]),
        "hidden": st.sampled_from([None, None, True]),
        "content_hash": st.sampled_from([None, "ab", "cd"]),
        "embed_state": STATES,
        "embed_error_code": FAULTS,
        "embed_error": st.none() | TEXTS,
    }
)


_REALS = (None, 0.5, 1.5, 7.0, 20.0)
_TEXTS = (None, "a", "A b", "it's 100%", "é\\*", "a_b", "日b")
_LISTS = (None, ["a"], ["A", "it's"], ["a", "é b"])
_DETAILS: dict[str, tuple[Any, ...]] = {
    "camera": (None, "Leica M11", "NIKON D850", "a"),
    "iso": (None, 0, 7, 20, 25),
    "exposure_s": (None, 0.004, 1.0, 1.5),
    "latitude": (None, -90.0, -0.5, 20.0),
    "longitude": (None, -180.0, 1.5, 20.0),
    "file_rating": (None, -1, 0, 5),
    "model_name": (None, "sdxl_base", "a", "ab%c"),
    "seed": (None, 0, 1, 7, 2**53, 2**53 + 1, 2**63, 2**64 - 1),
    "steps": (None, 1, 20, 25),
    **dict.fromkeys(("aperture", "focal_mm", "altitude_m", "cfg_scale"), _REALS),
    **dict.fromkeys(("keywords", "loras"), _LISTS),
    **dict.fromkeys(columns.QUALITY.names, (None, 0.0, *_REALS)),
    "quality": (None, ["good"], ["blurred", "dark"], [*FLAWS]),
    "quality_state": (None, 1, 2),
    "cluster": (None, "1 sky, sea", "10 it's 100%", "2 sky"),
    "outlier": (None, 0.5, 1.5),
}


def details(seed: int) -> dict[str, Any]:
    """Random details; drawn one by one they would be too much for one example."""
    chance = Random(seed)
    return {
        name: chance.choice(_DETAILS.get(name, _TEXTS))
        for name in (*DETAILS.names, *columns.QUALITY.names, "cluster", "outlier")
        if name != "meta_version"
    }


def placed(seed: int) -> dict[str, float | None]:
    """A random place on the map, or none; like details, drawn apart."""
    chance = Random(seed)
    there = chance.random() < 0.8
    return {name: chance.choice(PLACES) if there else None for name in columns.MAP.names}


def record(row: dict[str, Any], *, embeds: bool = True) -> dict[str, Any]:
    """The record an API answer holds of a row."""
    codes = (row["meta_error_code"], row["embed_error_code"])
    errors = (row["meta_error"], row["embed_error"])
    return {
        **row,
        "status": status_of(row["meta_state"], row["embed_state"], embeds=embeds),
        "error_code": next((code for code in codes if code is not None), None),
        "missing": bool(row["missing"]),
        "hidden": bool(row["hidden"]),
        "tags": row["tags"] or [],
        "labels": row["labels"] or [],
        "favorite": bool(row["favorite"]),
        "error": next((error for error in errors if error is not None), None),
    }


_DESCRIBED = ("camera", "lens", "software", "generator", "model_name", "model_hash", "sampler")


class Table:
    """A table of a few rows in two fragments, of which so many are in the indices."""

    def __init__(self, folder: Path, rows: list[dict[str, Any]], *, indexed: int) -> None:
        self.rows = [{"id": f"row-{at}", **row} for at, row in enumerate(rows)]
        schema = pa.schema([f for group in _GROUPS for f in group if f.name != "vector"])
        half = len(rows) // 2
        uri = str(folder / "rows.lance")
        for at, part in enumerate((self.rows[:half], self.rows[half:])):
            table = pa.Table.from_pylist(part, schema)
            mode = "append" if part is not self.rows[:half] and Path(uri).exists() else "create"
            lance.write_dataset(table, uri, mode=mode, data_storage_version="2.2")
            if at == indexed - 1:
                few = IndexSettings.model_construct(min_rows=1, grow=9)
                assert DatasetWriter(uri).index_fields(SPACES[0], few)
                DatasetWriter(uri).index_words()
        self.reader = DatasetReader("x", uri)

    def picked(self, node: Node, **more: Any) -> list[str]:
        chosen = Filter(node, partial(status_of, embeds=True))
        rows, total = self.reader.page(offset=0, limit=1000, where=chosen, **more)
        assert total == len(rows)
        return [row["id"] for row in rows]

    def meant(self, node: Node) -> list[str]:
        return [row["id"] for row in self.seen(node)]

    def seen(self, node: Node | None) -> list[dict[str, Any]]:
        """The records that a filter means: what is out of sight only where it is named."""
        out = {"missing", "hidden"} - (set() if node is None else fields_of(node))
        rows = [record(row) for row in self.rows if not any(row[name] for name in out)]
        return [row for row in rows if node is None or matches(node, row)]


@pytest.fixture(scope="module", params=[0, 1, 2], ids=["plain", "indexed", "covered"])
def tables(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[Table]]:
    found: list[Table] = []

    @settings(
        max_examples=6,
        database=None,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.large_base_example],
    )
    @given(st.lists(ROW, min_size=ROWS, max_size=ROWS), st.integers(0, 2**32))
    def fill(rows: list[dict[str, Any]], seed: int) -> None:
        rows = [{**row, **details(seed + at), **placed(seed + at)} for at, row in enumerate(rows)]
        found.append(Table(tmp_path_factory.mktemp("table"), rows, indexed=request.param))

    fill()
    yield found


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(node=wheres(), data=st.data())
def test_a_table_and_the_reference_agree(tables: list[Table], node: Node, data: Any) -> None:
    table = data.draw(st.sampled_from(tables))
    assert table.picked(node) == table.meant(node), str(node)


@pytest.mark.parametrize("indexed", [0, 2])
def test_captions_are_looked_for_where_they_come_from(tmp_path: Path, indexed: int) -> None:
    texts = (
        ("a red boat", None),
        (None, "A boat, in red"),
        ("a tree", "a red boat"),
        (None, "a red house"),
        (None, None),
        ("a red boat", None),
    )
    blank = dict.fromkeys(NAMES[1:]) | {"uri": "u", "file_name": "n", "folder": "f"}
    rows = [
        blank | {"caption": own, "described": given, "hidden": at == 5}
        for at, (own, given) in enumerate(texts)
    ]
    table = Table(tmp_path, rows, indexed=indexed)
    for where, found in {
        "caption:'boat red'": [0, 1],
        "not caption:'boat red'": [2, 3],
        "caption='a tree'": [2],
        "caption:*red": [1],
        "caption is missing": [4],
        "caption:red and not caption:boat": [3],
        "described:boat": [1, 2],
    }.items():
        node = parse(where)
        assert table.picked(node) == [f"row-{at}" for at in found] == table.meant(node), where


def test_every_index_is_there_and_used(tmp_path: Path) -> None:
    texts = {"uri": "u", "file_name": "n", "folder": "f"}
    row = {name: texts.get(name) for name in NAMES if name != "id"}
    # Of details and labels nobody has there is no index.
    row |= dict.fromkeys(_DESCRIBED, "a")
    row |= {
        "seed": 2**64 - 1,
        "loras": ["a"],
        "labels": ["a"],
        "keywords": ["a"],
        "quality": ["dark"],
        "cluster": "1 a",
    }
    table = Table(tmp_path, [row] * 4, indexed=2)
    found = {index.name for index in table.reader.snapshot().describe_indices()}
    words = {index_name(name, "INVERTED") for name in WORD_COLUMNS if name != "prompt"}
    assert found == words | {index_name(*each) for each in FILTER_INDICES.items()}
    for where in (
        "folder:f",
        "format=jpeg",
        "failed:truncated",
        "status:ready",
        "taken=2024",
        "seed=7",
        "camera:A",
        "not camera:b",
        'folder:"*F"',
    ):
        chosen = Filter(parse(where), partial(status_of, embeds=True))
        snapshot = table.reader.snapshot()
        plan = snapshot.scanner(filter=chosen.sql(snapshot)).explain_plan()
        assert "ScalarIndexQuery" in plan, where
