"""Manifests as sources: which files they name, and what else they say of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from rayograph.annotations import manifests
from rayograph.annotations.reading import Job, Summary, read
from rayograph.annotations.reports import Notes
from rayograph.catalog import Catalog
from rayograph.datasets import open_dataset
from rayograph.errors import SourceError
from rayograph.listing import Walk, rows
from rayograph.schema import NewDataset
from rayograph.settings import Settings
from rayograph.sources import describe as described
from rayograph.sources import file_uri, resolve, restore
from rayograph_pipelines import annotating
from tests.annotated import draw, write
from tests.working import run_of, settings_for

ROWS: list[dict[str, Any]] = [
    {"uri": "a b.png", "split": "train", "score": 3, "labels": "cat; dog", "caption": "two"},
    {"uri": "deep/b.png", "split": "val", "score": None, "labels": None, "caption": None},
]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    class Here:
        def __init__(self, *_: object, **__: object) -> None: ...

        def map(self, jobs: Sequence[Job]) -> list[Summary]:
            return [read(job, None) for job in jobs]

        def close(self) -> None: ...

    monkeypatch.setattr(annotating, "Guard", Here)
    return settings_for(tmp_path)


def manifest(folder: Path, form: str) -> Path:
    """The rows in a format, and their pictures beside it."""
    draw(folder / "a b.png")
    draw(folder / "deep" / "b.png")
    path = folder / f"list.{form}"
    if form == "csv":
        lines = ["split,uri,score,labels,caption", "train,a b.png,3,cat; dog,two"]
        return write(path, "\n".join([*lines, "val,deep/b.png,,,"]) + "\n")
    if form == "jsonl":
        return write(path, "\n".join(map(json.dumps, ROWS)))
    parquet.write_table(pa.Table.from_pylist(ROWS), path)
    return path


@pytest.mark.parametrize("form", ["csv", "jsonl", "parquet"])
def test_a_manifest_is_a_source_and_keeps_its_columns(
    settings: Settings, tmp_path: Path, form: str
) -> None:
    path = manifest(tmp_path / "pictures", form)
    draw(tmp_path / "pictures" / "not listed.png")
    catalog = Catalog(settings.catalog.uri)
    row, _ = open_dataset(catalog, NewDataset(path=str(path)), settings)
    assert (row.name, row.source.kind) == (f"list.{form}", "manifest")
    assert restore(described(row.source)) == row.source
    # The first page is there before any run.
    reader = catalog.reader(row.dataset_id)
    assert reader.page(offset=0, limit=10)[1] == 2
    run_of(settings, row).work()
    found = {record["file_name"]: record for record in reader.page(offset=0, limit=10)[0]}
    assert sorted(found) == ["a b.png", "b.png"]
    assert [found[name]["folder"] for name in sorted(found)] == ["", "deep"]
    assert json.loads(found["a b.png"]["extra"]) == {"split": "train", "score": 3}
    assert json.loads(found["b.png"]["extra"]) == {"split": "val"}
    assert found["a b.png"]["labels"] == ["cat", "dog"]
    assert found["a b.png"]["described"] == "two"
    assert found["b.png"]["labels"] is None
    report = catalog.dataset(row.dataset_id).annotations or {}
    assert (report["format"], report["images_matched"]) == ("manifest", 2)


def test_what_a_uri_can_be(tmp_path: Path) -> None:
    base = file_uri(str(tmp_path))
    for text, uri in (
        ("a b.png", f"{base}/a%20b.png"),
        ("./x/../a.png", f"{base}/a.png"),
        ("../a.png", file_uri(str(tmp_path.parent / "a.png"))),
        ("/data/a.png", "file:///data/a.png"),
        ("file:///data/a b.png", "file:///data/a%20b.png"),
        ("s3://bucket/a.png", "s3://bucket/a.png"),
        ("https://example.com/a.png", None),
        ("zip://a.png::http://127.0.0.1/x.zip", None),
        ("", None),
        (None, None),
        ("a\0.png", None),
    ):
        assert manifests.address(text, base) == uri, text
    assert manifests.address("x/a.png", "s3://bucket/lists") == "s3://bucket/lists/x/a.png"


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        ('["cat","a; dog"]', ["cat", "a; dog"]),
        ("[]", []),
        ("[cat]; dog", ["[cat]", "dog"]),
        ("[1, 2]", ["[1, 2]"]),
    ],
)
def test_labels_of_a_csv_can_be_a_list(tmp_path: Path, text: str, labels: list[str]) -> None:
    quoted = text.replace('"', '""')
    path = write(tmp_path / "list.csv", f'uri,labels\na.png,"{quoted}"\n')
    (found,) = manifests.read(file_uri(str(path)), Notes())
    assert [*found.labels] == labels


def test_what_a_manifest_names_twice_or_in_vain(tmp_path: Path) -> None:
    draw(tmp_path / "a.png")
    other = draw(tmp_path.parent / "other pictures" / "b.png")
    lines = ["uri", "a.png", "./a.png", "notes.txt", "https://x/a.png", str(other), "gone.png"]
    source = resolve(str(write(tmp_path / "list.csv", "\n".join(lines))))
    walk = Walk(source)
    chunks = list(walk)
    assert [chunk.names for chunk in chunks] == [["a.png", "gone.png"], ["b.png"]]
    assert walk.skipped == {"not_an_image": 1, "no_file": 1}
    table, skipped = rows(chunks[0], "aaaaaaaaaa", source.root)
    assert (table["file_name"], skipped) == (["a.png"], {"broken_link": 1})
    # What lies outside is shown with its whole folder.
    table, _ = rows(chunks[1], "aaaaaaaaaa", source.root)
    assert table["folder"] == [str(other.parent).strip("/")]


def test_remote_rows_need_no_stat(tmp_path: Path) -> None:
    lines = ["uri", "s3://bucket/x/a.png", "s3://bucket/x/b.png"]
    source = resolve(str(write(tmp_path / "list.csv", "\n".join(lines))))
    (chunk,) = Walk(source)
    table, _ = rows(chunk, "aaaaaaaaaa", source.root)
    assert table["uri"] == ["s3://bucket/x/a.png", "s3://bucket/x/b.png"]
    assert (table["size"], table["folder"]) == ([None, None], ["bucket/x"] * 2)


def test_a_broken_line_is_named_and_the_rest_is_read(tmp_path: Path) -> None:
    notes = Notes()
    path = write(tmp_path / "list.csv", "uri,n\na.png,1\nb.png,2,3\n,4\nc.png,5\n")
    found = list(manifests.read(file_uri(str(path)), notes))
    assert [each.extra for each in found] == ['{"n":1}', '{"n":5}']
    assert [(p["line"], p["reason"][:8]) for p in notes.problems] == [
        (3, "3 values"),
        (4, "it names"),
    ]
    notes = Notes()
    path = write(tmp_path / "list.jsonl", '{"uri": "a.png"}\n\n{"uri"\n{"uri": "b.png"}\n3\n')
    found = list(manifests.read(file_uri(str(path)), notes))
    assert [each.key.rpartition("/")[2] for each in found] == ["a.png", "b.png"]
    assert [p["line"] for p in notes.problems] == [3, 5]


@pytest.mark.parametrize(
    ("name", "text"),
    [("x.csv", "path\na.png\n"), ("x.csv", ""), ("x.jsonl", '{"path": 1}\n'), ("x.parquet", "PAR")],
)
def test_a_manifest_without_uris_is_refused(
    settings: Settings, tmp_path: Path, name: str, text: str
) -> None:
    path = write(tmp_path / name, text)
    with pytest.raises(SourceError, match=r"x\."):
        open_dataset(Catalog(settings.catalog.uri), NewDataset(path=str(path)), settings)


def test_a_manifest_can_be_named_for_a_folder(settings: Settings, tmp_path: Path) -> None:
    path = manifest(tmp_path / "pictures", "csv")
    draw(tmp_path / "pictures" / "not listed.png")
    catalog = Catalog(settings.catalog.uri)
    new = NewDataset(path=str(tmp_path / "pictures"), annotations=str(path))
    row, _ = open_dataset(catalog, new, settings)
    run_of(settings, row).work()
    found = catalog.reader(row.dataset_id).page(offset=0, limit=10)[0]
    extras = {record["file_name"]: record["extra"] for record in found}
    assert extras["a b.png"] == '{"split":"train","score":3}'
    assert extras["not listed.png"] is None
