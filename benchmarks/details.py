"""Details of pictures as columns, as mixed as real ones: half by cameras, half by machines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from rayograph.metadata.arrow import DETAILS

CAMERAS = [
    f"{maker} {n}" for maker in ("Canon EOS", "NIKON D", "SONY A", "Leica M") for n in range(9)
]
MODELS = [
    f"{base}_{n}" for base in ("sdxl_base", "flux1-dev", "juggernautXL", "pony") for n in range(20)
]
SAMPLERS = ["euler", "euler_ancestral", "DPM++ 2M Karras", "ddim", "heun", "lcm"]
LORAS = [f"lora_{n:03d}" for n in range(300)]
TAGS = ("1girl", "castle", "forest", "sky", "detailed", "4k", "light", "dusk", "river", "portrait")
RARE = "lighthouse"


def table(rng: Any, count: int) -> pa.Table:
    """The details of ``count`` pictures."""
    made = rng.random(count) < 0.5
    values = _camera(rng, count) | _machine(rng, count)
    arrays = []
    for field in DETAILS:
        column = values.get(field.name)
        if column is None:
            arrays.append(pa.nulls(count, field.type))
            continue
        absent = made if field.name in _OF_CAMERAS else ~made
        array = column if isinstance(column, pa.Array) else pa.array(column, field.type)
        arrays.append(pa.array(array.to_pylist(), field.type, mask=absent))
    return pa.table(arrays, schema=DETAILS)


_OF_CAMERAS = frozenset({"camera", "lens", "iso", "aperture", "exposure_s", "focal_mm", "keywords"})


def _camera(rng: Any, count: int) -> dict[str, Any]:
    words = np.array([["sea", "snow"], ["city"], ["family", "party"], ["trees"]], dtype=object)
    return {
        "camera": rng.choice(CAMERAS, count),
        "lens": rng.choice([f"{mm}mm f/1.8" for mm in (24, 35, 50, 85)], count),
        "iso": rng.choice([100, 200, 400, 800, 1600, 6400], count).astype(np.int32),
        "aperture": rng.choice([1.8, 2.8, 4.0, 8.0], count),
        "exposure_s": 1 / rng.choice([15, 60, 250, 1000, 4000], count),
        "focal_mm": rng.choice([24.0, 35.0, 50.0, 85.0], count),
        "keywords": words[rng.integers(0, len(words), count)].tolist(),
    }


def _machine(rng: Any, count: int) -> dict[str, Any]:
    picks = rng.integers(0, len(TAGS), (count, 12))
    rare = rng.random(count) < 0.001
    prompts = [
        ", ".join(TAGS[word] for word in pick) + (f", {RARE}" if odd else "")
        for pick, odd in zip(picks, rare, strict=True)
    ]
    return {
        "generator": rng.choice(["ComfyUI", "A1111", "Forge", "InvokeAI"], count),
        "prompt": prompts,
        "negative_prompt": ["blurry, low quality, watermark"] * count,
        "model_name": rng.choice(MODELS, count),
        "model_hash": [f"{n:010x}" for n in rng.integers(0, len(MODELS), count)],
        "seed": rng.integers(0, 2**64 - 1, count, dtype=np.uint64),
        "steps": rng.integers(8, 60, count).astype(np.int32),
        "cfg_scale": rng.choice([1.0, 3.5, 6.5, 7.0], count),
        "sampler": rng.choice(SAMPLERS, count),
        "loras": [[LORAS[n], LORAS[-1 - n]] for n in rng.integers(0, 150, count)],
    }
