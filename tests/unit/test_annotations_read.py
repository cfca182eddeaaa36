"""Annotation files are read whole, or as far as they can be; what cannot is named."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from PIL import Image

from rayograph.annotations.answers import Annotation
from rayograph.annotations.found import find
from rayograph.annotations.reading import Job, Summary, read
from rayograph.annotations.sheets import Item, Rle, Sheet, encode, runs, shape_fault, shown
from rayograph.sources import resolve
from tests.annotated import HEIGHT, WIDTH, box, coco, coco_folder, draw, write


@dataclass
class Outcome:
    summary: Summary
    rows: dict[str, dict[str, Any]]

    def shapes(self, key: str, size: tuple[int, int] = (WIDTH, HEIGHT)) -> list[Annotation]:
        return shown(self.rows[key]["annotations"], *size, 1)

    def problems(self) -> list[tuple[str, int | None, str | None]]:
        found = self.summary.notes["problems"]
        return [(p["reason"], p["line"], p["field"]) for p in found]


def outcome(source: str | Path, tmp_path: Path, annotations: Path | None = None) -> Outcome:
    """What the child makes of a source's annotations."""
    from dataclasses import replace

    opened = resolve(str(source))
    if annotations is not None:
        opened = replace(opened, annotations=str(annotations))
    found = find(opened)
    assert found is not None
    out = str(tmp_path / "out.arrow")
    summary = read(Job(found, opened.root, out), None)
    table = pa.ipc.open_file(out).read_all()
    return Outcome(summary, {row["key"]: row for row in table.to_pylist()})


def test_coco_keeps_boxes_polygons_masks_and_crowds(tmp_path: Path) -> None:
    found = outcome(coco_folder(tmp_path / "data"), tmp_path)
    assert found.summary.kind == "path"
    assert (found.summary.images, found.summary.annotations, found.summary.labels) == (3, 3, 2)
    assert found.rows["train/a.png"]["labels"] == ["cat", "dog"]
    cat, dog = found.shapes("train/a.png")
    assert cat.box == (10, 8, 20, 16)
    assert cat.polygons == [[10, 8, 30, 8, 30, 24]]
    assert (cat.area, cat.supercategory) == (160.0, "animal")
    assert dog.iscrowd and dog.mask is not None
    assert (dog.mask.size, dog.mask.counts) == ((48, 64), [0, 3072])
    assert found.rows["train/gone.png"]["objects"] == 0
    assert found.summary.notes["unmatched"] == 1
    assert found.summary.notes["unmatched_ids"] == ["77"]


def test_files_about_the_same_pictures_are_joined(tmp_path: Path) -> None:
    home = tmp_path / "data"
    draw(home / "train2017" / "a.png")
    people = coco(["a.png"], [box(1, id=9, segmentation=[[1, 1, 5, 1, 5, 5]])])
    points = coco(["a.png"], [box(1, id=9, keypoints=[3, 4, 2, 5, 6, 1])])
    captions = {"images": people["images"], "annotations": [{"image_id": 1, "caption": " a cat "}]}
    write(home / "annotations" / "instances_train2017.json", people)
    write(home / "annotations" / "person_keypoints_train2017.json", points)
    write(home / "annotations" / "captions_train2017.json", captions)
    write(home / "annotations" / "panoptic_train2017.json", people)
    found = outcome(home, tmp_path)
    (one,) = found.shapes("train2017/a.png")
    assert one.keypoints == [3, 4, 2, 5, 6, 1]
    assert one.polygons == [[1, 1, 5, 1, 5, 5]]
    assert found.rows["train2017/a.png"]["described"] == "a cat"
    assert found.rows["train2017/a.png"]["objects"] == 1


