"""Details on their way: from files through the stage and the table to records and filters."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from rayograph.catalog import Catalog, DatasetReader, DatasetRow
from rayograph.catalog.counts import status_of
from rayograph.catalog.filters import Filter
from rayograph.metadata.arrow import DETAILS
from rayograph.schema import ImageRecord
from rayograph.sources import file_uri
from rayograph.where import parse
from rayograph_pipelines.stages.read_metadata import MetadataConfig, ReadMetadata
from rayograph_serve.records import record_of
from tests.described import CAMERA, exif, picture, png
from tests.working import Warm, opened, run_of, settings_for

SEED = (1 << 64) - 1
TEXT = (
    "a lighthouse <lora:grain:1>\nNegative prompt: fog\n"
    f"Steps: 20, Sampler: Euler, Seed: {SEED}, Model: sdxl"
)
FILES = {
    "camera.jpg": picture("JPEG", exif=exif(**CAMERA)),
    "made.png": png(parameters=TEXT),
    "next.png": png(parameters=TEXT.replace(str(SEED), str(SEED - 1))),
    "plain.jpg": picture("JPEG"),
    "broken.png": b"\x89PNG\r\n\x1a\n0000",
}


class Real(Warm):
    """The warm path's headers, really read."""

    def metadata(self, rows: pa.Table) -> pa.Table:
        stage = ReadMetadata(MetadataConfig())
        try:
            return stage(rows)
        finally:
            stage.close()


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> tuple[DatasetRow, DatasetReader]:
    home = tmp_path_factory.mktemp("details")
    folder = home / "pictures"
    folder.mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    settings = settings_for(home)
    row = opened(settings, folder)
    run_of(settings, row, Real()).work()
    catalog = Catalog(settings.catalog.uri)
    return catalog.dataset(row.dataset_id), catalog.reader(row.dataset_id)


def records(table: tuple[DatasetRow, DatasetReader], **page: Any) -> dict[str, ImageRecord]:
    row, reader = table
    found = reader.page(offset=0, limit=100, **page)[0]
    return {item["file_name"]: record_of(row, item) for item in found}


def test_the_stage_gives_every_column_its_type(tmp_path: Path) -> None:
    uris = []
    for name, data in FILES.items():
        (tmp_path / name).write_bytes(data)
        uris.append(file_uri(str(tmp_path / name)))
    found = Real().metadata(pa.table({"uri": uris}))
    for field in DETAILS:
        assert found.schema.field(field.name).type == field.type
    by_name = dict(zip(FILES, found.to_pylist(), strict=True))
    assert by_name["made.png"]["seed"] == SEED
    assert by_name["camera.jpg"]["camera"] == "NIKON D850"
    for name in ("plain.jpg", "broken.png"):
        assert all(by_name[name][column] is None for column in DETAILS.names)


def test_a_page_has_all_but_the_raw_text(table: tuple[DatasetRow, DatasetReader]) -> None:
    found = records(table)
    made = found["made.png"]
    assert (made.prompt, made.negative_prompt) == ("a lighthouse <lora:grain:1>", "fog")
    assert (made.seed, made.model_name, made.loras) == (SEED, "sdxl", ["grain"])
    assert made.parameters is None
    assert found["plain.jpg"].prompt is None
    assert found["broken.png"].error_code == "truncated"
    row, reader = table
    assert record_of(row, reader.record(made.id)).parameters == TEXT


@pytest.mark.parametrize(
    ("where", "names"),
    [
        ("camera:nikon", {"camera.jpg"}),
        ("exposure:1/250 and f<4 and iso=400", {"camera.jpg"}),
        ('model:"SDXL*"', {"made.png", "next.png"}),
        (f"seed={SEED}", {"made.png"}),
        (f"seed<{SEED} and seed>1", {"next.png"}),
        ("lora:grain and prompt:lighthouse", {"made.png", "next.png"}),
        ("not lora:grain and camera is missing", {"plain.jpg", "broken.png"}),
    ],
)
def test_filters_over_details(
    table: tuple[DatasetRow, DatasetReader], where: str, names: set[str]
) -> None:
    chosen = Filter(parse(where), partial(status_of, embeds=True))
    assert set(records(table, where=chosen)) == names
