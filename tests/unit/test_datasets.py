"""Opening a dataset: what is there at once, and the word ``demo``."""

from __future__ import annotations

from pathlib import Path

import pytest

from rayograph.catalog import Catalog
from rayograph.datasets import open_dataset
from rayograph.demo import source as demo_source
from rayograph.demo.source import demo_folder, growth, open_source
from rayograph.demo.write import grow_demo, start_demo
from rayograph.errors import SourceEmpty, SourceNotFound
from rayograph.schema import NewDataset
from rayograph.settings import Settings, load
from rayograph.sources import resolve
from tests.pictures import write_pictures


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load(flags={"catalog.uri": str(tmp_path / "catalog"), "model": "fake"})[0]


@pytest.fixture
def catalog(settings: Settings) -> Catalog:
    return Catalog(settings.catalog.uri)


@pytest.fixture
def small_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo with 4 pictures first, then 8, then 12."""

    def start(folder: Path) -> Path:
        return start_demo(folder, count=4, size=24)

    def grow(folder: Path) -> object:
        return grow_demo(folder, count=12, lot=4, size=24)

    monkeypatch.setattr(demo_source, "start_demo", start)
    monkeypatch.setattr(demo_source, "grow_demo", grow)


def test_the_first_page_is_there_with_its_captions(
    catalog: Catalog, settings: Settings, tmp_path: Path
) -> None:
    folder = write_pictures(tmp_path / "colours", 12)
    row, is_new = open_dataset(catalog, NewDataset(path=str(folder)), settings)
    assert (row.name, row.model, is_new, row.listed) == ("colours", "fake", True, False)
    rows, total = catalog.reader(row.dataset_id).page(offset=0, limit=20)
    assert total == 12
    assert all(image["caption"] for image in rows)
    again, is_new = open_dataset(catalog, NewDataset(path=f"{folder}/"), settings)
    assert (again.dataset_id, is_new) == (row.dataset_id, False)


def test_what_cannot_be_opened(catalog: Catalog, settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceEmpty):
        open_dataset(catalog, NewDataset(path=str(tmp_path / "empty")), settings)
    with pytest.raises(SourceNotFound):
        open_dataset(catalog, NewDataset(path=str(tmp_path / "nowhere")), settings)
    write_pictures(tmp_path / "colours", 1)
    with pytest.raises(SourceNotFound):
        new = NewDataset(path=str(tmp_path / "colours"), annotations="a.json")
        open_dataset(catalog, new, settings)
    assert catalog.datasets() == []


@pytest.mark.usefixtures("small_demo")
def test_demo_is_a_source(catalog: Catalog, settings: Settings, tmp_path: Path) -> None:
    row, _ = open_dataset(catalog, NewDataset(path="demo", recursive=False), settings)
    folder = tmp_path / "catalog" / "demo"
    assert (row.name, row.source.kind, row.source.root) == ("demo", "folder", str(folder))
    rows, total = catalog.reader(row.dataset_id).page(offset=0, limit=20)
    assert total == 4
    assert all(image["caption"] for image in rows)
    # The front, which opens it before the catalog does, must mean the same dataset.
    assert open_source("demo", settings) == row.source
    assert open_dataset(catalog, NewDataset(path="demo"), settings)[1] is False


@pytest.mark.usefixtures("small_demo")
def test_only_the_demo_grows(settings: Settings, tmp_path: Path) -> None:
    source = open_source("demo", settings)
    seen = [len(list(Path(source.root).glob("*/*.*"))) for _ in growth(source, settings)]
    assert seen == [8, 12]
    folder = write_pictures(tmp_path / "colours", 3)
    before = sorted(folder.rglob("*"))
    assert len(list(growth(resolve(str(folder)), settings))) == 1
    assert sorted(folder.rglob("*")) == before


def test_where_the_demo_is_drawn() -> None:
    def place(**catalog: str) -> str:
        flags = {f"catalog.{key}": value for key, value in catalog.items()}
        return str(demo_folder(load(flags=flags)[0]))

    assert place(uri="/data/catalog") == "/data/catalog/demo"
    assert place(uri="file:///data/catalog") == "/data/catalog/demo"
    assert place(uri="s3://bucket/x", cache="/fast") == "/fast/demo"
    assert place(uri="s3://bucket/x").endswith("/demo")
