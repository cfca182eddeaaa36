"""A manifest's columns as fields: of which kind, filtered, sorted, counted, and read anew."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet
from real_engine import Service

from rayograph.annotations.extras import FEW, MOST, Extra, Seen, columns_of
from rayograph.errors import InvalidFilter, InvalidRequest
from rayograph.schema import NewDataset
from rayograph.where import Field, parse
from tests.annotated import draw

ROWS: list[dict[str, Any]] = [
    {
        "Price (EUR)": 10,
        "split": "train",
        "checked": True,
        "shot": datetime(2024, 5, 3, tzinfo=UTC),
    },
    {"Price (EUR)": 2.5, "split": "val", "checked": False, "shot": datetime(2025, 1, 1, 12)},
    {"Price (EUR)": None, "split": "Train two", "checked": None, "shot": None},
]


def told(*rows: dict[str, Any]) -> dict[str, str]:
    seen = Seen()
    for row in rows:
        seen.note(row)
    return {each.key: each.kind for each in seen.extras()}


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ((1, 2.5, -3), "number"),
        ((True, False), "flag"),
        (("a", "b"), "text"),
        ((datetime(2024, 5, 3, tzinfo=UTC),), "time"),
        ((1, "a"), "text"),
        ((1, True), "text"),
        ((1, 2**64), "text"),
        (([1], "a"), None),
        (({"a": 1},), None),
    ],
)
def test_a_column_is_of_the_kind_of_what_it_holds(values: tuple[Any, ...], kind: str) -> None:
    assert told(*({"c": value} for value in values)) == ({"c": kind} if kind else {})


def test_keys_are_as_filters_write_them_and_each_once() -> None:
    found = told({"Größe, cm": 1, "grosse cm": 2, "größe-cm": 3, "価格": 4, "a.b": 5})
    assert list(found) == ["grosse_cm", "grosse_cm_2", "grosse_cm_3", "column_4", "a_b"]
    assert len(told({f"c{n}": n for n in range(MOST + 5)})) == MOST


def test_few_values_are_told_from_many() -> None:
    seen = Seen()
    for n in range(2 * FEW + 2):
        seen.note({"half": str(n // 2), "group": str(n // 5), "split": str(n % 3)})
    assert [each.few for each in seen.extras()] == [False, True, True]


@pytest.mark.parametrize(("count", "few"), [(20, True), (21, False)])
def test_names_of_single_images_are_no_choices(count: int, few: bool) -> None:
    seen = Seen()
    for n in range(count):
        seen.note({"id": str(n)})
    assert seen.extras()[0].few is few


def test_columns_are_what_extra_says() -> None:
    extras = [
        Extra(name="n", key="n", kind="number"),
        Extra(name="t", key="t", kind="text"),
        Extra(name="f", key="f", kind="flag"),
    ]
    texts = pa.array(['{"n":1,"t":5,"f":true}', None, '{"t":"a","n":null}', '{"t":[1]}'])
    assert columns_of(texts, extras).to_pydict() == {
        "extra_number_n": [1.0, None, None, None],
        "extra_text_t": ["5", None, "a", "[1]"],
        "extra_flag_f": [True, None, None, None],
    }


def test_without_a_dataset_any_may_be_meant() -> None:
    for where in ("extra.a", "not extra.a and extra.b>=3", "extra.c:1..5 or extra.d in (a, 2)"):
        assert str(parse(where))
    with pytest.raises(InvalidFilter):
        parse("extra.a", {"extra.a": Field("extra.a", "number", "")})


async def opened(service: Service, folder: Path, rows: list[dict[str, Any]]) -> str:
    path = folder / "list.parquet"
    for n, _ in enumerate(rows):
        draw(folder / f"{n}.png")
    table = [{"uri": f"{n}.png", **row} for n, row in enumerate(rows)]
    parquet.write_table(pa.Table.from_pylist(table), path)
    dataset_id = (await service.engine.add(NewDataset(path=str(path)))).dataset_id
    await service.run(dataset_id)
    return dataset_id


async def names(service: Service, dataset_id: str, **asked: Any) -> list[str]:
    given = {"limit": 10, "cursor": None, "offset": None, "sort": None, "where": None} | asked
    page = await service.engine.images(dataset_id, **given)
    return [item.file_name[0] for item in page.items]


async def test_they_are_filtered_sorted_and_counted(service: Service, tmp_path: Path) -> None:
    dataset_id = await opened(service, tmp_path / "p", ROWS)
    for where, found in {
        "extra.price_eur>=10": "0",
        "extra.price_eur:..5": "1",
        "not extra.price_eur>5": "1",
        "extra.price_eur is missing": "2",
        "extra.split=train": "0",
        "extra.split:train": "02",
        'extra.split:"t*"': "02",
        "extra.split in (train, val)": "01",
        "extra.checked": "0",
        "not extra.checked": "1",
        "extra.shot=2024-05": "0",
        "extra.shot>2024": "1",
        "EXTRA.Split!=val and width>1": "02",
    }.items():
        assert "".join(await names(service, dataset_id, where=where)) == found, where
    assert await names(service, dataset_id, sort="-extra.price_eur") == ["0", "1", "2"]
    facets = await service.engine.library.facets(
        dataset_id, where="extra.split=val", fields=None, most=10
    )
    by_name = {facet.name: facet for facet in facets.items}
    split = by_name["extra.split"]
    assert [(v.value, v.count, v.chosen) for v in split.values] == [
        ("Train two", 1, None),
        ("train", 1, None),
        ("val", 1, "in"),
    ]
    assert (split.clause, by_name["extra.price_eur"].max) == ("extra.split=val", 10)
    fields = {item.name: item for item in (await service.engine.fields(dataset_id)).items}
    assert sorted(fields["extra.split"].values) == ["Train two", "train", "val"]
    assert (fields["extra.price_eur"].kind, fields["extra.shot"].sortable) == ("number", True)
    report = await service.engine.annotation_report(dataset_id)
    assert [each.key for each in report.columns] == ["price_eur", "split", "checked", "shot"]


@pytest.mark.parametrize(
    ("where", "message", "hint"),
    [
        ("width>1 and extra.pric_eur>1", "there is no field 'extra.pric_eur'", "extra.price_eur"),
        ("extra.price_eur>cheap", "'cheap' is not a number", None),
    ],
)
async def test_what_is_not_there_is_said(
    service: Service, tmp_path: Path, where: str, message: str, hint: str | None
) -> None:
    dataset_id = await opened(service, tmp_path / "p", ROWS)
    with pytest.raises(InvalidFilter) as caught:
        await names(service, dataset_id, where=where)
    assert message in caught.value.message
    assert caught.value.position is not None
    assert hint is None or hint in (caught.value.hint or "")
    with pytest.raises(InvalidFilter):
        await names(service, dataset_id, sort="extra.nothing")
    with pytest.raises(InvalidRequest):
        await service.engine.library.facets(
            dataset_id, where=None, fields=["extra.nothing"], most=10
        )


async def test_another_manifest_has_other_fields(service: Service, tmp_path: Path) -> None:
    dataset_id = await opened(service, tmp_path / "p", ROWS)
    more = [
        row | {"Price (EUR)": f"{n} euros", "depth": Decimal("1.5")} for n, row in enumerate(ROWS)
    ]
    assert await opened(service, tmp_path / "p", more) == dataset_id
    assert await names(service, dataset_id, where="extra.price_eur:euros and extra.depth=1.5") == [
        "0",
        "1",
        "2",
    ]
    schema = service.catalog.reader(dataset_id).snapshot().schema.names
    assert [name for name in schema if name.startswith("extra_")] == [
        "extra_text_price_eur",
        "extra_text_split",
        "extra_flag_checked",
        "extra_time_shot",
        "extra_number_depth",
    ]
    row = service.catalog.reader(dataset_id).page(offset=0, limit=1)[0][0]
    assert json.loads(row["extra"])["depth"] == 1.5
