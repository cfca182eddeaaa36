"""Exports in every format, read again by readers that are not ours; and where they may go."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import tarfile
import zipfile
from datetime import date
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as Tree

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from rayograph.errors import ExportStopped, InvalidFilter, InvalidRequest
from rayograph.export import outcome, staging
from rayograph.export.formats import FORMATS, is_one_file, with_images
from rayograph.export.local import export
from rayograph.export.names import Names, safe_path
from rayograph.export.plain import plain, to_json
from rayograph.export.staging import Staging
from rayograph.export.write import write
from tests.exporting import NAMES, Shop, shop

IMAGES = [form.name for form in FORMATS.values() if form.images]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    return shop(tmp_path_factory.mktemp("shop"))


@pytest.fixture(scope="module")
def records(shared: Shop) -> dict[str, dict[str, Any]]:
    """Rows by their path in the source."""
    return {f"{r['folder']}/{r['file_name']}".lstrip("/"): r for r in shared.rows().records()}


def made(shop: Shop, tmp_path: Path, form: str, **options: Any) -> Path:
    return export(shop.catalog, shop.dataset, form, tmp_path / "out", **options)


def tree(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_rows_speak_the_words_of_the_api(records: dict[str, dict[str, Any]]) -> None:
    assert set(records) == set(NAMES)
    one, bad = records["b/one.png"], records["bad.jpg"]
    assert (one["status"], one["rating"], one["tags"]) == ("ready", 4, ["sea", "blue, deep"])
    assert (one["favorite"], one["error"]) == (False, None)
    assert (bad["status"], bad["error_code"], bad["error"]) == (
        "failed",
        "truncated",
        "it ends early",
    )
    assert not {"meta_state", "vector", "embed_state"} & set(one)


def test_rows_can_be_picked_by_a_filter_or_by_ids(
    shared: Shop, records: dict[str, dict[str, Any]]
) -> None:
    rows = shared.rows(where="tag:sea")
    assert rows.total == 2
    assert {r["file_name"] for r in rows.records()} == {"one.png", "con.jpg"}
    wanted = [records["con.jpg"]["id"], records["a/one.jpg"]["id"], "nobody"]
    rows = shared.rows(ids=wanted)
    assert rows.total == 2
    assert {r["id"] for r in rows.records()} == set(wanted[:2])
    with pytest.raises(InvalidFilter):
        shared.rows(where="width>")


def test_a_column_nobody_knew_is_exported_too(tmp_path: Path) -> None:
    one = shop(tmp_path)
    one.reader.snapshot().add_columns({"my_words": "concat('a ', file_name)", "my_number": "100"})
    table = pq.read_table(made(one, tmp_path, "parquet"))
    assert set(table["my_number"].to_pylist()) == {100}
    assert "a con.jpg" in table["my_words"].to_pylist()


def test_parquet_keeps_types_and_vectors(
    shared: Shop, records: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    table = pq.read_table(made(shared, tmp_path, "parquet", vectors=True))
    rows = table.to_pylist()
    assert [r["id"] for r in rows] == [r["id"] for r in records.values()]
    stored = shared.reader.vector(records["con.jpg"]["id"])
    (found,) = [r["vector"] for r in rows if r["file_name"] == "con.jpg"]
    assert np.array_equal(np.array(found, np.float16), stored)
    assert {k: v for k, v in rows[0].items() if k != "vector"} == records[_path(rows[0])]


def test_csv_and_jsonl_hold_every_row(
    shared: Shop, records: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    table = pa_csv.read_csv(export(shared.catalog, shared.dataset, "csv", tmp_path / "t.csv"))
    assert table["uri"].to_pylist() == [r["uri"] for r in records.values()]
    (tags,) = [
        t
        for t, n in zip(table["tags"].to_pylist(), table["file_name"].to_pylist(), strict=True)
        if n == "one.png"
    ]
    assert json.loads(tags) == ["sea", "blue, deep"]
    lines = export(shared.catalog, shared.dataset, "jsonl", tmp_path / "t.jsonl")
    assert [json.loads(line) for line in lines.read_text().splitlines()] == list(records.values())


def test_coco_counts_what_it_leaves_out(
    shared: Shop, records: dict[str, dict[str, Any]], tmp_path: Path
) -> None:
    coco = json.loads(made(shared, tmp_path, "coco").read_text())
    images = {image["id"]: image for image in coco["images"]}
    assert {image["file_name"] for image in images.values()} == set(NAMES) - {"bad.jpg"}
    assert {(i["width"], i["height"]) for i in images.values()} == {(640, 480)}
    names = {category["id"]: category["name"] for category in coco["categories"]}
    found = {
        (images[a["image_id"]]["file_name"], names[a["category_id"]], tuple(a["bbox"]))
        for a in coco["annotations"]
    }
    whole = (0, 0, 640, 480)
    assert found == {
        ("b/one.png", "sea", whole),
        ("b/one.png", "blue, deep", whole),
        ("con.jpg", "sea", whole),
    }
    assert [failure["error_code"] for failure in coco["failures"]] == ["truncated"]


BOXES = [
    {"label": "cat", "box": [10, 20, 100, 50], "polygons": [[10, 20, 110, 20, 110, 70]]},
    {"label": "dog", "box": [600, 400, 80, 90], "supercategory": "animal", "iscrowd": True,
     "area": 7000, "keypoints": [1, 2, 2, 0, 0, 0]},
]  # fmt: skip


@pytest.fixture(scope="module")
def boxed(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    """``con.jpg`` has two boxes, one of which leaves the picture."""
    one = shop(tmp_path_factory.mktemp("boxed"))
    values = {"annotations": json.dumps(BOXES), "described": "a cat and a dog"}
    table = one.reader.snapshot()
    table.add_columns(pa.schema([(n, pa.string()) for n in values if n not in table.schema.names]))
    quoted = {name: "'" + text + "'" for name, text in values.items()}
    one.reader.snapshot().update(quoted, where="file_name = 'con.jpg'")
    return one


def test_boxes_are_kept_in_coco(boxed: Shop, tmp_path: Path) -> None:
    coco = json.loads(made(boxed, tmp_path, "coco", where="favorite=true").read_text())
    assert {c["name"]: c.get("supercategory") for c in coco["categories"]} == {
        "cat": "",
        "dog": "animal",
    }
    cat, dog = coco["annotations"]
    assert (cat["bbox"], cat["segmentation"], cat["area"]) == (
        [10, 20, 100, 50],
        BOXES[0]["polygons"],
        5000,
    )
    assert (dog["iscrowd"], dog["area"], dog["num_keypoints"]) == (1, 7000, 1)
    assert coco["images"][0]["caption"] == "a cat and a dog"


def test_boxes_are_cut_at_the_edge_for_yolo_and_voc(boxed: Shop, tmp_path: Path) -> None:
    yolo = made(boxed, tmp_path, "yolo", where="favorite=true")
    lines = (yolo / "labels/_con.txt").read_text().splitlines()
    assert lines == [
        "0 0.093750 0.093750 0.156250 0.104167",
        "1 0.968750 0.916667 0.062500 0.166667",
    ]
    voc = export(boxed.catalog, boxed.dataset, "voc", tmp_path / "voc", where="favorite=true")
    top = Tree.parse(voc / "Annotations/_con.xml").getroot()
    boxes = [[int(str(edge.text)) for edge in box] for box in top.iter("bndbox")]
    assert boxes == [[10, 20, 110, 70], [600, 400, 640, 480]]


def test_boxes_are_objects_in_json_and_text_in_tables(boxed: Shop, tmp_path: Path) -> None:
    lines = made(boxed, tmp_path, "jsonl", where="favorite=true").read_text()
    assert json.loads(lines)["annotations"] == BOXES
    table = pq.read_table(export(boxed.catalog, boxed.dataset, "parquet", tmp_path / "t.parquet"))
    (text,) = table["annotations"].drop_null().to_pylist()
    assert json.loads(text) == BOXES


def test_coco_with_images_points_at_them(shared: Shop, tmp_path: Path) -> None:
    folder = made(shared, tmp_path, "coco", images=True)
    coco = json.loads((folder / "annotations.json").read_text())
    files = {image["file_name"] for image in coco["images"]}
    assert tree(folder) == files | {"annotations.json", "export.json", "failures.csv"}
    assert len({name.casefold() for name in files}) == 6


def test_yolo_has_a_label_file_for_each_image(shared: Shop, tmp_path: Path) -> None:
    folder = made(shared, tmp_path, "yolo")
    data = yaml.safe_load((folder / "data.yaml").read_text())
    assert sorted(data["names"].values()) == ["blue, deep", "sea"]
    stems = {
        path.removeprefix("images/").rpartition(".")[0]
        for path in tree(folder)
        if path.startswith("images/")
    }
    labels = {
        path.removeprefix("labels/").removesuffix(".txt")
        for path in tree(folder)
        if path.startswith("labels/")
    }
    assert stems == labels and len(stems) == 6
    (boxed,) = (folder / "labels" / "_con.txt").read_text().splitlines()
    assert boxed.split()[1:] == ["0.500000", "0.500000", "1.000000", "1.000000"]


def test_voc_lists_what_it_holds(shared: Shop, tmp_path: Path) -> None:
    folder = made(shared, tmp_path, "voc")
    stems = (folder / "ImageSets/Main/all.txt").read_text().split("\n")[:-1]
    assert len(stems) == 6
    for stem in stems:
        top = Tree.parse(folder / "Annotations" / f"{stem}.xml").getroot()
        assert (folder / "JPEGImages" / str(top.findtext("filename"))).is_file()
        assert top.findtext("size/width") == "640"
    boxes = [
        top
        for stem in stems
        for top in Tree.parse(folder / "Annotations" / f"{stem}.xml").iter("bndbox")
    ]
    assert {tuple(int(str(e.text)) for e in box) for box in boxes} == {(0, 0, 640, 480)}


def test_a_folder_holds_the_very_bytes(shared: Shop, tmp_path: Path) -> None:
    folder = made(shared, tmp_path, "folder")
    with (folder / "metadata.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 6
    for row in rows:
        assert row["file"].rpartition("/")[0] == row["folder"]
        original = shared.folder / row["folder"] / row["file_name"]
        assert (folder / row["file"]).read_bytes() == original.read_bytes()


def test_hugging_face_metadata_names_each_file(shared: Shop, tmp_path: Path) -> None:
    folder = made(shared, tmp_path, "huggingface", vectors=True)
    lines = (folder / "data/metadata.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    assert len(rows) == 6
    assert all((folder / "data" / row["file_name"]).is_file() for row in rows)
    assert {len(row["vector"]) for row in rows} == {8}
    assert "drop_labels: true" in (folder / "README.md").read_text()


def test_webdataset_shards_group_by_key(
    shared: Shop,
    records: dict[str, dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("rayograph.export.webdataset.SHARD_IMAGES", 4)
    folder = made(shared, tmp_path, "webdataset")
    samples: dict[str, dict[str, bytes]] = {}
    for shard in sorted(folder.glob("*.tar")):
        with tarfile.open(shard) as tar:
            for member in tar:
                key, _, suffix = member.name.partition(".")
                samples.setdefault(key, {})[suffix] = tar.extractfile(member).read()  # type: ignore[union-attr]
    assert sorted(path.name for path in folder.glob("*.tar")) == [
        "pictures-000000.tar",
        "pictures-000001.tar",
    ]
    for path, row in records.items():
        if path == "bad.jpg":
            assert row["id"] not in samples
            continue
        sample = samples[row["id"]]
        assert json.loads(sample["json"]) == row
        assert sample[path.rpartition(".")[2]] == (shared.folder / path).read_bytes()


@pytest.mark.parametrize("form", IMAGES)
def test_what_is_left_out_is_said_beside(shared: Shop, tmp_path: Path, form: str) -> None:
    folder = made(shared, tmp_path, form)
    about = json.loads((folder / "export.json").read_text())
    assert (about["rows"], about["failed"], about["failed_rows"]) == (7, 1, "left out")
    with (folder / "failures.csv").open(newline="") as file:
        assert [row["error_code"] for row in csv.DictReader(file)] == ["truncated"]


@pytest.mark.parametrize("form", ["folder", "webdataset"])
def test_an_original_that_is_gone_is_left_out_and_told(tmp_path: Path, form: str) -> None:
    one = shop(tmp_path)
    (one.folder / "con.jpg").unlink()
    folder = made(one, tmp_path, form)
    assert json.loads((folder / "export.json").read_text())["failed"] == 2
    with (folder / "failures.csv").open(newline="") as file:
        assert [row["error_code"] for row in csv.DictReader(file)] == ["truncated", "missing"] or (
            form == "webdataset"
        )
    assert not list(folder.rglob("*con.jpg"))


@pytest.mark.parametrize("link", ["symlink", "hardlink"])
def test_links_in_place_of_copies(shared: Shop, tmp_path: Path, link: outcome.Link) -> None:
    folder = made(shared, tmp_path, "folder", link=link)
    path = folder / "a/one.jpg"
    assert path.is_symlink() == (link == "symlink")
    assert path.samefile(shared.folder / "a/one.jpg")


def staged(shop: Shop, folder: Path, form: str = "folder") -> Path:
    write(form, shop.rows(), Staging(folder))
    return folder


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_an_archive_holds_what_the_folder_would(
    shared: Shop, tmp_path: Path, kind: outcome.Archive
) -> None:
    made_in = staged(shared, tmp_path / "made")
    out = io.BytesIO()
    outcome.send(made_in, out, kind)
    out.seek(0)
    if kind == "zip":
        with zipfile.ZipFile(out) as packed:
            assert packed.testzip() is None
            held = {name: packed.read(name) for name in packed.namelist()}
    else:
        with tarfile.open(fileobj=out) as tar:
            held = {m.name: tar.extractfile(m).read() for m in tar}  # type: ignore[union-attr]
    folder = outcome.assemble(made_in)
    assert held == {name: (folder / name).read_bytes() for name in tree(folder)}


def test_an_archive_of_links_has_the_plan_in_place_of_the_images(
    shared: Shop, tmp_path: Path
) -> None:
    out = io.BytesIO()
    outcome.send(staged(shared, tmp_path / "made"), out, "links")
    out.seek(0)
    with tarfile.open(fileobj=out) as tar:
        assert set(tar.getnames()) == {
            "metadata.csv",
            "failures.csv",
            "export.json",
            outcome.LINKS,
        }


# -- where it may go --------------------------------------------------------------------------


def test_sources_are_never_written_to(shared: Shop, tmp_path: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in shared.folder.rglob("*")}
    inside = tmp_path / "link"
    inside.symlink_to(shared.folder)
    for target in (shared.folder, shared.folder / "new", shared.folder.parent, inside / "b"):
        with pytest.raises(InvalidRequest, match="the source of this dataset"):
            export(shared.catalog, shared.dataset, "folder", target, overwrite=True)
    assert before == {path: path.stat().st_mtime_ns for path in shared.folder.rglob("*")}


def test_only_an_export_is_replaced_and_only_when_told(shared: Shop, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "letter.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(InvalidRequest):
            export(shared.catalog, shared.dataset, "folder", other, overwrite=overwrite)
    assert (other / "letter.txt").read_text() == "mine"
    first = made(shared, tmp_path, "folder", where="tag:sea")
    with pytest.raises(InvalidRequest, match="not empty"):
        made(shared, tmp_path, "folder")
    again = made(shared, tmp_path, "folder", overwrite=True)
    assert again == first and len(list(again.rglob("*.jpg"))) == 5
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_file_is_replaced_only_when_told(shared: Shop, tmp_path: Path) -> None:
    made(shared, tmp_path, "csv")
    with pytest.raises(InvalidRequest, match="exists"):
        made(shared, tmp_path, "csv")
    assert made(shared, tmp_path, "csv", overwrite=True).is_file()
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidRequest, match="is a folder"):
        export(shared.catalog, shared.dataset, "csv", tmp_path / "empty")


def test_one_that_breaks_off_leaves_nothing(shared: Shop, tmp_path: Path) -> None:
    def stop(_: object) -> None:
        raise ExportStopped("told to")

    target = tmp_path / "target"
    with pytest.raises(ExportStopped):
        export(shared.catalog, shared.dataset, "folder", target / "out", on_progress=stop)
    assert list(target.iterdir()) == []


def test_what_a_killed_one_left_is_cleared(shared: Shop, tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    dead = int(said.stdout)
    left = tmp_path / f".out.partial-{dead}"
    left.mkdir()
    made(shared, tmp_path, "folder")
    assert not left.exists()


def test_too_much_disk_ends_it(shared: Shop, tmp_path: Path) -> None:
    with pytest.raises(ExportStopped, match="more than"):
        write("csv", shared.rows(), Staging(tmp_path / "made", most_bytes=10))


def test_what_a_format_cannot_be_is_refused() -> None:
    for form, images in (("csv", True), ("folder", False), ("zip", None)):
        with pytest.raises(InvalidRequest):
            with_images(form, images)
    assert [f for f in FORMATS if is_one_file(f, None)] == ["csv", "jsonl", "parquet", "coco"]


# -- names ------------------------------------------------------------------------------------


@given(st.text(max_size=300), st.text(max_size=300))
def test_no_name_leads_out_or_offends_a_system(folder: str, name: str) -> None:
    path = safe_path(folder, name)
    parts = path.split("/")
    assert not path.startswith("/") and not {"", ".", ".."} & set(parts)
    for part in parts:
        assert len(part.encode()) <= 182 and not set(part) & set('<>:"\\|?*\0')
        assert part == part.rstrip(". ") and part.split(".")[0].lower() not in ("con", "nul")


def test_each_name_is_given_once() -> None:
    names = Names()
    assert [names.take(n) for n in ("a/x.jpg", "A/X.JPG", "a/x.jpg", "b/x.jpg")] == [
        "a/x.jpg",
        "A/X~2.JPG",
        "a/x~3.jpg",
        "b/x.jpg",
    ]
    stems = Names(stems=True)
    assert [stems.take(n) for n in ("x.jpg", "x.png", "x")] == ["x.jpg", "x~2.png", "x~3"]


def test_values_json_has_no_word_for() -> None:
    value = {"a": [float("nan"), b"\0", 1.5, None, date(2024, 5, 1)]}
    assert plain(value) == {"a": [None, "AA==", 1.5, None, "2024-05-01"]}
    assert to_json(value) == '{"a":[null,"AA==",1.5,null,"2024-05-01"]}'
    assert to_json({"b": b"\0"}) == '{"b":"AA=="}'


def test_the_plan_is_read_back_in_lots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(staging, "_LOT", 3)
    made_in = Staging(tmp_path / "made")
    for number in range(8):
        made_in.small(f"{number}", b"x" * number)
    made_in.finish({}, alone=False)
    found = list(staging.entries(tmp_path / "made"))
    assert [entry.name for entry in found] == [*map(str, range(8)), "export.json"]


def _path(row: dict[str, Any]) -> str:
    return f"{row['folder']}/{row['file_name']}".lstrip("/")
