"""EXIF: camera, exposure, place and texts of a TIFF-framed block.

Read by hand for the few tags that are kept: a library that reads all of them takes several times
as long a file (docs/decisions/0018). Every offset in the block may be wrong.
"""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from rayograph.metadata import values
from rayograph.metadata.values import real, some, whole, word

_MAX_ENTRIES = 512
_MAX_BYTES = 1 << 20
# Type -> its struct letters; a rational is two numbers.
_KINDS = {1: "B", 3: "H", 4: "I", 5: "II", 6: "b", 8: "h", 9: "i", 10: "ii", 11: "f", 12: "d"}
_SIZES = {2: 1, 7: 1, **{kind: struct.calcsize("<" + form) for kind, form in _KINDS.items()}}
_EXIF, _GPS = 0x8769, 0x8825
_ISO = (0x8827, 0x8833, 0x8831, 0x8832)
_MAX_ISO = 10_000_000
# What a reader of text may try: tools disagree on what stands in an ASCII field.
_TEXTS = ("utf-8", "latin-1")


class Exif(NamedTuple):
    """``details`` for columns, and the ``texts`` in which tools hide what they did."""

    details: dict[str, Any]
    texts: dict[str, str]


_Entry = tuple[int, int, bytes]
_Table = dict[int, _Entry]


