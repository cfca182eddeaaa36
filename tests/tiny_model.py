"""A tiny open_clip model (about 3 MB, seeded random weights) for the real loading code."""

from __future__ import annotations

import json
from pathlib import Path

CONFIG = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "head_width": 32, "patch_size": 8},
    "text_cfg": {
        "context_length": 16,
        "vocab_size": 49408,
        "width": 32,
        "heads": 2,
        "layers": 1,
    },
}


def write_tiny_model(folder: Path, *, name: str = "tiny", seed: int = 0) -> str:
    """Write ``<name>.json`` and ``<name>.safetensors``; the model name that loads them."""
    import torch
    from open_clip.model import CLIP
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    config, weights = folder / f"{name}.json", folder / f"{name}.safetensors"
    config.write_text(json.dumps(CONFIG), "utf-8")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = CLIP(**CONFIG)
    save_file({key: value.half() for key, value in model.state_dict().items()}, weights)
    return f"{config}/{weights}"
