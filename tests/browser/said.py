"""What the files of a virtual dataset say of their pictures."""

from __future__ import annotations

from typing import Any

SEED = 18_446_744_073_709_551_615
PROMPT = "\n".join(f"({word}:1.2), a lighthouse above the sea" for word in "abcdefgh")
CAMERA = {
    "camera": "NIKON D850",
    "lens": "50mm f/1.8",
    "iso": 400,
    "aperture": 2.8,
    "exposure_s": 0.004,
    "focal_mm": 50.0,
    "latitude": -33.858333,
    "longitude": 151.2,
    "altitude_m": 35.4,
    "title": "Harbour",
    "description": "The harbour at noon",
    "keywords": ["sea", "noon"],
    "creator": "Ana",
    "file_rating": 4,
}
GENERATED = {
    "generator": "ComfyUI",
    "prompt": PROMPT,
    "negative_prompt": "<b>blurry</b>",
    "model_name": "sdxl_base_1.0",
    "model_hash": "31e35c80fc",
    "seed": SEED,
    "steps": 28,
    "cfg_scale": 6.5,
    "sampler": "euler",
    "loras": ["inked", "grain"],
    "parameters": '{"seed":12345678901234567890, "text": "' + "graph " * 400 + '"}',
}


def said(index: int) -> dict[str, Any]:
    """The third picture is by a camera, the fourth by a machine, all others say nothing."""
    return {2: CAMERA, 3: GENERATED}.get(index, {})
