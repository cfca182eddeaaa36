"""Facets count what plain Python counts; a bin holds what its edges pick in a filter."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import lance
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_where_table import NAMES, ROW, ROWS, Table, details
from wheres import wheres

from rayograph.catalog import facets
from rayograph.catalog.binning import MAX_BINS, number_bins, time_bins
from rayograph.catalog.counts import status_of
from rayograph.catalog.curation import Curator, Edit
from rayograph.catalog.facets import Facets
from rayograph.catalog.filters import Filter
from rayograph.catalog.reader import DatasetReader
from rayograph.where import FIELDS, Field, Node, matches, parse
from rayograph.where.fields import find
from rayograph_serve.faceting import has_facet

FACETS = [of for of in FIELDS if has_facet(of)]
STATUS_OF = partial(status_of, embeds=True)


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Table]]:
    found: list[Table] = []

    @settings(
        max_examples=4,
        database=None,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.large_base_example],
    )
    @given(st.lists(ROW, min_size=ROWS, max_size=ROWS), st.integers(0, 2**32))
    def fill(rows: list[dict[str, Any]], seed: int) -> None:
        rows = [{**row, **details(seed + at)} for at, row in enumerate(rows)]
        found.append(Table(tmp_path_factory.mktemp("table"), rows, indexed=False))

    fill()
    yield found


def values_of(of: Field, row: dict[str, Any]) -> list[str]:
    """What a record counts for."""
    value = of.of(row)
    if of.kind == "flag":
        return ["yes" if value else "no"]
    if isinstance(value, list):
        return [each for each in dict.fromkeys(value) if each]
    return [] if value in (None, "") else [str(value)]


def counted(counting: Facets, of: Field, chosen: Filter | None) -> tuple[dict[str, int], int]:
    shelf, _ = counting.shelf(FACETS)
    *counts, missing = shelf.counts(of.name, counting.picked(shelf, chosen))
    coded = shelf.coded[of.name]
    names = coded.labels or range(coded.size)
    return {str(k): n for k, n in zip(names, counts, strict=True) if n}, missing


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(node=st.none() | wheres(), of=st.sampled_from(FACETS), data=st.data())
def test_counts_are_those_of_plain_python(
    tables: list[Table], node: Node | None, of: Field, data: Any
) -> None:
    table = data.draw(st.sampled_from(tables))
    counting = Facets(table.reader, STATUS_OF)
    chosen = None if node is None else Filter(node, STATUS_OF)
    picked = table.seen(node)
    found, missing = counted(counting, of, chosen)
    shelf, _ = counting.shelf(FACETS)
    if not shelf.coded[of.name].edges:
        meant = [values_of(of, row) for row in picked]
        assert found == dict(Counter(value for values in meant for value in values))
        assert missing == sum(not values for values in meant)
        return
    assert sum(found.values()) + missing == len(picked)
    edges = shelf.coded[of.name].edges
    for at in range(len(edges) - 1):
        sign = "<=" if at == len(edges) - 2 and of.kind != "time" else "<"
        inside = parse(f"{of.name}>={edges[at]} and {of.name}{sign}{edges[at + 1]}")
        assert found.get(str(at), 0) == sum(matches(inside, row) for row in picked), (
            of.name,
            edges,
        )


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(node=st.none() | wheres(), data=st.data())
def test_a_folder_counts_what_is_below(tables: list[Table], node: Node | None, data: Any) -> None:
    table = data.draw(st.sampled_from(tables))
    counting, chosen = (
        Facets(table.reader, STATUS_OF),
        None if node is None else Filter(node, STATUS_OF),
    )
    folder = find("folder")
    assert folder is not None
    shelf, _ = counting.shelf([folder])
    tree, totals, own = shelf.folders(counting.picked(shelf, chosen))
    picked = table.seen(node)
    assert own == sum(row["folder"] == "" for row in picked)
    assert tree.paths[0] == "" and totals[0] + own == len(picked)
    for path, total in zip(tree.paths[1:], totals[1:].tolist(), strict=True):
        below = parse(f'folder:"{path}"')
        assert total == sum(matches(below, row) for row in picked), path


@given(
    st.lists(
        st.floats(-1e12, 1e12, allow_nan=False) | st.integers(0, 9) | st.just(float("nan")),
        min_size=1,
        max_size=40,
    )
)
def test_bins_of_numbers_hold_them_all(values: list[float]) -> None:
    numbers = np.array(values, float)
    bins, edges = number_bins(numbers)
    assert ((bins < 0) == np.isnan(numbers)).all()
    assert edges == sorted(edges) and len(edges) <= MAX_BINS
    for number, at in zip(numbers.tolist(), bins.tolist(), strict=True):
        if at >= 0:
            last = at == len(edges) - 2
            assert edges[at] <= number
            assert number <= edges[at + 1] if last else number < edges[at + 1]


@pytest.mark.parametrize(
    ("numbers", "edges"),
    [
        ([7.0, 7.0], [7.0, 7.0]),
        (
            [0.0, 3e6, 120.0],
            [0.0, 100.0, 200.0, 500.0, 1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5, 5e5, 1e6, 2e6, 5e6],
        ),
        ([1.0, 4.0, 9.0], [float(n) for n in range(1, 11)]),
        (
            [0.5, 0.9],
            [
                0.5,
                0.52,
                0.54,
                0.56,
                0.58,
                0.6,
                0.62,
                0.64,
                0.66,
                0.68,
                0.7,
                0.72,
                0.74,
                0.76,
                0.78,
                0.8,
                0.82,
                0.84,
                0.86,
                0.88,
                0.9,
                0.92,
            ],
        ),
        (
            [999999999999.9999, 1.0],
            [0.0, 500.0, *(float(f"{d}e{e}") for e in range(3, 12) for d in (1, 2, 5)), 1e12],
        ),
        ([float("nan")], []),
    ],
)
def test_edges_are_readable(numbers: list[float], edges: list[float]) -> None:
    assert number_bins(np.array(numbers))[1] == edges


@pytest.mark.parametrize(
    ("first", "last", "edges"),
    [
        ("2024-05-03T10:20:00", "2024-05-03T12:00:00", ["2024-05-03T10", "2024-05-03T13"]),
        ("2024-02-28T00:00:00", "2024-03-01T12:00:00", ["2024-02-28", "2024-03-02"]),
        ("2021-11-30T00:00:00", "2024-02-01T00:00:00", ["2021-11", "2024-03"]),
        ("1987-01-01T00:00:00", "2024-02-01T00:00:00", ["1987", "2025"]),
    ],
)
def test_times_are_binned_by_what_calendars_know(first: str, last: str, edges: list[str]) -> None:
    bins, found = time_bins(np.array([first, "NaT", last], "M8[s]"))
    assert [found[0], found[-1]] == edges
    assert bins.tolist() == [0, -1, len(found) - 2]


def test_only_what_was_edited_is_read_again(tables: list[Table], monkeypatch: Any) -> None:
    read: list[str] = []
    real = facets.code

    def code(snapshot: Any, of: Field, *args: Any) -> Any:
        read.append(of.name)
        return real(snapshot, of, *args)

    monkeypatch.setattr(facets, "code", code)
    monkeypatch.setattr(facets, "_SHARE", -1)
    monkeypatch.setattr(facets, "PATIENCE_S", 30)
    table = tables[0]
    counting = Facets(table.reader, STATUS_OF)
    counting.shelf(FACETS)
    assert sorted(read) == sorted(of.name for of in FACETS)
    read.clear()
    assert counting.shelf(FACETS[:2])[1] and read == []
    uri = table.reader.snapshot().uri
    Curator(uri).apply(Edit(("fresh",)), lambda _: "id = 'row-3'")
    shelf, current = counting.shelf(FACETS)
    assert current and set(read) == {"tags", "rating", "favorite"}
    assert (
        counted(counting, FIELDS[[of.name for of in FIELDS].index("tags")], None)[0]["fresh"] == 1
    )
    assert shelf.snapshot.version == table.reader.snapshot().version


def test_nobody_waits_for_counts_of_moments_ago(tables: list[Table], monkeypatch: Any) -> None:
    monkeypatch.setattr(facets, "_SHARE", -1)
    table, going_on = tables[1], threading.Event()
    counting = Facets(table.reader, STATUS_OF)
    first, current = counting.shelf(FACETS)
    assert current
    real = facets.code
    monkeypatch.setattr(facets, "PATIENCE_S", 0.0)
    monkeypatch.setattr(facets, "code", lambda *args: (going_on.wait(30), real(*args))[1])
    Curator(table.reader.snapshot().uri).apply(Edit(("later",)), lambda _: "id = 'row-3'")
    old, current = counting.shelf(FACETS)
    assert (old, current) == (first, False)
    chosen = Filter(parse("missing or not missing or hidden"), STATUS_OF)
    picked = counting.picked(old, chosen)
    assert picked is not None and len(picked) == ROWS
    going_on.set()
    counting.idle()
    newer, current = counting.shelf(FACETS)
    assert current and newer.snapshot.version > old.snapshot.version


def test_a_deleted_row_counts_no_more(tmp_path: Path) -> None:
    texts = {"uri": "u", "file_name": "n", "folder": "f", "size": 3, "mtime": 1.0}
    rows = [{**dict.fromkeys(NAMES[1:]), **texts, "rating": at % 5 + 1} for at in range(20)]
    table = Table(tmp_path, rows, indexed=False)
    lance.dataset(table.reader.snapshot().uri).delete("id in ('row-1', 'row-12')")
    reader = DatasetReader("x", table.reader.snapshot().uri)
    counting, of = Facets(reader, STATUS_OF), find("rating")
    assert of is not None
    chosen = Filter(parse("rating in (2, 3)"), STATUS_OF)
    assert counted(counting, of, chosen) == ({"2": 3, "3": 3}, 0)
    rows_shown, total = reader.page(offset=0, limit=20, where=chosen)
    assert (total, {row["rating"] for row in rows_shown}) == (6, {2, 3})
    assert "row-12" not in {row["id"] for row in rows_shown}
