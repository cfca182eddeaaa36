"""A query picture's pixels, made in a guarded child: it comes from outside and may be anything."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from rayograph.errors import ImageFault, InvalidRequest
from rayograph.guard import Guard
from rayograph.imaging import load, square
from rayograph_pipelines.facts import ModelFacts

Box = tuple[float, float, float, float]
_MIN_SIDE = 2


@dataclass(frozen=True, slots=True)
class QueryConfig:
    """Limits a query picture must keep to."""

    max_pixels: int
    timeout_s: float


@dataclass(frozen=True, slots=True)
class QueryItem:
    """A picture's bytes and, as shares of its sides, the box in it (x, y, width, height)."""

    data: bytes
    facts: ModelFacts
    box: Box | None


class QueryPictures:
    """Turns query pictures into model input."""

    def __init__(self, config: QueryConfig) -> None:
        self._guard: Guard[bytes] = Guard(
            "rayograph_pipelines.query_picture:prepare", config, timeout_s=config.timeout_s
        )

    def pixels(self, data: bytes, facts: ModelFacts, box: Box | None) -> npt.NDArray[np.uint8]:
        """uint8 RGB as the model takes it: ``[image_size, image_size, 3]``.

        Raises:
            InvalidRequest: the bytes are no picture that can be read.
        """
        made = self._guard.map([QueryItem(data, facts, box)])[0]
        if isinstance(made, ImageFault):
            raise InvalidRequest(f"the query picture cannot be used: {made.message}")
        return np.frombuffer(made, np.uint8).reshape(facts.image_size, facts.image_size, 3)


def prepare(item: QueryItem, config: QueryConfig) -> bytes:
    """The guarded work: decode, cut the box out, bring it to the model's size."""
    # A box may be a small part of the picture: only without one may the JPEG be drafted.
    shortest = item.facts.image_size if item.box is None else 1 << 30
    image = load(item.data, shortest=shortest, max_pixels=config.max_pixels)
    if item.box is not None:
        x, y, width, height = item.box
        left, top = int(x * image.width), int(y * image.height)
        right = min(image.width, max(left + _MIN_SIDE, round((x + width) * image.width)))
        bottom = min(image.height, max(top + _MIN_SIDE, round((y + height) * image.height)))
        image = image.crop((left, top, right, bottom))
    return square(image, item.facts.image_size, item.facts.resize_mode).tobytes()
