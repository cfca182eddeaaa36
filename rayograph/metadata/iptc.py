"""IPTC (IIM) as Photoshop puts it into a JPEG's APP13 segment."""

from __future__ import annotations

from typing import Any

from rayograph.metadata import values
from rayograph.metadata.values import some, word

_MAX_RECORDS = 2048
_HEAD = b"Photoshop 3.0\0"
_IPTC = 0x0404
_UTF8 = b"\x1b%G"


def read(segment: bytes) -> dict[str, Any]:
    """The details of an APP13 segment; nothing where there is no IPTC or it is broken."""
    records = _records(_resource(segment.removeprefix(_HEAD)))
    utf8 = records.get((1, 90), [b""])[0] == _UTF8

    def all_of(number: int) -> list[str]:
        return [_decoded(raw, utf8) for raw in records.get((2, number), [])]

    def first(number: int) -> str | None:
        found = all_of(number)
        return found[0] if found else None

    return some(
        title=values.text(first(5)),
        description=values.text(first(120)),
        keywords=values.words(all_of(25)),
        creator=word("; ".join(all_of(80))),
        copyright=values.text(first(116)),
        taken_at=_time(first(55), first(60)),
    )


def _resource(data: bytes) -> bytes:
    """The IPTC among Photoshop's resources."""
    at = 0
    for _ in range(_MAX_RECORDS):
        if data[at : at + 4] != b"8BIM" or at + 12 > len(data):
            return b""
        number = int.from_bytes(data[at + 4 : at + 6], "big")
        # A name, its length before it, padded to an even size; then the size of the resource.
        named = data[at + 6] + 1
        at += 6 + named + named % 2
        size = int.from_bytes(data[at : at + 4], "big")
        if number == _IPTC:
            return data[at + 4 : at + 4 + size]
        at += 4 + size + size % 2
    return b""


def _records(data: bytes) -> dict[tuple[int, int], list[bytes]]:
    found: dict[tuple[int, int], list[bytes]] = {}
    at = 0
    for _ in range(_MAX_RECORDS):
        if at + 5 > len(data) or data[at] != 0x1C:
            break
        key = data[at + 1], data[at + 2]
        size = int.from_bytes(data[at + 3 : at + 5], "big")
        at += 5
        if size & 0x8000:
            wide = size & 0x7FFF
            if wide > 4:
                break
            size = int.from_bytes(data[at : at + wide], "big")
            at += wide
        found.setdefault(key, []).append(data[at : at + size])
        at += size
    return found


def _decoded(raw: bytes, utf8: bool) -> str:
    if not utf8:
        try:
            return raw.decode("utf-8")
        except UnicodeDecodeError:
            return raw.decode("latin-1")
    return raw.decode("utf-8", "replace")


def _time(date: str | None, time: str | None) -> str | None:
    """``20240501`` and ``102030+0200`` as other headers write them."""
    if not date or len(date) != 8 or not date.isdigit():
        return None
    clock = time if time and len(time) >= 6 and time[:6].isdigit() else "000000"
    zone = f"{clock[6:9]}:{clock[9:11]}" if len(clock) == 11 else ""
    return f"{date[:4]}:{date[4:6]}:{date[6:]} {clock[:2]}:{clock[2:4]}:{clock[4:6]}" + zone
