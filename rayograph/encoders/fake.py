"""A deterministic encoder for tests: colour words find pictures of that colour.

It is only ever used when it is named (``model: fake``); ``auto`` never chooses it.
"""

from __future__ import annotations

import hashlib
import re
from typing import ClassVar

import numpy as np

from rayograph.encoders.base import Pixels, Vectors
from rayograph.encoders.names import FAKE_SHAPE, ResizeMode

_PALETTE: dict[str, tuple[int, int, int]] = {
    "red": (220, 30, 30),
    "orange": (245, 140, 20),
    "yellow": (240, 225, 40),
    "green": (40, 160, 60),
    "cyan": (40, 200, 210),
    "blue": (40, 70, 210),
    "purple": (130, 50, 170),
    "pink": (245, 140, 180),
    "brown": (120, 75, 40),
    "black": (10, 10, 10),
    "white": (245, 245, 245),
    "gray": (128, 128, 128),
}
_WORDS = {word: index for index, word in enumerate(_PALETTE)} | {
    "grey": list(_PALETTE).index("gray"),
    "violet": list(_PALETTE).index("purple"),
    "bright": len(_PALETTE),
    "light": len(_PALETTE),
    "dark": len(_PALETTE) + 1,
}
_LAYOUT = len(_PALETTE) + 2  # 4 x 4 brightness cells: different pictures differ
_OTHER = _LAYOUT + 16  # texts without a colour word point away from every picture
_CELLS = 4


class FakeEncoder:
    """Share of each palette colour, brightness and a coarse layout: ``float16 [n, 32]``."""

    name: ClassVar[str] = "fake"
    key: ClassVar[str] = "fake-1"
    dim: ClassVar[int] = FAKE_SHAPE.dim
    image_size: ClassVar[int] = FAKE_SHAPE.image_size
    mean: ClassVar[tuple[float, float, float]] = (0.0, 0.0, 0.0)
    std: ClassVar[tuple[float, float, float]] = (1.0, 1.0, 1.0)
    resize_mode: ClassVar[ResizeMode] = FAKE_SHAPE.resize_mode
    batch_size: ClassVar[int] = 64

    def images(self, pixels: Pixels) -> Vectors:
        count, height, width, _ = pixels.shape
        vectors = np.zeros((count, self.dim), np.float32)
        if not count:
            return vectors.astype(np.float16)
        flat = pixels.reshape(count, -1, 3).astype(np.float32)
        palette = np.array(list(_PALETTE.values()), np.float32)
        distances = ((flat[:, :, None, :] - palette) ** 2).sum(-1)
        nearest = distances.argmin(-1)
        for index in range(len(_PALETTE)):
            vectors[:, index] = np.sqrt((nearest == index).mean(1))
        light = flat.mean((1, 2)) / 255
        vectors[:, _WORDS["bright"]] = 0.2 * light
        vectors[:, _WORDS["dark"]] = 0.2 * (1 - light)
        grey = pixels.mean(-1, dtype=np.float32) / 255
        cells = grey[:, : height // _CELLS * _CELLS, : width // _CELLS * _CELLS]
        cells = cells.reshape(count, _CELLS, height // _CELLS, _CELLS, width // _CELLS)
        vectors[:, _LAYOUT:_OTHER] = 0.05 * cells.mean((2, 4)).reshape(count, -1)
        return _unit(vectors)

    def texts(self, texts: list[str]) -> Vectors:
        vectors = np.zeros((len(texts), self.dim), np.float32)
        for row, text in enumerate(texts):
            known = [_WORDS[word] for word in re.findall(r"[a-z]+", text.lower()) if word in _WORDS]
            if known:
                np.add.at(vectors[row], known, 1.0)
            else:
                angle = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=1).digest()[0]
                vectors[row, _OTHER:] = np.cos(angle), np.sin(angle)
        return _unit(vectors)


def _unit(vectors: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> Vectors:
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    return unit
