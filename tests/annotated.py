"""Pictures with annotations in each of the formats, made on the spot."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from PIL import Image

WIDTH, HEIGHT = 64, 48


def draw(path: Path, *, size: tuple[int, int] = (WIDTH, HEIGHT)) -> Path:
    """A plain picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (200, 120, 40)).save(path)
    return path


def coco(names: list[str], annotations: list[dict[str, Any]]) -> dict[str, Any]:
    """A COCO document of pictures 1, 2, ... and these annotations; classes 1: cat, 2: dog."""
    images = [
        {"id": n, "file_name": name, "width": WIDTH, "height": HEIGHT}
        for n, name in enumerate(names, 1)
    ]
    categories = [
        {"id": 1, "name": "cat", "supercategory": "animal"},
        {"id": 2, "name": "dog", "supercategory": "animal"},
    ]
    return {"images": images, "annotations": annotations, "categories": categories}


def box(image: int, category: int = 1, **more: Any) -> dict[str, Any]:
    """One annotation: a box at 10, 8 of 20 x 16 px."""
    return {"image_id": image, "category_id": category, "bbox": [10, 8, 20, 16], **more}


def write(path: Path, document: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(document if isinstance(document, str) else json.dumps(document, indent=1))
    return path


def coco_folder(folder: Path) -> Path:
    """Three pictures in ``train``, two of which are annotated; returns the folder."""
    for name in ("a.png", "b.png", "c.png"):
        draw(folder / "train" / name)
    document = coco(
        ["a.png", "b.png", "gone.png"],
        [
            box(1, id=1, segmentation=[[10, 8, 30, 8, 30, 24]], area=160.0),
            box(1, 2, id=2, iscrowd=1, segmentation={"size": [48, 64], "counts": [0, 3072]}),
            box(2, id=3),
            box(77, id=4),
        ],
    )
    write(folder / "annotations" / "instances_train.json", document)
    return folder
