"""COCO: instances, keypoints and captions, of one file or several about the same images.

Two passes over the mapped files: the first learns which annotation is of which image, the second
decodes them image by image, so that no more than one image's annotations are held.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from rayograph.annotations.documents import Document, reason_of
from rayograph.annotations.reports import Annotated, Notes, Reading, distinct
from rayograph.annotations.sheets import Item, Rle, Sheet, encode, shape_fault

Id = int | str


class _Image(msgspec.Struct):
    id: Id
    file_name: str
    width: float | None = None
    height: float | None = None


class _Category(msgspec.Struct):
    id: Id
    name: str
    supercategory: str | None = None


class _Reference(msgspec.Struct):
    image_id: Id


class _Annotation(msgspec.Struct):
    image_id: Id
    id: Id | None = None
    category_id: Id | None = None
    bbox: list[float] | None = None
    segmentation: list[list[float]] | Rle | None = None
    area: float | None = None
    iscrowd: int | bool | None = 0
    keypoints: list[float] | None = None
    caption: str | None = None


_IMAGE = msgspec.json.Decoder(_Image)
_CATEGORY = msgspec.json.Decoder(_Category)
_REFERENCE = msgspec.json.Decoder(_Reference)
_ANNOTATION = msgspec.json.Decoder(_Annotation)


class _Broken(ValueError):
    """An entry that makes no sense; ``field`` is where in it."""

    def __init__(self, reason: str, field: str) -> None:
        super().__init__(reason)
        self.field = field


class _File:
    """One document, its images by their place among all files' images."""

    def __init__(self, document: Document, notes: Notes) -> None:
        self.document = document
        self._notes = notes
        self.categories: dict[Id, _Category] = {}
        for n, entry in enumerate(document.parts.get("categories", ())):
            found = self._decoded(_CATEGORY.decode, entry, "categories", n)
            if found is not None:
                self.categories[found.id] = found

    def images(self) -> Iterator[_Image]:
        for n, entry in enumerate(self.document.parts.get("images", ())):
            found = self._decoded(_IMAGE.decode, entry, "images", n)
            if found is not None:
                yield found

    def places(self, homes: dict[Id, int]) -> np.ndarray[Any, np.dtype[np.int64]]:
        """The image of each annotation; -1: it has none, or cannot be read."""
        entries = self.document.parts.get("annotations", [])
        found = np.full(len(entries), -1, np.int64)
        for n, entry in enumerate(entries):
            of = self._decoded(_REFERENCE.decode, entry, "annotations", n)
            if of is None:
                continue
            place = homes.get(of.image_id)
            if place is None:
                self._notes.homeless(of.image_id)
            else:
                found[n] = place
        return found

    def annotation(self, n: int) -> tuple[_Annotation, _Category | None] | None:
        entry = self.document.parts["annotations"][n]
        found: tuple[_Annotation, _Category | None] | None
        found = self._decoded(self._checked, entry, "annotations", n)
        return found

    def _checked(self, entry: Any) -> tuple[_Annotation, _Category | None]:
        found = _ANNOTATION.decode(entry)
        category = None
        if found.category_id is not None:
            category = self.categories.get(found.category_id)
            if category is None:
                raise _Broken(f"there is no category {found.category_id!r}", ".category_id")
        if found.bbox:
            _check_box(found.bbox)
        else:
            found.bbox = None
        fault = shape_fault(found.segmentation)
        if fault is not None:
            raise _Broken(fault, ".segmentation")
        if found.keypoints is not None and len(found.keypoints) % 3:
            raise _Broken("keypoints are x, y and visibility of each", ".keypoints")
        return found, category

    def _decoded(self, decode: Callable[[Any], Any], entry: Any, key: str, n: int) -> Any:
        """An entry, or None when it cannot be read, which is noted."""
        try:
            return decode(entry)
        except _Broken as broken:
            reason, field = str(broken), broken.field
        except msgspec.ValidationError as error:
            reason, field = reason_of(error)
        except (msgspec.DecodeError, UnicodeDecodeError):
            reason, field = "it is not UTF-8", ""
        named = self._notes.names_more
        line = self.document.line(entry) if named else None
        self._notes.bad(self.document.name, reason, line=line, field=f"{key}[{n}]{field}")
        return None


