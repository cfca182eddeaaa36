"""Looking a dataset over, through the service, both clients and the command line."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from fake_api import serving

from rayograph.catalog import Catalog
from rayograph.catalog.picking import addresses
from rayograph.catalog.views import ViewRow
from rayograph.cli import main
from rayograph.client import AsyncClient, Client, Dataset
from rayograph.errors import Conflict, DatasetNotFound, InvalidFilter, InvalidRequest
from rayograph.facets import Facet, FacetList
from rayograph.where import clauses, matches, only, parse, said, without
from tests.library_data import Shelved, shelve


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Shelved]]:
    shelved = shelve(tmp_path_factory.mktemp("library"))
    with serving(shelved.app()) as url:
        yield url, shelved


@pytest.fixture
def dataset(served: tuple[str, Shelved]) -> Iterator[Dataset]:
    with Client(served[0]) as client:
        yield client.dataset("shelf")


def run(served: tuple[str, Shelved], *line: str) -> Result:
    return CliRunner().invoke(main, ["--server", served[0], *line])


def of(answer: FacetList, name: str) -> Facet:
    return next(item for item in answer.items if item.name == name)


def counts(facet: Facet) -> dict[str, int]:
    return {value.value: value.count for value in facet.values if value.count}


def how_many(dataset: Dataset, where: str) -> int:
    return len(list(dataset.images(where)))


def test_counts_follow_the_filter_and_leave_out_the_field_s_own(dataset: Dataset) -> None:
    answer = dataset.facets("width>=1024 and (format=jpeg or format=png) and not folder:2020")
    assert (answer.of, answer.current) == (120, True)
    assert answer.total == how_many(
        dataset, "width>=1024 and format in (jpeg, png) and not folder:2020"
    )
    formats = of(answer, "format")
    assert formats.clause == "(format=jpeg or format=png)"
    assert formats.rest == "width>=1024 and not folder:2020"
    for value in formats.values:
        assert value.count == how_many(dataset, f"{formats.rest} and format={value.value}")
        assert value.chosen == ("in" if value.value in ("JPEG", "PNG") else None)
    width = of(answer, "width")
    assert width.histogram is not None
    assert sum(width.histogram.counts) + width.missing == how_many(dataset, width.rest)
    assert (width.low, width.high, width.min, width.max) == (1024, None, 640, 1920)


def test_a_bin_s_edges_find_what_it_counts(dataset: Dataset) -> None:
    for name in ("size", "mtime", "taken_at", "width", "aspect", "megapixels"):
        histogram = of(dataset.facets(fields=[name]), name).histogram
        assert histogram is not None, name
        for at, count in enumerate(histogram.counts):
            low, high = histogram.edges[at : at + 2]
            assert count == how_many(dataset, f"{name}>={low} and {name}<{high}"), (name, low)


def test_values_beyond_those_listed_are_counted(dataset: Dataset) -> None:
    short = of(dataset.facets(fields=["format"], most=1), "format")
    assert (len(short.values), short.more) == (1, 2)
    chosen = of(dataset.facets("format=webp and format!=gif", fields=["format"], most=1), "format")
    assert [(v.value, v.chosen) for v in chosen.values] == [
        ("JPEG", None),
        ("WEBP", "in"),
        ("GIF", "out"),
    ]


def test_folders_count_what_is_below(dataset: Dataset) -> None:
    top = dataset.folders()
    assert [item.folder for item in top.items] == ["2019", "2020", "2021", "2022", "2023"]
    assert top.own == how_many(dataset, 'folder=""')
    assert sum(item.count for item in top.items) + top.own == top.total == 120
    inside = dataset.folders("2020", where="format=jpeg and folder:2020/01*")
    assert [item.name for item in inside.items] == ["00 trip", "01 trip", "02 trip"]
    for item in inside.items:
        assert item.count == how_many(dataset, f'format=jpeg and folder:"{item.folder}"')
    assert (inside.clause, inside.rest) == ("folder:2020/01*", "format=jpeg")
    chosen = dataset.folders(where="not folder:2020 and folder:2021").items
    assert [item.chosen for item in chosen] == [None, "out", "in", None, None]


def test_what_makes_no_sense_is_said(dataset: Dataset) -> None:
    with pytest.raises(InvalidRequest, match="no facet 'widht'") as error:
        dataset.facets(fields=["widht"])
    assert error.value.hint == "did you mean width?"
    with pytest.raises(InvalidRequest, match="no facet 'caption'"):
        dataset.facets(fields=["caption"])
    with pytest.raises(InvalidFilter) as wrong:
        dataset.facets("format=jpeg and widht>2")
    assert wrong.value.position == 16


def test_edits_are_counted_at_once(dataset: Dataset) -> None:
    first = next(iter(dataset.images()))
    assert counts(of(dataset.facets(fields=["rating"]), "rating")) == {}
    dataset.rate(first.id, 4)
    dataset.tag(first.id, "keep")
    answer = dataset.facets(fields=["rating", "tags", "favorite"])
    assert counts(of(answer, "rating")) == {"4": 1}
    assert of(answer, "rating").missing == 119
    assert counts(of(answer, "tags")) == {"keep": 1}
    assert counts(of(answer, "favorite")) == {"no": 120}
    dataset.rate(first.id, None)
    dataset.untag(first.id, "keep")


def test_the_async_client_does_the_same(served: tuple[str, Shelved]) -> None:
    async def ask() -> tuple[FacetList, Any]:
        async with AsyncClient(served[0]) as client:
            dataset = await client.dataset("shelf")
            return await dataset.facets("width>700", fields=["format"]), await dataset.folders()

    facets, folders = asyncio.run(ask())
    with Client(served[0]) as client:
        dataset = client.dataset("shelf")
        found = dataset.facets("width>700", fields=["format"])
        # Whether they are of this very moment is a matter of how busy the machine is.
        assert facets.model_copy(update={"current": found.current}) == found
        assert folders == dataset.folders()


def test_the_command_line_shows_both(served: tuple[str, Shelved], dataset: Dataset) -> None:
    result = run(served, "facets", "shelf", "--field", "format", "--where", "width>=1024")
    values = of(dataset.facets("width>=1024", fields=["format"]), "format").values
    assert result.output.splitlines()[1:] == [f"format\t{v.value}\t{v.count}" for v in values]
    whole = run(served, "facets", "shelf").output
    assert "width\t600 .. 700\t" in whole and "taken_at\t2019-01 .. 2019-02\t" in whole
    answer = json.loads(run(served, "facets", "shelf", "--json").output)
    assert answer["total"] == 120
    lines = run(served, "folders", "shelf", "2020").output.splitlines()
    assert lines[1].split("\t")[0] == "2020/00 trip"
    assert json.loads(run(served, "folders", "shelf", "--json").output)["own"] == 10
    wrong = run(served, "facets", "shelf", "--where", "widht>2")
    assert (wrong.exit_code, wrong.output.splitlines()[0]) == (
        2,
        "error: there is no field 'widht'",
    )


def test_nothing_is_known_of_other_datasets(served: tuple[str, Shelved]) -> None:
    with Client(served[0]) as client:
        dataset = client.dataset("shelf")
        gone = Dataset(client, dataset.info.model_copy(update={"dataset_id": "k3v0x9q2aa"}))
        for ask in (gone.facets, gone.folders):
            with pytest.raises(DatasetNotFound):
                ask()


@pytest.mark.parametrize(
    ("where", "parts"),
    [
        ("width>=1024 and format=jpeg", ["width>=1024", "format=jpeg"]),
        ("size>2mb  format = jpeg", ["size>2mb", "format = jpeg"]),
        ("width>1 or width<9", ["(width>1 or width<9)"]),
        ("not (a:1 and b)".replace("a:1", "w:1").replace("b", "fav"), ["not (w:1 and fav)"]),
        ('(tag:"a and b" or tag:c) and favorite', ['(tag:"a and b" or tag:c)', "favorite"]),
    ],
)
def test_a_filter_comes_apart_as_it_was_written(where: str, parts: list[str]) -> None:
    found = clauses(where)
    assert [part.text for part in found] == parts
    again = parse(" and ".join(part.text for part in found))
    record = {"width": 5, "size": 1, "format": "JPEG", "tags": ["c"], "favorite": True}
    assert matches(again, record) == matches(parse(where), record)


def test_a_field_s_conditions_can_be_taken_out() -> None:
    parts = clauses("width>=800 and (format=png or width<9) and w<1024 and rating is missing")
    assert without(parts, "width") == "(format=png or width<9) and rating is missing"
    assert only(parts, "width") == "width>=800 and w<1024"
    told = said(parts, "width")
    assert (told.low, told.high) == (800, 1024)
    assert said(parts, "rating").missing is True
    assert said(clauses("not tag:a and tags in (b, c)"), "tags").unwanted == {"a"}
    assert said(clauses("not width<9"), "width").low == 9
    assert clauses(None) == [] and clauses("") == []


def test_the_list_of_failures_is_a_file(
    served: tuple[str, Shelved], dataset: Dataset, tmp_path: Path
) -> None:
    failed = [record for record in dataset.images() if record.error_code]
    tables = {
        "csv": lambda path: pacsv.read_csv(
            path, parse_options=pacsv.ParseOptions(newlines_in_values=True)
        ).to_pylist(),
        "json": lambda path: json.loads(path.read_text()),
        "parquet": lambda path: pq.read_table(path).to_pylist(),
    }
    for form, read in tables.items():
        rows = read(dataset.export_failures(tmp_path / f"all.{form}"))
        assert [row["id"] for row in rows] == [record.id for record in failed]
        assert [row["error"] for row in rows] == [record.error for record in failed]
    some = dataset.export_failures(tmp_path / "some.json", code="empty", where="folder:2023")
    meant = [r.id for r in failed if r.error_code == "empty" and r.folder.startswith("2023")]
    assert [row["id"] for row in json.loads(some.read_text())] == meant
    none = dataset.export_failures(tmp_path / "none.json", where="size<0")
    assert json.loads(none.read_text()) == []
    with pytest.raises(InvalidRequest, match="cannot tell a format"):
        dataset.export_failures(tmp_path / "list.txt")
    with pytest.raises(InvalidFilter):
        dataset.export_failures(tmp_path / "x.csv", where="size<0) or (width>1")
    assert not (tmp_path / "x.csv").exists()
    path = tmp_path / "cli.csv"
    assert run(served, "failures", "shelf", "-o", str(path)).output == f"{path}\n"
    assert path.read_bytes() == (tmp_path / "all.csv").read_bytes()


def test_failures_are_told_on_the_command_line(served: tuple[str, Shelved]) -> None:
    lines = run(served, "failures", "shelf", "--code", "empty", "--limit", "1").output.splitlines()
    assert lines[:2] == ["6 empty", "6 truncated"]
    assert lines[-1].startswith("empty\t")
    assert json.loads(run(served, "failures", "shelf", "--json").output)["total"] == 12


def test_some_failures_are_tried_again(served: tuple[str, Shelved], dataset: Dataset) -> None:
    commands, key = served[1].work.commands, dataset.id
    commands.clear()
    dataset.retry(code="truncated")
    dataset.retry(ids=["a"])
    dataset.retry(where="folder:2023")
    dataset.retry(stage="metadata")
    dataset.retry()
    assert run(served, "retry", "shelf", "--code", "empty").output.startswith("retry: ")
    assert commands == [
        ("retry", key, 'failed="truncated"', None, None),
        ("retry", key, None, ["a"], None),
        ("retry", key, "folder:2023", None, None),
        ("retry", key, None, None, "metadata"),
        ("retry", key),
        ("retry", key, 'failed="empty"', None, None),
    ]
    with pytest.raises(InvalidRequest, match="give one of code, ids, where or stage"):
        dataset.retry(code="empty", where="folder:2023")
    with pytest.raises(InvalidFilter):
        dataset.retry(where="folder=")
    assert len(commands) == 6


def test_only_chosen_failures_are_pending_again(tmp_path: Path) -> None:
    shelved = shelve(tmp_path)
    row = shelved.catalog.dataset(shelved.dataset_id)
    reader, writer = shelved.catalog.reader(row.dataset_id), shelved.catalog.writer(row.dataset_id)
    failed = reader.failures(offset=0, limit=99, code=None)[0]
    one = [failed[3]["id"], "k3v0x9q2aa-0", "elsewhere"]
    assert writer.reset("metadata", only=addresses(row, reader, image_ids=one)) == 1
    assert one[0] not in {r["id"] for r in reader.failures(offset=0, limit=99, code=None)[0]}
    empty = addresses(row, reader, where="failed:empty and folder:2023")
    before = reader.failures(offset=0, limit=99, code=None)[1]
    assert writer.reset("metadata", only=empty) == len(empty) > 0
    assert reader.failures(offset=0, limit=99, code=None)[1] == before - len(empty)
    assert reader.counts().stage("metadata")["pending"] == 1 + len(empty)


def test_views_are_saved_changed_and_deleted(served: tuple[str, Shelved], dataset: Dataset) -> None:
    assert dataset.views() == []
    dataset.delete_view("nothing")
    best = dataset.save_view("best", where="rating>=4", sort="-taken_at", text="sea")
    also = dataset.save_view("Also", columns=["width"])
    assert [view.name for view in dataset.views()] == ["Also", "best"]
    with pytest.raises(Conflict, match="already"):
        dataset.save_view("best")
    with pytest.raises(InvalidFilter):
        dataset.save_view("wrong", where="rating>=")
    with pytest.raises(InvalidRequest, match="cannot sort by"):
        dataset.save_view("wrong", sort="tags")
    changed = dataset.save_view("finest", where="rating=5", view_id=best.view_id)
    assert (changed.view_id, changed.sort) == (best.view_id, None)
    dataset.delete_view(also.view_id)
    # Undone: the same view is there again.
    assert dataset.save_view("Also", view_id=also.view_id).view_id == also.view_id
    assert [view.name for view in dataset.views()] == ["Also", "finest"]
    saved = run(served, "views", "shelf", "--save", "it's", "--where", "width>1", "--sort", "size")
    assert saved.output.splitlines()[-1] == "it's\twidth>1\tsize\t"
    assert run(served, "views", "shelf", "--save", "it's").output.splitlines()[-1] == "it's\t\t\t"
    assert len(json.loads(run(served, "views", "shelf", "--delete", "it's", "--json").output)) == 2
    assert "no view 'it'" in run(served, "views", "shelf", "--delete", "it").output


def test_views_saved_at_once_are_all_kept_and_go_with_their_dataset(tmp_path: Path) -> None:
    shelved = shelve(tmp_path, 10)
    key, others = shelved.dataset_id, Catalog(shelved.catalog.uri)

    def save(number: int) -> None:
        catalog = others if number % 2 else shelved.catalog
        catalog.views.put(ViewRow(f"v{number}", key, f"view {number}"))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(save, range(8)))
    assert len(others.views.of(key)) == 8
    shelved.catalog.views.put(ViewRow("z", "elsewhere", "kept"))
    shelved.catalog.delete(key)
    assert others.views.of(key) == []
    assert [view.name for view in others.views.of("elsewhere")] == ["kept"]
