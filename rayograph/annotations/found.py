"""Which annotations a source has: the file or folder somebody named, or what obviously is one.

Looked for without reading more than heads of files, so that opening a dataset stays quick.
"""

from __future__ import annotations

import contextlib
import hashlib
import mmap
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from rayograph.annotations.answers import Format
from rayograph.errors import SourceEmpty, SourceError, SourceNotFound
from rayograph.sources import Source, display, local_path

# Part of every fingerprint: a reader that reads more has files read again.
_VERSION = 1
_HEAD = 1 << 16
_MOST_FILES = 64
_GLANCE = 5000
_ROBOFLOW = "_annotations.coco.json"
_NOT_OBJECTS = ("panoptic_", "image_info_")
_FILE_NAME = re.compile(rb'"file_name"\s*:\s*"((?:[^"\\]|\\.)*)"')
_YAMLS = (".yaml", ".yml")
# fsspec would follow these anywhere; pictures by such addresses are checked (rayograph.addresses).
_WEB = re.compile(r"https?://|.*::", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Found:
    """Annotations of one format; ``files`` are what is read of it, absolute paths or uris."""

    form: Format
    place: str
    files: tuple[str, ...]
    named: bool

    @property
    def shown(self) -> str:
        return display(local_path(self.place) or self.place)


def find(source: Source) -> Found | None:
    """The annotations of a source; None: there are none.

    Raises:
        SourceError: what was named does not exist, or is none that can be read.
    """
    if source.annotations is not None:
        return _named(source.annotations)
    if source.kind == "manifest":
        return Found("manifest", source.uri, (source.uri,), named=True)
    return _obvious(Path(source.root)) if source.kind == "folder" else None


def _named(text: str) -> Found:
    place = local_path(text) or text
    name = place.lower()
    if _WEB.match(place):
        raise SourceError(
            "annotations are not read from web addresses", hint="download the file and name it"
        )
    if name.endswith((".csv", ".parquet", ".jsonl", ".ndjson")):
        uri = text if "://" in text else "file://" + place
        return Found("manifest", uri, (uri,), named=True)
    if "://" in place:
        return Found("coco", place, (place,), named=True)
    path = Path(place)
    if path.is_dir():
        found = _inside(path)
        if found is None:
            raise SourceEmpty(
                f"no annotations in {display(place)}",
                hint="known: COCO (*.json), YOLO (data.yaml, labels/*.txt), Pascal VOC (*.xml)",
            )
        return Found(found.form, place, found.files, named=True)
    if not path.is_file():
        raise SourceNotFound(f"no annotation file {display(place)}")
    if name.endswith(_YAMLS):
        return Found("yolo", place, (place,), named=True)
    if name.endswith(".xml"):
        return Found("voc", place, (place,), named=True)
    if name.endswith(".json"):
        return Found("coco", place, (place,), named=True)
    raise SourceError(
        f"{display(place)} is no annotation file rayograph knows by its name",
        hint="known: .json (COCO), .yaml (YOLO), .xml (Pascal VOC), .csv .parquet .jsonl",
    )


def _obvious(root: Path) -> Found | None:
    """What can only be meant as the annotations of this folder's pictures.

    A folder of a million files is not looked through: beyond ``_GLANCE`` entries only what has one
    of the usual names is found.
    """
    folders, documents = _glance(root)
    files = [*_coco_files(root / "annotations"), *(root / name for name in documents)]
    files += [root / name / _ROBOFLOW for name in folders]
    files = [path for path in dict.fromkeys(files) if is_coco(path)][:_MOST_FILES]
    if files:
        place = root / "annotations" if files[0].parent.name == "annotations" else files[0]
        place = place if len(files) == 1 or place.is_dir() else root
        return Found("coco", str(place), tuple(map(str, files)), named=False)
    about = next((root / name for name in yolo_names() if (root / name).is_file()), None)
    labelled = [root / "labels", *(root / name / "labels" for name in folders if about)]
    if any(_holds(folder, ".txt") for folder in labelled):
        place = about or root
        return Found("yolo", str(place), (str(place),), named=False)
    if _holds(root / "Annotations", ".xml"):
        place = root / "Annotations"
        return Found("voc", str(place), (str(place),), named=False)
    return None


def yolo_names() -> tuple[str, ...]:
    """What a file that describes a YOLO set is called."""
    return tuple(f"{name}{suffix}" for name in ("data", "dataset") for suffix in _YAMLS)


def _glance(root: Path) -> tuple[list[str], list[str]]:
    """Folders and JSON documents among a folder's first entries, sorted."""
    folders, documents = [], [_ROBOFLOW]
    with contextlib.suppress(OSError), os.scandir(root) as entries:
        for entry in islice(entries, _GLANCE):
            if entry.is_dir():
                folders.append(entry.name)
            elif entry.name.endswith(".json"):
                documents.append(entry.name)
    return sorted(folders)[:_MOST_FILES], sorted(documents)[:_MOST_FILES]


def _holds(folder: Path, suffix: str, depth: int = 2) -> bool:
    """Whether there is such a file in a folder or a little below it."""
    below = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in islice(entries, _GLANCE):
            if entry.name.endswith(suffix):
                return True
            if depth and entry.is_dir(follow_symlinks=False):
                below.append(Path(entry.path))
    return any(_holds(each, suffix, depth - 1) for each in below[:_MOST_FILES])


def _inside(folder: Path) -> Found | None:
    """What a folder that somebody named holds."""
    found = _obvious(folder)
    if found is not None:
        return found
    if _holds(folder, ".xml"):
        return Found("voc", str(folder), (str(folder),), named=True)
    if _holds(folder, ".txt", depth=4):
        return Found("yolo", str(folder), (str(folder),), named=True)
    return None


def _coco_files(folder: Path) -> list[Path]:
    return [folder / name for name in _glance(folder)[1]]


def is_coco(path: Path) -> bool:
    """Whether a file begins as COCO's do; panoptic ones and lists of test images are left out."""
    if path.name.startswith(_NOT_OBJECTS):
        return False
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    keys = (b'"images"', b'"annotations"', b'"categories"')
    return head.lstrip().startswith(b"{") and any(key in head for key in keys)


# -- a file as a source ---------------------------------------------------------------------


def home_of(path: Path) -> Path:
    """The folder of the pictures that an annotation file is about.

    Raises:
        SourceEmpty: they are in none of the usual places.
    """
    if path.name.lower().endswith(_YAMLS):
        return path.parent
    if not is_coco(path):
        raise SourceEmpty(
            f"{display(str(path))} is no COCO file",
            hint="it has no images, annotations, categories",
        )
    places = list(bases(path, None))
    base = _base(places, _some_names(path))
    if base is None:
        looked = ", ".join(display(str(place)) for place in places if place.is_dir())
        raise SourceEmpty(
            f"the pictures of {display(str(path))} are not beside it",
            hint=f"looked in {looked}; or open their folder with --annotations {path.name}",
        )
    return base


def _some_names(path: Path) -> list[str]:
    """A few images' names, whatever stands before them in the file."""
    with path.open("rb") as file:
        if not path.stat().st_size:
            return []
        data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    matches = (match for match in _FILE_NAME.finditer(data))
    return [
        match[1].decode("utf-8", "replace") for _, match in zip(range(5), matches, strict=False)
    ]


def bases(path: Path, root: Path | None) -> Iterator[Path]:
    """Folders that the names in a COCO file may be relative to, likeliest first."""
    words = [word for word in re.split(r"[_.\-]", path.stem) if word]
    splits = list(dict.fromkeys(s for word in words for s in (word, word.rstrip("0123456789"))))
    below = [
        "",
        "images",
        *splits,
        *(f"images/{s}" for s in splits),
        *(f"{s}/images" for s in splits),
    ]
    tops = [path.parent, *([root] if root else []), path.parent.parent]
    seen = set[Path]()
    for top in tops:
        for each in below:
            place = top / each
            if place not in seen and (root is None or place.is_relative_to(root)):
                seen.add(place)
                yield place


def _base(places: list[Path], names: list[str]) -> Path | None:
    def holds(place: Path) -> bool:
        return any((place / name).is_file() for name in names)

    return next((place for place in places if place.is_dir() and holds(place)), None)


# -- keys -----------------------------------------------------------------------------------


def coco_keys(root: str | None) -> Callable[[Path, list[str]], Callable[[str], str]]:
    """What turns a file's image names into paths within the source."""
    top = Path(root) if root is not None else None

    def of(path: Path, names: list[str]) -> Callable[[str], str]:
        base = _base(list(bases(path, top)), names[:5]) if top is not None else None
        inside = base.relative_to(top).as_posix() if base is not None and top is not None else ""
        prefix = "" if inside in ("", ".") else inside + "/"
        return lambda name: prefix + tidy(name, root)

    return of


def tidy(name: str, root: str | None) -> str:
    """An image's name as a path with forward slashes, relative where it lies in the source."""
    name = name.replace("\\", "/")
    if root is not None and name.startswith(root.rstrip("/") + "/"):
        name = name[len(root.rstrip("/")) + 1 :]
    return name.removeprefix("./")


def yolo_key(root: str | None) -> Callable[[Path], str]:
    """The stem of a label file's image: ``labels/`` stands for ``images/``, as trainers have it."""

    def of(path: Path) -> str:
        parts = list(_within(path.with_suffix(""), root).parts)
        if "labels" in parts:
            at = len(parts) - 1 - parts[::-1].index("labels")
            swapped = [*parts[:at], "images", *parts[at + 1 :]]
            there = root is not None and Path(root, *swapped[:-1]).is_dir()
            parts = swapped if there else [*parts[:at], *parts[at + 1 :]]
        return "/".join(parts)

    return of


def voc_key(root: str | None) -> Callable[[Path, str | None], str]:
    """The stem of an XML file's image: what it names, or what is called like it."""

    def of(path: Path, named: str | None) -> str:
        within = _within(path, root).parent
        stem = Path(tidy(named, root) if named else path.name)
        top = within.parent if within.name == "Annotations" else within
        folder = (
            top / "JPEGImages" if root and (Path(root) / top / "JPEGImages").is_dir() else within
        )
        return (folder / stem).with_suffix("").as_posix().removeprefix("./")

    return of


def _within(path: Path, root: str | None) -> Path:
    return path.relative_to(root) if root and path.is_relative_to(root) else Path(path.name)


# -- marks ----------------------------------------------------------------------------------


def fingerprint(found: Found) -> str:
    """Changes when any of the files does."""
    digest = hashlib.blake2b(f"{_VERSION} {found.form}".encode(), digest_size=12)
    for name in found.files:
        path = local_path(name) or name
        for each in _all_files(path) if "://" not in path else ():
            info = os.stat(each)  # noqa: PTH116
            mark = f"\0{each}\0{info.st_size}\0{info.st_mtime_ns}"
            digest.update(mark.encode("utf-8", "surrogateescape"))
        digest.update(name.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _all_files(path: str) -> Iterator[str]:
    # A data.yaml speaks for the label files below its folder.
    top = path if os.path.isdir(path) else os.path.dirname(path)  # noqa: PTH112, PTH120
    if not path.lower().endswith(_YAMLS) and not os.path.isdir(path):  # noqa: PTH112
        yield path
        return
    for home, folders, files in os.walk(top):
        folders.sort()
        for name in sorted(files):
            if name.endswith((".txt", ".xml", *_YAMLS, ".names")):
                yield os.path.join(home, name)  # noqa: PTH118
