"""Byte-level header readers for the common formats: size, mode and EXIF without a decoder.

Each is bounded: it follows at most ``MAX_PARTS`` segments or chunks by seeking over them, so a
file made of endless headers costs a fraction of a second and no memory.
"""

from __future__ import annotations

import re
import struct
from datetime import datetime
from typing import IO, NamedTuple

from rayograph.errors import ImageFault

MAX_PARTS = 4096
MAX_EXIF = 1 << 20
_WINDOW = 4096

_DATE = re.compile(rb"^(\d{4})[:\-/](\d\d)[:\-/](\d\d)[ T](\d\d):(\d\d):(\d\d)")
_OFFSET = re.compile(rb"^([+-]\d\d):?(\d\d)")
_ISO_MEDIA = re.compile(rb"^....ftyp", re.DOTALL)
_AVIF_BRANDS = {b"avif", b"avis"}
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}
_DIB_HEADERS = {12, 40, 52, 56, 64, 108, 124}
_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
)
_OTHER_IMAGES = (
    (b"8BPS", "a Photoshop file"),
    (b"%!PS", "a PostScript file"),
    (b"\xc5\xd0\xd3\xc6", "a PostScript file"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000 image"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000 image"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL image"),
    (b"\xff\x0a", "a JPEG XL image"),
    (b"SIMPLE  =", "a FITS image"),
    (b"icns", "an Apple icon"),
    (b"\0\0\1\0", "a Windows icon"),
    (b"DDS ", "a DirectDraw texture"),
    (b"qoif", "a QOI image"),
    (b"v/1\1", "an OpenEXR image"),
    (b"#?RADIANCE", "a Radiance image"),
    (b"gimp xcf", "a GIMP file"),
)
_LIBVIPS_ALONE = (
    (b"\0\0\0\x0cjP  ", "JP2"),
    (b"\xff\x4f\xff\x51", "J2K"),
    (b"\0\0\0\x0cJXL ", "JXL"),
    (b"\xff\x0a", "JXL"),
)
_NO_IMAGES = (
    (b"%PDF", "a PDF document"),
    (b"PK\3\4", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x7fELF", "a program"),
    (b"\x1aE\xdf\xa3", "a video"),
)
_PNG_MODES = {(0, 1): "1", (0, 16): "I;16", (2, 8): "RGB", (2, 16): "RGB", (4, 8): "LA"}
_PNG_COLOURS = {0: "L", 3: "P", 4: "RGBA", 6: "RGBA"}
_PNG_TEXTS = {b"tEXt", b"zTXt", b"iTXt"}
_JPEG_MODES = {1: "L", 3: "RGB", 4: "CMYK"}


class Part(NamedTuple):
    """A block a reader has passed by: what the container calls it, where it is, bytes."""

    kind: str
    at: int
    length: int


class RawHeader(NamedTuple):
    """What the bytes say: ``width`` and ``height`` are as stored, before orientation.

    ``parts`` may hold details of the picture; they have not been looked at.
    """

    width: int
    height: int
    mode: str
    exif: bytes | None = None
    parts: tuple[Part, ...] = ()


def sniff(head: bytes) -> str:
    """The format a file's first bytes declare, whatever its name says.

    Raises:
        ImageFault: ``empty``, ``truncated``, ``unsupported`` or ``not_an_image``.
    """
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if _ISO_MEDIA.match(head):
        return _sniff_iso_media(head)
    if len(head) >= 16 and int.from_bytes(head[:4], "little") in _DIB_HEADERS:
        return "DIB"
    raise _stranger(head)


def sniff_giant(head: bytes) -> str:
    """As ``sniff``, with the formats besides that only the reader of giant pictures knows.

    Raises:
        ImageFault: as ``sniff``.
    """
    for magic, name in _LIBVIPS_ALONE:
        if head.startswith(magic):
            return name
    return sniff(head)


def _sniff_iso_media(head: bytes) -> str:
    size = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[8:12]} | {head[i : i + 4] for i in range(16, size - 3, 4)}
    if brands & _AVIF_BRANDS:
        return "AVIF"
    if brands & _HEIF_BRANDS:
        return "HEIF"
    raise ImageFault("a video, not an image", fault="not_an_image")


def _stranger(head: bytes) -> ImageFault:
    if not head:
        return ImageFault("the file is empty", fault="empty")
    for magic, name in _OTHER_IMAGES:
        if head.startswith(magic):
            return ImageFault(f"{name}: this format is not supported", fault="unsupported")
    for magic, name in _NO_IMAGES:
        if head.startswith(magic):
            return ImageFault(f"{name}, not an image", fault="not_an_image")
    if len(head) < 12 and any(magic.startswith(head) for magic, _ in _MAGIC):
        return ImageFault("the file ends inside its header", fault="truncated")
    return _text_fault(head)


def _text_fault(head: bytes) -> ImageFault:
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip().lower()
    if b"<svg" in text[:2048]:
        return ImageFault("an SVG drawing: this format is not supported", fault="unsupported")
    if text.startswith((b"<!doctype html", b"<html", b"<head", b"<body")):
        name = "an HTML page, not an image"
    elif not any(byte < 9 for byte in head[:512]):
        name = "text, not an image"
    else:
        name = "its first bytes are of no image format"
    return ImageFault(name, fault="not_an_image")


class Window:
    """Reads a seekable file by position, keeping the last few kilobytes at hand."""

    __slots__ = ("_base", "_file", "data")

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._base = 0
        self.data = file.read(_WINDOW)

    def take(self, at: int, count: int) -> bytes:
        """Exactly ``count`` bytes from position ``at``; ``truncated`` when the file ends first."""
        start = at - self._base
        found = self.data[start : start + count] if start >= 0 else b""
        if len(found) < count:
            self._file.seek(at)
            self._base, self.data = at, self._file.read(max(count, _WINDOW))
            found = self.data[:count]
            if len(found) < count:
                raise ImageFault("the file ends inside its header", fault="truncated")
        return found


def read_jpeg(window: Window) -> RawHeader:
    """Follows the segments up to the frame header."""
    at, exif, parts = 2, None, list[Part]()
    for _ in range(MAX_PARTS):
        mark, kind, length = struct.unpack(">BBH", window.take(at, 4))
        if mark != 0xFF:
            raise ImageFault("broken JPEG: no marker where one must be", fault="corrupt")
        if kind == 0xFF:
            at += 1
        elif kind == 0x01 or 0xD0 <= kind <= 0xD8:
            at += 2
        elif 0xC0 <= kind <= 0xCF and kind not in {0xC4, 0xC8, 0xCC}:
            _, height, width, layers = struct.unpack(">BHHB", window.take(at + 4, 6))
            if layers not in _JPEG_MODES:
                raise ImageFault(f"JPEG with {layers} channels", fault="unsupported")
            return RawHeader(width, height, _JPEG_MODES[layers], exif, tuple(parts))
        elif kind in {0xD9, 0xDA} or length < 2:
            raise ImageFault("broken JPEG: no frame header", fault="corrupt")
        else:
            if kind == 0xE1 and exif is None and length >= 16:
                block = window.take(at + 4, length - 2)
                if block[:6] == b"Exif\0\0":
                    exif = block[6:]
            if kind in {0xE1, 0xED}:
                parts.append(Part("APP", at + 4, length - 2))
            at += 2 + length
    raise ImageFault(f"more than {MAX_PARTS} JPEG segments before the picture", fault="corrupt")


def read_png(window: Window) -> RawHeader:
    """Follows the chunks up to the first pixels; EXIF stands before them or is not seen."""
    length, kind, width, height, depth, colour = struct.unpack(">I4sIIBB", window.take(8, 18))
    if kind != b"IHDR" or length != 13:
        raise ImageFault("broken PNG: no IHDR chunk at its start", fault="corrupt")
    mode = _PNG_MODES.get((colour, depth)) or _PNG_COLOURS.get(colour)
    if mode is None:
        raise ImageFault(f"broken PNG: colour type {colour}", fault="corrupt")
    at, exif, parts = 33, None, list[Part]()
    for _ in range(MAX_PARTS):
        length, kind = struct.unpack(">I4s", window.take(at, 8))
        if kind == b"IDAT":
            return RawHeader(width, height, mode, exif, tuple(parts))
        if kind == b"IEND" or length >= 1 << 31:
            raise ImageFault("broken PNG: no pixels", fault="corrupt")
        if kind == b"eXIf" and length <= MAX_EXIF:
            exif = window.take(at + 8, length)
        elif kind in _PNG_TEXTS:
            parts.append(Part(kind.decode(), at + 8, length))
        at += 12 + length
    raise ImageFault(f"more than {MAX_PARTS} PNG chunks before the picture", fault="corrupt")


def read_gif(window: Window) -> RawHeader:
    width, height = struct.unpack("<HH", window.take(6, 4))
    return RawHeader(width, height, "P")


def read_webp(window: Window) -> RawHeader:
    """The three WebP layouts: lossy, lossless and extended."""
    kind = window.take(12, 4)
    if kind == b"VP8 ":
        sync, width, height = struct.unpack("<3sHH", window.take(23, 7))
        if sync != b"\x9d\x01\x2a":
            raise ImageFault("broken WebP: no frame header", fault="corrupt")
        return RawHeader(width & 0x3FFF, height & 0x3FFF, "RGB")
    if kind == b"VP8L":
        bits = int.from_bytes(window.take(21, 4), "little")
        mode = "RGBA" if bits >> 28 & 1 else "RGB"
        return RawHeader((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, mode)
    if kind == b"VP8X":
        flags, sides = window.take(20, 1)[0], window.take(24, 6)
        width = int.from_bytes(sides[:3], "little") + 1
        height = int.from_bytes(sides[3:], "little") + 1
        exif, parts = _webp_extras(window) if flags & 0x0C else (None, ())
        return RawHeader(width, height, "RGBA" if flags & 0x10 else "RGB", exif, parts)
    raise ImageFault("broken WebP: unknown first chunk", fault="corrupt")


def _webp_extras(window: Window) -> tuple[bytes | None, tuple[Part, ...]]:
    at, exif, parts = 30, None, list[Part]()
    try:
        for _ in range(MAX_PARTS):
            kind, length = struct.unpack("<4sI", window.take(at, 8))
            if kind == b"EXIF" and length <= MAX_EXIF and exif is None:
                exif = window.take(at + 8, length).removeprefix(b"Exif\0\0")
            elif kind == b"XMP ":
                parts.append(Part("XMP ", at + 8, length))
            at += 8 + length + (length & 1)
    except ImageFault:
        pass  # The size is known; only the optional chunks behind the pixels are not there.
    return exif, tuple(parts)


READERS = {"JPEG": read_jpeg, "PNG": read_png, "GIF": read_gif, "WEBP": read_webp}


def read_exif(block: bytes) -> tuple[int | None, str | None]:
    """Orientation (1-8) and the time taken (ISO 8601) of a TIFF-framed EXIF block."""
    order = {b"II": "<", b"MM": ">"}.get(block[:2])
    if order is None or len(block) < 8:
        return None, None
    base = _entries(block, order, struct.unpack(order + "I", block[4:8])[0])
    orientation = None
    if 0x0112 in base:
        value = struct.unpack(order + "H", base[0x0112][2][:2])[0]
        orientation = value if 1 <= value <= 8 else None
    inner = {}
    if 0x8769 in base:
        inner = _entries(block, order, struct.unpack(order + "I", base[0x8769][2])[0])
    for table, tag, offset_tag in ((inner, 0x9003, 0x9011), (base, 0x0132, 0x9010)):
        taken_at = iso_time(
            _text(block, order, table.get(tag)), _text(block, order, inner.get(offset_tag))
        )
        if taken_at:
            return orientation, taken_at
    return orientation, None


_Entry = tuple[int, int, bytes]


def _entries(block: bytes, order: str, at: int) -> dict[int, _Entry]:
    if at + 2 > len(block):
        return {}
    count = struct.unpack_from(order + "H", block, at)[0]
    count = min(count, 512, (len(block) - at - 2) // 12)
    table = block[at + 2 : at + 2 + 12 * count]
    return {tag: (kind, n, raw) for tag, kind, n, raw in struct.iter_unpack(order + "HHI4s", table)}


def _text(block: bytes, order: str, entry: _Entry | None) -> bytes:
    if entry is None or entry[0] != 2 or entry[1] > 64:
        return b""
    if entry[1] <= 4:
        return entry[2][: entry[1]]
    at = struct.unpack(order + "I", entry[2])[0]
    return block[at : at + entry[1]]


def iso_time(text: bytes, offset: bytes = b"") -> str | None:
    """``2024:05:01 10:20:30`` and ``+02:00`` as ISO 8601; None for a time that cannot be."""
    match = _DATE.match(text)
    if not match:
        return None
    try:
        year, month, day, hour, minute, second = map(int, match.groups())
        stamp = datetime(year, month, day, hour, minute, second).isoformat()
    except ValueError:
        return None
    zone = _OFFSET.match(offset)
    return stamp + (b":".join(zone.groups()).decode() if zone else "")


def ends_early(file: IO[bytes], name: str) -> bool:
    """Whether a container declares more bytes than the file has (WebP, AVIF, HEIF)."""
    size = file.seek(0, 2)
    file.seek(0)
    if name == "WEBP":
        head = file.read(12)
        return 8 + int.from_bytes(head[4:8], "little") > size
    at = 0
    for _ in range(MAX_PARTS):
        file.seek(at)
        head = file.read(16)
        if len(head) < 8:
            return bool(head)
        length = int.from_bytes(head[:4], "big")
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:
            return False
        at += length
        if at > size:
            return True
    return False