class _Block:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.order = {b"II": "<", b"MM": ">"}.get(data[:2], "")

    def root(self) -> _Table:
        if not self.order or len(self.data) < 8:
            return {}
        return self.table(struct.unpack_from(self.order + "I", self.data, 4)[0])

    def table(self, at: int) -> _Table:
        if at + 2 > len(self.data):
            return {}
        count = struct.unpack_from(self.order + "H", self.data, at)[0]
        count = min(count, _MAX_ENTRIES, (len(self.data) - at - 2) // 12)
        found = self.data[at + 2 : at + 2 + 12 * count]
        entries = struct.iter_unpack(self.order + "HHI4s", found)
        return {tag: (kind, n, raw) for tag, kind, n, raw in entries}

    def inner(self, table: _Table, tag: int) -> _Table:
        """The directory a tag points to."""
        at = self.numbers(table.get(tag))
        return self.table(int(at[0])) if at else {}

    def raw(self, entry: _Entry | None) -> bytes:
        if entry is None or entry[0] not in _SIZES:
            return b""
        kind, count, inline = entry
        size = count * _SIZES[kind]
        if size <= 4:
            return inline[:size]
        if size > _MAX_BYTES:
            return b""
        at = struct.unpack(self.order + "I", inline)[0]
        return self.data[at : at + size]

    def numbers(self, entry: _Entry | None) -> list[float]:
        """The numbers of a tag; a rational over 0 is left out."""
        form = _KINDS.get(entry[0]) if entry else None
        if form is None or entry is None or entry[1] > 64:
            return []
        raw = self.raw(entry)
        each = struct.iter_unpack(self.order + form, raw[: len(raw) - len(raw) % _SIZES[entry[0]]])
        if len(form) == 2:
            return [top / below for top, below in each if below]
        return [value for (value,) in each]

    def number(self, entry: _Entry | None) -> float | None:
        found = self.numbers(entry)
        return found[0] if found else None

    def text(self, entry: _Entry | None) -> str:
        return decoded(self.raw(entry)) if entry and entry[0] in (2, 7) else ""

    def wide_text(self, entry: _Entry | None) -> str:
        """A tag of Windows: UTF-16 in bytes."""
        return self.raw(entry).decode("utf-16-le", "replace") if entry and entry[0] == 1 else ""


def read(data: bytes) -> Exif:
    """The details and texts of a block; whatever makes no sense is left out."""
    block = _Block(data)
    root = block.root()
    inner = block.inner(root, _EXIF)
    make, model = block.text(root.get(0x010F)), block.text(root.get(0x0110))
    description, software = block.text(root.get(0x010E)), block.text(root.get(0x0131))
    texts = {
        "Make": make,
        "Model": model,
        "ImageDescription": description,
        "Software": software,
        "UserComment": comment(block.raw(inner.get(0x9286)), block.order),
        "MakerNote": decoded(block.raw(inner.get(0x927C))[:64]),
    }
    keywords = block.wide_text(root.get(0x9C9E)).split(";")
    details = some(
        **camera_names(make, model),
        **_exposure(block, inner),
        **_place(block, block.inner(root, _GPS)),
        lens=word(block.text(inner.get(0xA434))),
        title=values.text(block.wide_text(root.get(0x9C9B))),
        description=values.text(description),
        keywords=values.words(keywords),
        creator=word(block.text(root.get(0x013B))),
        copyright=values.text(block.text(root.get(0x8298))),
        file_rating=whole(block.number(root.get(0x4746)), -1, 5),
        software=word(software),
    )
    return Exif(details, {name: value for name, value in texts.items() if value})


def camera_names(make: object, model: object) -> dict[str, str]:
    """``camera_make``, ``camera_model`` and both in one, the maker named once."""
    maker, name = word(make), word(model)
    brand = maker.split()[0].lower() if maker else ""
    both = (
        name if name and name.lower().startswith(brand) else " ".join(filter(None, (maker, name)))
    )
    return some(camera=both or None, camera_make=maker, camera_model=name)


def decoded(raw: bytes) -> str:
    """An ASCII field, which holds whatever its writer had."""
    raw = raw.partition(b"\0")[0]
    for encoding in _TEXTS:
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return ""


def comment(raw: bytes, order: str) -> str:
    """A UserComment: eight bytes that name its encoding, then the text."""
    kind, body = raw[:8], raw[8:]
    if kind == b"UNICODE\0":
        return _utf16(body, order).rstrip("\0 ")
    if kind.rstrip(b"\0 ") in (b"ASCII", b"", b"JIS"):
        return decoded(body)
    # Nobody said how: some tools write the text alone.
    return decoded(raw)


def _utf16(body: bytes, order: str) -> str:
    """Text whose byte order nobody states: the one in which most of it is plain letters."""
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return body.decode("utf-16", "replace")
    sample = body[:512]
    high, low = sample[::2].count(0), sample[1::2].count(0)
    if not high and not low:
        try:
            return body.decode("utf-8")
        except UnicodeDecodeError:
            pass
    big = high > low if high != low else order == ">"
    return body.decode("utf-16-be" if big else "utf-16-le", "replace")


def _exposure(block: _Block, inner: _Table) -> dict[str, Any]:
    isos = (whole(block.number(inner.get(tag)), 1, _MAX_ISO) for tag in _ISO)
    aperture = block.number(inner.get(0x829D))
    if not aperture and (apex := block.number(inner.get(0x9202))) and abs(apex) < 30:
        aperture = round(2 ** (apex / 2), 2)
    exposure = block.number(inner.get(0x829A))
    if not exposure and (apex := block.number(inner.get(0x9201))) and abs(apex) < 30:
        exposure = 2**-apex
    return some(
        # 65,535 says: more than a short number holds, look at the other tags.
        iso=next((iso for iso in isos if iso and iso != 65_535), None),
        aperture=_positive(aperture, 1000),
        exposure_s=_positive(exposure, 1e6),
        focal_mm=_positive(block.number(inner.get(0x920A)), 1e5),
    )


def _positive(value: object, high: float) -> float | None:
    return real(value, 1e-9, high)


def _place(block: _Block, gps: _Table) -> dict[str, Any]:
    if not gps:
        return {}
    latitude = _degrees(block, gps, 2, 90)
    longitude = _degrees(block, gps, 4, 180)
    altitude = real(block.number(gps.get(6)), 0, 100_000)
    if altitude is not None and block.raw(gps.get(5))[:1] == b"\x01":
        altitude = -altitude
    # Where only one is there, or a receiver without a fix wrote zeros, the place is not known.
    if latitude is None or longitude is None or latitude == longitude == 0:
        return some(altitude_m=altitude if altitude else None)
    return some(latitude=latitude, longitude=longitude, altitude_m=altitude)


def _degrees(block: _Block, gps: _Table, tag: int, limit: float) -> float | None:
    parts = block.numbers(gps.get(tag))
    entry = gps.get(tag)
    if not parts or entry is None or len(parts) != entry[1] or min(parts) < 0:
        return None
    value = sum(part / 60**at for at, part in enumerate(parts[:3]))
    side = block.raw(gps.get(tag - 1))[:1].upper()
    return real(-value if side in (b"S", b"W") else value, -limit, limit)
