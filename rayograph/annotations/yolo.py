"""YOLO: ``data.yaml`` and a text file an image, of boxes, outlines or keypoints."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from rayograph.annotations.reports import Annotated, Notes, Reading, distinct
from rayograph.annotations.sheets import Item, Sheet, encode

YAMLS = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
_LISTS = ("classes.txt", "obj.names", "labels.txt", "classes.names")
_SLACK = 0.02


def read(place: Path, key_of: Callable[[Path], str], notes: Notes) -> Reading:
    """Every label file below ``place`` (a folder, or its ``data.yaml``).

    Args:
        key_of: the key of a label file's image.
    """
    about, folder = _about(place, notes)
    names = _names(about, folder, notes)
    shape = _keypoint_shape(about)

    def to_item(words: list[str]) -> Item:
        return _item(words, names, shape)

    found = False
    for path in label_files(folder):
        found = True
        yield _read_file(path, str(path.relative_to(folder)), key_of(path), to_item, notes)
    if not found and notes.note is None:
        notes.note = "there are no label files (labels/*.txt) in it"


def label_files(folder: Path) -> list[Path]:
    """Text files below folders called ``labels``; the folder's own where there are none."""
    found = []
    for home, folders, files in os.walk(folder):
        folders.sort()
        below = "labels" in Path(home).parts[len(folder.parts) - 1 :]
        found += [Path(home, f) for f in sorted(files) if below and _is_label(f)]
    return found or [p for p in sorted(folder.glob("*.txt")) if _is_label(p.name)]


def _is_label(name: str) -> bool:
    return name.endswith(".txt") and name not in _LISTS and not name.startswith(".")


def _about(place: Path, notes: Notes) -> tuple[dict[str, Any], Path]:
    """What a ``data.yaml`` says, and the folder it speaks of."""
    if place.is_dir():
        known = (place / name for name in YAMLS)
        path = next((path for path in known if path.is_file()), None)
        if path is None:
            return {}, place
    else:
        path = place
    home = path.parent
    try:
        about = yaml.safe_load(path.read_text("utf-8", "replace"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        reason = getattr(error, "problem", None) or "it is no YAML"
        notes.bad(path.name, reason, line=mark.line + 1 if mark else None)
        return {}, home
    if not isinstance(about, dict):
        notes.bad(path.name, "it is no YAML of keys and values", line=1)
        return {}, home
    inside = home / str(about.get("path") or "")
    return about, inside if inside.is_dir() else home


def _names(about: dict[str, Any], folder: Path, notes: Notes) -> dict[int, str]:
    names = about.get("names")
    if isinstance(names, list):
        return {n: str(name) for n, name in enumerate(names)}
    if isinstance(names, dict):
        try:
            return {int(n): str(name) for n, name in names.items()}
        except (TypeError, ValueError):
            notes.bad("data.yaml", "classes are numbered from 0", field="names")
    for name in _LISTS:
        path = folder / name
        if path.is_file():
            return dict(enumerate(path.read_text("utf-8", "replace").split("\n")))
    return {}


def _keypoint_shape(about: dict[str, Any]) -> tuple[int, int] | None:
    shape = about.get("kpt_shape")
    if isinstance(shape, list) and len(shape) == 2 and shape[1] in (2, 3):
        return int(shape[0]), int(shape[1])
    return None


def _read_file(
    path: Path, name: str, key: str, to_item: Callable[[list[str]], Item], notes: Notes
) -> Annotated:
    items = []
    try:
        lines = path.read_text("utf-8", "replace").splitlines()
    except OSError as error:
        notes.bad(name, error.strerror or "it cannot be read")
        lines = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            items.append(to_item(line.split()))
        except ValueError as error:
            notes.bad(name, str(error), line=number)
    labels = distinct([item.label for item in items])
    sheet = encode(Sheet(items, shares=True)) if items else None
    return Annotated(key, labels, len(items), sheet)


def _item(words: list[str], names: dict[int, str], shape: tuple[int, int] | None) -> Item:
    """One line: a class, then a box, an outline, or a box and keypoints; shares of the image."""
    number = int(words[0])
    if names and number not in names:
        raise ValueError(f"there is no class {number}")
    label = names.get(number, str(number)).strip()
    values = [_share(word) for word in words[1:]]
    if shape is not None and len(values) == 4 + shape[0] * shape[1]:
        return Item(label, _box(values), None, _keypoints(values[4:], shape[1]))
    if len(values) in (4, 5):
        return Item(label, _box(values))
    if len(values) >= 6 and len(values) % 2 == 0:
        return Item(label, _around(values), [values])
    raise ValueError(f"{len(values)} numbers make neither a box (4) nor an outline (6, 8, ...)")


def _share(word: str) -> float:
    value = float(word)
    # Confidences, visibilities (0 to 2) and boxes that reach a little over the edge are fine.
    if not -_SLACK <= value <= 2:
        raise ValueError(f"{word} is no share of the image (0 to 1)")
    return value


def _box(values: list[float]) -> tuple[float, float, float, float]:
    x, y, width, height = values[:4]
    if max(x, y, width, height) > 1 + _SLACK or min(width, height) < 0:
        raise ValueError("a box is x, y, width and height as shares of the image (0 to 1)")
    return x - width / 2, y - height / 2, width, height


def _around(flat: list[float]) -> tuple[float, float, float, float]:
    left, top = min(flat[::2]), min(flat[1::2])
    return left, top, max(flat[::2]) - left, max(flat[1::2]) - top


def _keypoints(values: list[float], each: int) -> list[float]:
    if each == 3:
        return values
    return [v for x, y in zip(values[::2], values[1::2], strict=True) for v in (x, y, 2.0)]