@pytest.mark.parametrize(
    ("entry", "field", "reason"),
    [
        (box(1, bbox=[1, 2, 3]), "annotations[0].bbox", "a box is x, y"),
        (box(1, bbox=[1, 2, -3, 4]), "annotations[0].bbox[2]", "-3 is no width"),
        (box(1, bbox=["x", 2, 3, 4]), "annotations[0].bbox[0]", "float"),
        (box(1, 7), "annotations[0].category_id", "no category 7"),
        (box(1, segmentation=[[1, 2]]), "annotations[0].segmentation", "three points"),
        (
            box(1, segmentation={"size": [4, 4], "counts": [3]}),
            "annotations[0].segmentation",
            "add up to 3",
        ),
        (box(1, keypoints=[1, 2]), "annotations[0].keypoints", "visibility"),
        ({"category_id": 1}, "annotations[0]", "image_id"),
        ([], "annotations[0]", "object"),
    ],
)
def test_a_broken_annotation_is_named_and_the_rest_is_read(
    tmp_path: Path, entry: Any, field: str, reason: str
) -> None:
    draw(tmp_path / "data" / "a.png")
    document = coco(["a.png"], [entry, box(1, 2)])
    path = write(tmp_path / "data" / "labels.json", document)
    found = outcome(tmp_path / "data", tmp_path)
    assert [item.label for item in found.shapes("a.png")] == ["dog"]
    ((said, line, where),) = found.problems()
    assert reason in said
    assert where == field
    assert line is not None
    # The line is the one its brackets begin in.
    begun = path.read_text().splitlines()[line - 1].strip()
    assert begun.startswith(("{", "["))
    assert found.summary.notes["broken"] == 1


def test_a_torn_document_gives_what_is_whole(tmp_path: Path) -> None:
    home = tmp_path / "data"
    draw(home / "a.png")
    text = json.dumps(coco(["a.png"], [box(1), box(1, 2), box(1)]), indent=1)
    lines = text.splitlines()
    at = next(n for n, line in enumerate(lines) if '"category_id": 2' in line)
    write(home / "x.json", "\n".join([*lines[:at], '   "category_id" oops', *lines[at + 1 :]]))
    found = outcome(home, tmp_path)
    assert [item.label for item in found.shapes("a.png")] == ["cat", "cat"]
    ((_, line, field),) = found.problems()
    assert (line, field) == (at + 1, "annotations[1]")


def test_a_document_that_is_cut_off_gives_what_came(tmp_path: Path) -> None:
    home = tmp_path / "data"
    draw(home / "a.png")
    document = coco(["a.png"], [box(1), box(1), box(1)])
    text = json.dumps({key: document[key] for key in ("categories", "images", "annotations")})
    write(home / "x.json", text[: text.rindex("{") + 9])
    found = outcome(home, tmp_path)
    assert len(found.shapes("a.png")) == 2
    assert found.summary.notes["broken"] == 1


@pytest.mark.parametrize("text", ["", "{", "[]", '{"images": 3}', '{"images": [' + "[" * 5000])
def test_nonsense_is_a_note_never_a_failure(tmp_path: Path, text: str) -> None:
    draw(tmp_path / "data" / "a.png")
    path = write(tmp_path / "data" / "x.json", text)
    found = outcome(tmp_path / "data", tmp_path, path)
    assert found.rows == {}
    assert found.summary.notes["note"]


def test_yolo_boxes_outlines_and_keypoints(tmp_path: Path) -> None:
    home = tmp_path / "data"
    for name in ("a", "b"):
        draw(home / "images" / "train" / f"{name}.jpg")
    write(home / "data.yaml", "names: [cat, dog]\nkpt_shape: [2, 3]\n")
    labels = home / "labels" / "train"
    write(labels / "a.txt", "0 0.5 0.5 0.25 0.5\n\n1 0.1 0.1 0.5 0.1 0.5 0.5\n")
    write(
        labels / "b.txt", "0 0.5 0.5 0.2 0.2 0.4 0.4 2 0.6 0.6 0\n9 0.5 0.5 0.1 0.1\n1 5 5 5 5\n1 x"
    )
    found = outcome(home, tmp_path)
    assert found.summary.kind == "stem"
    cat, dog = found.shapes("images/train/a")
    assert (cat.label, cat.box) == ("cat", (24, 12, 16, 24))
    assert (dog.label, dog.polygons) == ("dog", [[6.4, 4.8, 32, 4.8, 32, 24]])
    assert dog.box == (6.4, 4.8, 25.6, 19.2)
    (points,) = found.shapes("images/train/b")
    assert points.keypoints == [25.6, 19.2, 2, 38.4, 28.8, 0]
    reasons = [(reason, line) for reason, line, _ in found.problems()]
    assert reasons[0] == ("there is no class 9", 2)
    assert [line for _, line in reasons] == [2, 3, 4]


