"""The details of a picture as Arrow columns. What a file does not say is null."""

from __future__ import annotations

import pyarrow as pa

# Raised when the same file would give more or other details: rows read before are read again.
METADATA_VERSION = 1

_TEXT, _TEXTS, _REAL = pa.string(), pa.list_(pa.string()), pa.float64()
DETAILS = pa.schema(
    [
        # The camera, its maker's name before the model's where that does not hold it already.
        pa.field("camera", _TEXT),
        pa.field("camera_make", _TEXT),
        pa.field("camera_model", _TEXT),
        pa.field("lens", _TEXT),
        pa.field("iso", pa.int32()),
        pa.field("aperture", _REAL),
        pa.field("exposure_s", _REAL),
        pa.field("focal_mm", _REAL),
        pa.field("latitude", _REAL),
        pa.field("longitude", _REAL),
        pa.field("altitude_m", _REAL),
        pa.field("title", _TEXT),
        pa.field("description", _TEXT),
        pa.field("keywords", _TEXTS),
        pa.field("creator", _TEXT),
        pa.field("copyright", _TEXT),
        # The file's own, -1 (rejected) to 5; what people give here is ``rating``.
        pa.field("file_rating", pa.int8()),
        pa.field("software", _TEXT),
        pa.field("generator", _TEXT),
        pa.field("prompt", _TEXT),
        pa.field("negative_prompt", _TEXT),
        pa.field("model_name", _TEXT),
        pa.field("model_hash", _TEXT),
        # Tools draw seeds of up to 64 bits without a sign.
        pa.field("seed", pa.uint64()),
        pa.field("steps", pa.int32()),
        pa.field("cfg_scale", _REAL),
        pa.field("sampler", _TEXT),
        pa.field("loras", _TEXTS),
        # As the tool wrote it; only the record of a single image holds it.
        pa.field("parameters", _TEXT),
        # Of rows read again alone: by which METADATA_VERSION.
        pa.field("meta_version", pa.uint8()),
    ]
)
