"""Small real pictures for the tests that need files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {
    "red": (220, 30, 30),
    "green": (30, 170, 60),
    "blue": (30, 60, 220),
    "yellow": (240, 220, 40),
    "black": (10, 10, 10),
    "white": (245, 245, 245),
}


def write_pictures(folder: Path, count: int, *, seed: int = 1) -> Path:
    """``count`` noisy pictures of one colour each, in three folders, with ``captions.jsonl``."""
    rng = np.random.default_rng(seed)
    captions = []
    for number in range(count):
        name = list(COLOURS)[number % len(COLOURS)]
        home = folder / f"part{number % 3}"
        home.mkdir(parents=True, exist_ok=True)
        size = (64 + number % 17, 48 + number % 5)
        noise = rng.integers(-12, 12, (size[1], size[0], 3))
        pixels = np.clip(np.array(COLOURS[name]) + noise, 0, 255).astype(np.uint8)
        path = home / f"{number:05d}-{name}.jpg"
        Image.fromarray(pixels).save(path, quality=85)
        captions.append({"file": str(path.relative_to(folder)), "caption": name})
    (folder / "captions.jsonl").write_text("".join(json.dumps(c) + "\n" for c in captions))
    return folder
