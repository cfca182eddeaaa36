"""The size of a TIFF or BigTIFF from its first directory, without a decoder."""

from __future__ import annotations

import struct

from rayograph.errors import ImageFault
from rayograph.headers import Window

_WIDTH, _LENGTH = 256, 257
_MAX_ENTRIES = 512
# Field type -> how its value is written.
_KINDS = {3: "H", 4: "I", 16: "Q"}


def read_size(window: Window) -> tuple[int, int]:
    """Width and height as stored, px.

    Raises:
        ImageFault: ``truncated`` or ``corrupt``.
    """
    order = {b"II": "<", b"MM": ">"}.get(window.take(0, 2))
    if order is None:
        raise ImageFault("broken TIFF: no byte order", fault="corrupt")
    big = struct.unpack(order + "H", window.take(2, 2))[0] == 43
    # Where the directory begins; how its count and its entries are written.
    start, offset = ("Q", 8) if big else ("I", 4)
    count_kind, entry = ("Q", "HHQ8s") if big else ("H", "HHI4s")
    at = struct.unpack(order + start, window.take(offset, struct.calcsize(start)))[0]
    head = struct.calcsize(order + count_kind)
    count = min(struct.unpack(order + count_kind, window.take(at, head))[0], _MAX_ENTRIES)
    size = struct.calcsize(order + entry)
    found = {}
    for tag, kind, number, raw in struct.iter_unpack(
        order + entry, window.take(at + head, count * size)
    ):
        if tag in {_WIDTH, _LENGTH} and kind in _KINDS and number == 1:
            found[tag] = struct.unpack_from(order + _KINDS[kind], raw)[0]
    if len(found) < 2:
        raise ImageFault("broken TIFF: it has no size", fault="corrupt")
    return found[_WIDTH], found[_LENGTH]