def test_yolo_without_names_has_numbers(tmp_path: Path) -> None:
    draw(tmp_path / "data" / "train" / "images" / "a.jpg")
    write(tmp_path / "data" / "train" / "labels" / "a.txt", "3 0.5 0.5 0.25 0.5")
    found = outcome(tmp_path / "data", tmp_path, tmp_path / "data")
    assert found.rows["train/images/a"]["labels"] == ["3"]


def test_pascal_voc(tmp_path: Path) -> None:
    home = tmp_path / "data"
    draw(home / "JPEGImages" / "a.jpg")
    good = (
        "<annotation><filename>a.jpg</filename><size><width>128</width><height>96</height></size>"
        "<object><name>cat</name><bndbox><xmin>20</xmin><ymin>16</ymin><xmax>60</xmax>"
        "<ymax>48</ymax></bndbox></object>\n<object><name>dog</name><bndbox><xmin>x</xmin>"
        "</bndbox></object></annotation>"
    )
    write(home / "Annotations" / "a.xml", good)
    write(home / "Annotations" / "b.xml", "<annotation>\n<object>\n</annotation>")
    found = outcome(home, tmp_path)
    # The picture is half as large as the one that was annotated.
    (cat,) = found.shapes("JPEGImages/a")
    assert (cat.label, cat.box) == ("cat", (10, 8, 20, 16))
    (number, _, field), (_, line, _) = found.problems()
    assert (number, field, line) == ("xmin is no number", "object[1].bndbox", 3)


def test_an_xml_bomb_is_refused(tmp_path: Path) -> None:
    draw(tmp_path / "data" / "JPEGImages" / "a.jpg")
    entities = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE x [<!ENTITY a0 "aaaaaaaaaa">{entities}]><annotation>&a11;</annotation>'
    write(tmp_path / "data" / "Annotations" / "a.xml", bomb)
    found = outcome(tmp_path / "data", tmp_path)
    assert found.rows == {}
    assert found.summary.notes["broken"] == 1


def test_a_picture_on_its_side_is_annotated_as_it_is_stored_or_as_it_is_seen() -> None:
    text = encode(Sheet([Item("cat", (10, 8, 20, 16), [[10, 8, 30, 8, 30, 24]])], (64, 48)))
    # Stored 64 x 48, displayed 48 x 64: EXIF 6 turns it clockwise.
    (turned,) = shown(text, 48, 64, 6)
    assert turned.box == (48 - 24, 10, 16, 20)
    picture = Image.new("L", (64, 48))
    picture.paste(255, (10, 8, 30, 24))
    left, top, right, bottom = picture.transpose(Image.Transpose.ROTATE_270).getbbox() or (0,) * 4
    assert turned.box == (left, top, right - left, bottom - top)
    (same,) = shown(text, 64, 48, 6)
    assert same.box == (10, 8, 20, 16)


@pytest.mark.parametrize(
    ("orientation", "move"),
    [
        (5, Image.Transpose.TRANSPOSE),
        (6, Image.Transpose.ROTATE_270),
        (7, Image.Transpose.TRANSVERSE),
        (8, Image.Transpose.ROTATE_90),
    ],
)
def test_every_turn_is_the_picture_s(orientation: int, move: Image.Transpose) -> None:
    picture = Image.new("L", (64, 48))
    picture.paste(255, (10, 8, 30, 24))
    left, top, right, bottom = picture.transpose(move).getbbox() or (0,) * 4
    (one,) = shown(encode(Sheet([Item("x", (10, 8, 20, 16))], (64, 48))), 48, 64, orientation)
    assert one.box == (left, top, right - left, bottom - top)


def test_compressed_run_lengths() -> None:
    # What pycocotools writes for a 5 x 4 mask with three pixels of its second column set, and for
    # a 30 x 24 rectangle with a hole in a 40 x 30 mask.
    assert runs("53<") == [5, 3, 12]
    text = "m3n0:000000000000WOHb087000000000000000000000000000000c3"
    assert runs(text) == [125, *[30, 10] * 7, 5, 2, 23, 10, *[30, 10] * 15, 30, 125]
    assert sum(runs(text)) == 40 * 30
    assert shape_fault(Rle((5, 4), "534")) is not None
    with pytest.raises(ValueError, match="run lengths"):
        runs("5 3")


def test_shares_of_an_unknown_size_are_not_shown_yet() -> None:
    text = encode(Sheet([Item("cat", (0.5, 0.5, 0.1, 0.1))], shares=True))
    assert shown(text, None, None, None) == []
    assert shown(None, 4, 4, None) == []
