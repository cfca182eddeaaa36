"""The blocks of metadata in a picture's container, found by its header reader and bounded here."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Any

from rayograph.errors import ImageFault
from rayograph.headers import Part, RawHeader, Window
from rayograph.metadata.exif import decoded
from rayograph.metadata.values import MAX_JSON
from rayograph.metadata.xmp import MAX_XMP

_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_PHOTOSHOP = b"Photoshop 3.0\0"
_XMP_TEXT = "XML:com.adobe.xmp"
_MAX_TEXTS = 64
# All texts of a file together, packed.
_MAX_BYTES = 4 << 20
# Chunks of no other name are opened: a file can hold whatever else it likes.
_KEYWORDS = frozenset({
    "parameters", "prompt", "workflow", "Comment", "Description", "Source", "Software", "Title",
    "Author", "Copyright", "Creation Time", "Dream", "sd-metadata", "invokeai_metadata",
    "fooocus_scheme", _XMP_TEXT,
})  # fmt: skip


@dataclass(slots=True)
class Blocks:
    """``exif`` TIFF-framed, ``xmp`` a packet, ``iptc`` an APP13 segment, ``texts`` by name."""

    exif: bytes | None = None
    xmp: bytes | None = None
    iptc: bytes | None = None
    texts: dict[str, str] = field(default_factory=dict)


def of_header(window: Window, raw: RawHeader) -> Blocks:
    """The blocks a header reader has passed by; one that the file ends in is left out."""
    blocks = Blocks(exif=raw.exif)
    left = _MAX_BYTES
    for part in raw.parts[:_MAX_TEXTS]:
        left -= part.length
        if left < 0:
            break
        try:
            data = window.take(part.at, part.length)
        except ImageFault:
            break
        _take(blocks, part, data)
    return blocks


def of_pillow(image: Any) -> Blocks:
    """The blocks of a picture that Pillow opened."""
    exif = image.getexif()
    raw = image.info.get("exif") or (exif.tobytes() if exif else None)
    packet = image.info.get("xmp") or exif.get(700)
    packet = packet.encode() if isinstance(packet, str) else packet
    iptc = exif.get(34377)
    return Blocks(
        raw.removeprefix(b"Exif\0\0") if isinstance(raw, bytes) else None,
        packet if isinstance(packet, bytes) else None,
        iptc if isinstance(iptc, bytes) else None,
    )


def _take(blocks: Blocks, part: Part, data: bytes) -> None:
    if part.kind in ("tEXt", "zTXt", "iTXt"):
        _text(blocks, part.kind, data)
    elif data.startswith(_PHOTOSHOP):
        blocks.iptc = blocks.iptc or data
    elif data.startswith(_XMP):
        blocks.xmp = blocks.xmp or data.removeprefix(_XMP)
    elif part.kind == "XMP ":
        blocks.xmp = data


def _text(blocks: Blocks, kind: str, data: bytes) -> None:
    keyword, _, rest = data.partition(b"\0")
    name = keyword.decode("latin-1")
    if name not in _KEYWORDS or name in blocks.texts:
        return
    packed = kind == "zTXt"
    if kind == "zTXt":
        rest = rest[1:]
    elif kind == "iTXt":
        packed, rest = rest[:1] == b"\1", rest[2:]
        # A language and the keyword in it.
        rest = rest.partition(b"\0")[2].partition(b"\0")[2]
    if packed:
        rest = _unpacked(rest)
    if name == _XMP_TEXT:
        blocks.xmp = rest[: MAX_XMP + 1]
    elif rest:
        blocks.texts[name] = decoded(rest[:MAX_JSON])


def _unpacked(data: bytes) -> bytes:
    """What was packed, of which a small text may claim gigabytes; nothing if it is broken."""
    try:
        return zlib.decompressobj().decompress(data, MAX_JSON)
    except zlib.error:
        return b""
