"""The metadata and decoding stages on a folder of good and bad files."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from rayograph.schema import StageState
from rayograph.sources import file_uri
from rayograph_pipelines.stages.decode import Decode, DecodeConfig
from rayograph_pipelines.stages.read_metadata import MetadataConfig, ReadMetadata
from tests import hostile

DONE, FAILED = int(StageState.DONE), int(StageState.FAILED)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("images")
    hostile.write_all(folder)
    os.mkfifo(folder / "pipe.jpg")
    (folder / "folder.jpg").mkdir()
    return folder


@pytest.fixture(scope="module")
def metadata() -> Iterator[ReadMetadata]:
    stage = ReadMetadata(MetadataConfig())
    yield stage
    stage.close()


@pytest.fixture(scope="module")
def decode() -> Iterator[Decode]:
    stage = Decode(DecodeConfig(image_size=32))
    yield stage
    stage.close()


def listed(folder: Path, *names: str) -> pa.Table:
    uris = [file_uri(str(folder / name)) for name in names]
    return pa.table({"image_id": list(range(len(uris))), "uri": uris})


def test_metadata_of_every_file(folder: Path, metadata: ReadMetadata) -> None:
    wanted: dict[str, str | None] = dict.fromkeys(hostile.good_files())
    wanted |= {name: fault for name, (_, fault, _) in hostile.bad_files().items()}
    wanted |= {"pipe.jpg": "not_an_image", "folder.jpg": "not_an_image", "gone.jpg": "missing"}
    found = metadata(listed(folder, *wanted))
    assert found.column_names == ["image_id", "uri", *ReadMetadata.adds]
    rows = dict(zip(wanted, found.to_pylist(), strict=True))
    assert {name: row["meta_error_code"] for name, row in rows.items()} == wanted
    for row in rows.values():
        failed = row["meta_error_code"] is not None
        assert row["meta_state"] == (FAILED if failed else DONE)
        assert (row["width"] is None) == (row["meta_error"] is not None) == failed
    turned = rows["turned_6.jpg"]
    assert (turned["width"], turned["height"], turned["orientation"]) == (64, 48, 6)
    assert turned["taken_at"] == "2024-05-01T10:20:30+02:00"


def test_pixels_of_every_file(folder: Path, decode: Decode) -> None:
    wanted: dict[str, str | None] = dict.fromkeys(hostile.good_files())
    wanted |= {name: fault for name, (_, _, fault) in hostile.bad_files().items()}
    wanted |= {"pipe.jpg": "not_an_image", "gone.jpg": "missing"}
    found = decode(listed(folder, *wanted))
    assert found.column_names == ["image_id", "uri", *Decode.adds]
    rows = dict(zip(wanted, found.to_pylist(), strict=True))
    assert {name: row["embed_error_code"] for name, row in rows.items()} == wanted
    for name, row in rows.items():
        if wanted[name] is None:
            assert len(row["pixels"]) == 32 * 32 * 3
        else:
            assert row["pixels"] is None
        if (folder / name).is_file():
            data = (folder / name).read_bytes()
            assert row["content_hash"] == hashlib.blake2b(data, digest_size=16).hexdigest()
        else:
            assert row["content_hash"] is None
    red, green, blue = rows["turned_6.jpg"]["pixels"][-3:]
    assert blue > 190, "the upright picture is blue at the bottom right"
    assert max(red, green) < 40


def test_an_empty_batch(folder: Path, metadata: ReadMetadata, decode: Decode) -> None:
    empty = listed(folder).cast(pa.schema({"image_id": pa.int64(), "uri": pa.string()}))
    for stage in (metadata, decode):
        found = stage(empty)
        assert found.num_rows == 0
        assert found.schema.types == stage(listed(folder, "grey.jpg")).schema.types


def test_a_changed_file_is_taken_as_it_is(tmp_path: Path, decode: Decode) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(hostile.jpeg())
    first = decode(listed(tmp_path, "picture.jpg")).to_pylist()[0]
    path.write_bytes(hostile.png())
    second = decode(listed(tmp_path, "picture.jpg")).to_pylist()[0]
    assert second["embed_error_code"] is None
    assert first["content_hash"] != second["content_hash"]


def test_an_unreadable_file(tmp_path: Path, metadata: ReadMetadata) -> None:
    loop = tmp_path / "loop.jpg"
    loop.symlink_to(loop)
    row = metadata(listed(tmp_path, "loop.jpg")).to_pylist()[0]
    assert row["meta_error_code"] == "unreadable"
    assert str(tmp_path) not in row["meta_error"]
