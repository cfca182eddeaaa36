"""What every encoder offers, and the one way to get one."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

from rayograph.encoders.names import ResizeMode, parse_name

Precision = Literal["auto", "fp32", "bf16", "fp16"]
Device = str
Vectors = npt.NDArray[np.float16]
Pixels = npt.NDArray[np.uint8]


class Encoder(Protocol):
    """Turns pictures and texts into vectors whose dot product is their cosine similarity."""

    @property
    def name(self) -> str:
        """As the user writes it: model/pretrained."""
        ...

    @property
    def key(self) -> str:
        """Short hash of architecture and weights: vectors of different keys never mix."""
        ...

    @property
    def dim(self) -> int: ...

    @property
    def image_size(self) -> int:
        """Side of the square pictures it reads, px."""
        ...

    @property
    def mean(self) -> tuple[float, float, float]:
        """Per channel, of values in 0-1; already applied by ``images``."""
        ...

    @property
    def std(self) -> tuple[float, float, float]: ...

    @property
    def resize_mode(self) -> ResizeMode:
        """How a picture becomes square: shorter side then centre crop, or squashed."""
        ...

    @property
    def batch_size(self) -> int:
        """Pictures in one forward pass that suit the device."""
        ...

    def images(self, pixels: Pixels) -> Vectors:
        """``uint8 [n, image_size, image_size, 3]`` RGB -> unit vectors ``float16 [n, dim]``."""
        ...

    def texts(self, texts: list[str]) -> Vectors:
        """Unit vectors ``float16 [n, dim]``; recent ones come from a small cache."""
        ...


def load_encoder(
    name: str,
    *,
    precision: Precision = "auto",
    threads: int | Literal["auto"] = "auto",
    device: Device = "auto",
) -> Encoder:
    """Load the named model; what can be named is in docs/models.md.

    Args:
        precision: ``auto`` is fp16 on a GPU, bf16 on a CPU with bf16 instructions, else fp32.
        threads: CPU threads of this process; ``auto`` is every core it may use.
        device: ``auto`` (a GPU if there is one), ``cpu``, ``cuda`` or ``cuda:1``.

    Raises:
        ModelUnavailable: the model cannot be had; another one is never taken in its place.
    """
    parsed = parse_name(name)
    if parsed.kind == "fake":
        from rayograph.encoders.fake import FakeEncoder

        return FakeEncoder()
    from rayograph.encoders.clip import load_clip

    return load_clip(parsed, precision=precision, threads=threads, device=device)


def pick_precision(
    precision: Precision, device_type: str, cpuinfo: Path = Path("/proc/cpuinfo")
) -> Literal["fp32", "bf16", "fp16"]:
    """fp16 on a GPU; bf16 where the CPU has instructions for it (2.2 x measured), else fp32."""
    if precision != "auto":
        return precision
    if device_type != "cpu":
        return "fp16"
    try:
        lines = cpuinfo.read_text("utf-8").splitlines()
    except OSError:
        return "fp32"
    flags = next((line.split() for line in lines if line.startswith(("flags", "Features"))), [])
    return "bf16" if {"avx512_bf16", "amx_bf16", "bf16"} & set(flags) else "fp32"
