"""Pictures with metadata, made on the spot, and what the header reader says of them."""

from __future__ import annotations

import io
from typing import Any

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from rayograph.imaging import Header, read_header

CAMERA = {
    "base": {0x010F: "NIKON CORPORATION", 0x0110: "NIKON D850", 0x0131: "Ver.1.20"},
    "inner": {
        0x829D: 2.8,
        0x829A: 0.004,
        0x8827: 400,
        0x920A: 50.0,
        0xA434: "50mm f/1.8",
        0x9003: "2024:05:01 10:20:30",
        0x9011: "+02:00",
    },
    "place": {1: "S", 2: (33.0, 51.0, 30.0), 3: "E", 4: (151.0, 12.0, 0.0), 5: b"\1", 6: 35.5},
}


def exif(**tables: dict[int, Any]) -> Image.Exif:
    """A block of ``base``, ``inner`` and ``place`` tags."""
    block = Image.Exif()
    block.update(tables.get("base", {}))
    for tag, name in ((0x8769, "inner"), (0x8825, "place")):
        block.get_ifd(tag).update(tables.get(name, {}))
    return block


def picture(format: str = "JPEG", **options: Any) -> bytes:  # noqa: A002 (Pillow's word)
    out = io.BytesIO()
    if format == "AVIF" and "exif" in options:
        # Pillow's own check for an empty block looks at its first directory alone.
        options["exif"] = options["exif"].tobytes()
    Image.new("RGB", (16, 12), "navy").save(out, format, **options)
    return out.getvalue()


def png(packed: bool = False, **texts: str) -> bytes:
    """A PNG with these texts; an underscore stands for a hyphen where PNG has one."""
    info = PngInfo()
    for name, text in texts.items():
        info.add_text(name, text, zip=packed)
    return picture("PNG", pnginfo=info)


def user_comment(text: str, encoding: str = "utf-16-be") -> Image.Exif:
    """As WebUIs write it into a JPEG."""
    head = b"ASCII\0\0\0" if encoding == "ascii" else b"UNICODE\0"
    return exif(inner={0x9286: head + text.encode(encoding)})


def header(data: bytes) -> Header:
    return read_header(io.BytesIO(data), max_pixels=10**9, details=True)


def details(data: bytes) -> dict[str, Any]:
    """What a file says; nothing: {}."""
    return header(data).details or {}
