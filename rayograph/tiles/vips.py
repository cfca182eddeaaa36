"""Opening giants with libvips: only formats that were recognised, 8-bit colour or grey, upright.

Imported in children alone: what a parser trips over must not hurt a server.
"""

from __future__ import annotations

import contextlib
import ctypes
from pathlib import Path
from typing import Any

import pyvips

from rayograph.errors import ImageFault
from rayograph.headers import sniff

_LOADERS = {"JPEG": "jpegload", "PNG": "pngload", "WEBP": "webpload", "TIFF": "tiffload"}
# A JPEG decodes at an eighth in the time it takes to read it.
JPEG_SHRINK = 8
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8

pyvips.cache_set_max(0)


def spare_memory() -> None:
    """Have glibc give back what threads freed: 730 to 360 MB for a gigapixel in bands."""
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_ARENA_MAX, 1)
        libc.mallopt(_M_MMAP_THRESHOLD, 1 << 20)


def kind_of(path: Path) -> str:
    """The picture's format, by its first bytes.

    Raises:
        ImageFault: it is none that can be tiled.
    """
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise ImageFault(f"cannot be read: {error.strerror}", fault="missing") from None
    name = sniff(head)
    if name not in _LOADERS:
        raise ImageFault(f"{name} pictures of this size cannot be tiled", fault="unsupported")
    return name


def load(source: Any, kind: str, *, whole: bool = False, **options: Any) -> Any:
    """A lazily read picture as it is stored.

    Args:
        source: a path, or a libvips source.
        whole: it is read from its top to its bottom, once.
    """
    suffix = "" if isinstance(source, Path) else "_source"
    operation = getattr(pyvips.Image, _LOADERS[kind] + suffix)
    access = "sequential" if whole else "random"
    given = str(source) if isinstance(source, Path) else source
    # Half a picture must be a failure, never a half-grey pyramid.
    return operation(given, access=access, fail_on="truncated", **options)


def plain(image: Any) -> Any:
    """8-bit RGB or grey without alpha, whatever it was."""
    if (
        image.format == "uchar"
        and image.interpretation in {"srgb", "b-w"}
        and image.bands in {1, 3}
    ):
        return image
    if image.hasalpha():
        image = image.flatten(background=255 if image.format == "uchar" else _white(image))
    if image.bands == 2 or image.bands > 4:
        image = image[0] if image.bands == 2 else image[:3].copy(interpretation="srgb")
    if image.interpretation not in {"srgb", "b-w"}:
        image = image.colourspace("b-w" if image.bands == 1 else "srgb")
    return image.cast("uchar")


def _white(image: Any) -> float:
    return 65535.0 if image.format == "ushort" else 255.0


def orientation_of(image: Any) -> int:
    found = image.get("orientation") if "orientation" in image.get_fields() else 1
    return found if found in range(1, 9) else 1


def upright(image: Any) -> Any:
    """Turned as its EXIF orientation wants; reads in any order."""
    return image.autorot()


def is_random(image: Any, kind: str) -> bool:
    """Whether parts can be read by themselves."""
    return kind == "TIFF" and "tile-width" in image.get_fields()


def reduced(path: Path, kind: str, image: Any) -> list[tuple[float, dict[str, Any]]]:
    """Smaller copies inside a TIFF: (how many times smaller, how to open it), largest first."""
    if kind != "TIFF":
        return []
    fields = image.get_fields()
    subs = image.get("n-subifds") if "n-subifds" in fields else 0
    pages = image.get("n-pages") if "n-pages" in fields else 1
    ways: list[dict[str, Any]] = [{"subifd": n} for n in range(subs)]
    ways += [{"page": n} for n in range(1, min(pages, 64))]
    found = []
    for way in ways:
        with contextlib.suppress(pyvips.Error):
            small = load(path, kind, **way)
            factor = image.width / small.width
            same = abs(image.height / small.height - factor) <= 0.05 * factor
            if factor > 1.5 and same:
                found.append((factor, way))
    return sorted(found, key=lambda item: item[0])


def fault_of(error: Exception, kind: str) -> ImageFault:
    """A libvips error as one of our faults, without internals."""
    text = str(error).lower()
    if "premature end" in text or "truncated" in text or "end of file" in text or "eof" in text:
        return ImageFault("the file ends before the picture does", fault="truncated")
    if "no space left" in text or "disc full" in text:
        return ImageFault("the disk is full", fault="unreadable")
    if "memory" in text:
        return ImageFault("it takes more memory than a worker may use", fault="too_large")
    return ImageFault(f"broken {kind}: the data makes no sense", fault="corrupt")
