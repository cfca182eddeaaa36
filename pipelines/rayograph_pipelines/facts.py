"""What the stages around a model must know of it."""

from __future__ import annotations

from dataclasses import dataclass

from rayograph.encoders import Encoder
from rayograph.encoders.names import ResizeMode


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What a loaded model is: ``key`` names its weights, sizes in pixels and dimensions."""

    key: str
    dim: int
    image_size: int
    resize_mode: ResizeMode = "shortest"

    @classmethod
    def of(cls, encoder: Encoder) -> ModelFacts:
        return cls(encoder.key, encoder.dim, encoder.image_size, encoder.resize_mode)
