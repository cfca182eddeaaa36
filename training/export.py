"""A checkpoint as the package's weights: ``python -m training.export CHECKPOINT [FILE]``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from training.train import CONFIG, new_model

WEIGHTS = CONFIG.with_suffix(".safetensors")
_EMBEDDING = "token_embedding.weight"


def export(checkpoint: Path, target: Path = WEIGHTS) -> Path:
    """Half precision; words that training never saw are zero, which says nothing and packs well."""
    kept = torch.load(checkpoint, map_location="cpu", weights_only=True)
    state = kept["smooth"]
    wanted = new_model(torch.device("cpu")).state_dict()
    halves = {}
    for name, value in state.items():
        if value.shape != wanted[name].shape:
            raise SystemExit(f"{name} is {tuple(value.shape)}, not {tuple(wanted[name].shape)}")
        halves[name] = (value.half() if value.is_floating_point() else value).contiguous()
    seen = _seen_words(kept["optimizer"], state[_EMBEDDING].shape)
    halves[_EMBEDDING][~seen] = 0
    save_file(halves, target)
    target.chmod(0o644)
    size_mb = target.stat().st_size / 1e6
    sys.stdout.write(f"{target}: {size_mb:.1f} MB, {int(seen.sum())} words\n")
    return target


def _seen_words(optimizer: dict[str, object], shape: torch.Size) -> torch.Tensor:
    """A word was seen when its row ever had a gradient."""
    entries: dict[int, dict[str, torch.Tensor]] = optimizer["state"]  # type: ignore[assignment]
    for entry in entries.values():
        if entry["exp_avg_sq"].shape == shape:
            return entry["exp_avg_sq"].sum(1) > np.finfo(np.float32).tiny
    raise SystemExit("the checkpoint holds no optimizer state")


if __name__ == "__main__":
    export(Path(sys.argv[1]), *map(Path, sys.argv[2:3]))