def _check_box(box: list[float]) -> None:
    if len(box) != 4:
        raise _Broken(f"a box is x, y, width and height, not {len(box)} numbers", ".bbox")
    for at, value in enumerate(box):
        if not math.isfinite(value) or (at > 1 and value < 0):
            raise _Broken(f"{value:g} is no {('x', 'y', 'width', 'height')[at]}", f".bbox[{at}]")


def read(
    files: list[Path],
    key_of: Callable[[Path, list[str]], Callable[[str], str]],
    names: list[str],
    notes: Notes,
) -> Reading:
    """Every image of the files with what is in it.

    Args:
        key_of: of a file and some of its images' names: what turns a name into a key.
        names: what to call each file.
    """
    keys: dict[str, int] = {}
    sizes: list[tuple[float, float] | None] = []
    opened: list[_File] = []
    places = []
    for path, name in zip(files, names, strict=True):
        file = _File(Document(path, name, notes), notes)
        opened.append(file)
        places.append(file.places(_homes(file, path, key_of, keys, sizes)))
    if not keys and notes.note is None:
        notes.note = "there is no image in it"
    where = np.concatenate(places) if places else np.zeros(0, np.int64)
    whose = np.repeat(np.arange(len(places)), [len(part) for part in places])
    entry = np.concatenate([np.arange(len(part)) for part in places]) if places else where
    order = np.argsort(where, kind="stable")
    ends = np.searchsorted(where[order], np.arange(len(keys) + 1))
    for key, place in keys.items():
        mine = order[ends[place] : ends[place + 1]]
        found = (opened[f].annotation(n) for f, n in zip(whose[mine], entry[mine], strict=True))
        yield _annotated(key, sizes[place], [each for each in found if each is not None])


def _homes(
    file: _File,
    path: Path,
    key_of: Callable[[Path, list[str]], Callable[[str], str]],
    keys: dict[str, int],
    sizes: list[tuple[float, float] | None],
) -> dict[Id, int]:
    """The place of each of a file's images among all, by its id; new ones are added."""
    images = list(file.images())
    to_key = key_of(path, [image.file_name for image in images[:50]])
    homes: dict[Id, int] = {}
    for image in images:
        key = to_key(image.file_name)
        if key not in keys:
            keys[key] = len(sizes)
            known = image.width and image.height
            sizes.append((image.width or 0, image.height or 0) if known else None)
        homes[image.id] = keys[key]
    return homes


def _annotated(
    key: str, size: tuple[float, float] | None, found: list[tuple[_Annotation, _Category | None]]
) -> Annotated:
    items: dict[object, Item] = {}
    captions: list[str] = []
    for n, (each, category) in enumerate(found):
        if each.caption is not None:
            captions.append(each.caption.strip())
        if each.caption is not None and category is None and each.bbox is None:
            continue
        # People in a file of keypoints are those of its instances, under the same ids.
        name = (each.id, category and category.name) if each.id is not None else n
        known = items.get(name)
        items[name] = _item(each, category) if known is None else _joined(known, each)
    labels = distinct([item.label for item in items.values()])
    sheet = encode(Sheet(list(items.values()), size)) if items else None
    return Annotated(key, labels, len(items), sheet, "\n".join(captions) or None)


def _item(each: _Annotation, category: _Category | None) -> Item:
    box = each.bbox
    return Item(
        category.name if category else None,
        (box[0], box[1], box[2], box[3]) if box else None,
        each.segmentation or None,
        each.keypoints or None,
        each.area,
        bool(each.iscrowd),
        category.supercategory if category else None,
    )


def _joined(known: Item, each: _Annotation) -> Item:
    if known.keypoints is None and each.keypoints:
        known.keypoints = each.keypoints
    if known.shape is None and each.segmentation:
        known.shape = each.segmentation
    return known
