"""The model over decoded pictures."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from rayograph.encoders import Device, Encoder, Precision, load_encoder
from rayograph.schema import StageState


@dataclass(frozen=True, slots=True)
class EmbedConfig:
    """``model`` is a name ``load_encoder`` takes; ``batch_size`` is pictures a forward pass;
    ``nice`` is how much the process steps back for others.
    """

    model: str
    precision: Precision = "auto"
    threads: int | Literal["auto"] = "auto"
    device: Device = "auto"
    batch_size: int | Literal["auto"] = "auto"
    nice: int = 0


class Embed:
    """Replaces ``pixels`` by ``vector`` and ``embed_state``; failed rows pass through with null.

    ``pixels`` is raw RGB, ``image_size ** 2 * 3`` bytes; null where an earlier stage failed.
    """

    reads: ClassVar[tuple[str, ...]] = ("pixels", "embed_error_code", "embed_error")
    adds: ClassVar[tuple[str, ...]] = ("vector", "embed_state")

    def __init__(self, config: EmbedConfig) -> None:
        if config.nice:
            os.nice(config.nice)
        self.encoder: Encoder = load_encoder(
            config.model, precision=config.precision, threads=config.threads, device=config.device
        )
        auto = config.batch_size == "auto"
        self.batch_size = self.encoder.batch_size if auto else int(config.batch_size)

    def __call__(self, batch: pa.Table) -> pa.Table:
        count = batch.num_rows
        pixels = batch["pixels"]
        codes = batch["embed_error_code"].to_pylist()
        errors = batch["embed_error"].to_pylist()
        vectors = np.zeros((count, self.encoder.dim), np.float16)
        todo = self._readable(pixels, codes, errors)
        for start in range(0, len(todo), self.batch_size):
            rows = todo[start : start + self.batch_size]
            vectors[rows] = self.encoder.images(self._stack(pixels, rows))
        for row in np.flatnonzero(~np.isfinite(vectors).all(1)):
            codes[row], errors[row] = "corrupt", "the model made no usable vector of it"
        failed = np.array([code is not None for code in codes], bool)
        vectors[failed] = 0
        batch = _set(batch, "embed_error_code", pa.array(codes, pa.string()))
        batch = _set(batch, "embed_error", pa.array(errors, pa.string()))
        states = np.where(failed, int(StageState.FAILED), int(StageState.DONE)).astype(np.uint8)
        return (
            batch.drop_columns(["pixels"])
            .append_column("vector", vector_array(vectors, failed))
            .append_column("embed_state", pa.array(states))
        )

    def _readable(
        self, pixels: pa.ChunkedArray, codes: list[str | None], errors: list[str | None]
    ) -> list[int]:
        """Rows the model can read; marks those that claim to be fine and are not."""
        length = self.encoder.image_size**2 * 3
        rows = []
        for row, code in enumerate(codes):
            if code is not None:
                continue
            value = pixels[row]
            if value.is_valid and value.as_buffer().size == length:
                rows.append(row)
            else:
                codes[row], errors[row] = "corrupt", "no picture came out of decoding"
        return rows

    def _stack(self, pixels: pa.ChunkedArray, rows: list[int]) -> npt.NDArray[np.uint8]:
        side = self.encoder.image_size
        stacked = np.empty((len(rows), side, side, 3), np.uint8)
        for place, row in enumerate(rows):
            picture = np.frombuffer(pixels[row].as_buffer(), np.uint8)
            stacked[place] = picture.reshape(side, side, 3)
        return stacked


def vector_array(vectors: npt.NDArray[np.float16], null: npt.NDArray[np.bool_]) -> pa.Array:
    """``float16 [n, dim]`` as ``fixed_size_list<halffloat>[dim]``, null where ``null`` is true."""
    flat = pa.array(vectors.reshape(-1), pa.float16())
    return pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1], mask=pa.array(null))


def _set(batch: pa.Table, name: str, column: pa.Array) -> pa.Table:
    return batch.set_column(batch.column_names.index(name), name, column)
