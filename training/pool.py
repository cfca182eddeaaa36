"""Pictures to train on: drawn once by all cores, kept as raw pixels, read at random."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from training.colours import main_colours
from training.held_out import TRAINING_SEED, is_held_out

# Where captions say more, and where pictures are nearer to photographs, more are drawn.
SHARES = {
    "shapes": 0.24,
    "landscapes": 0.15,
    "patterns": 0.12,
    "gradients": 0.06,
    "charts": 0.07,
    "drawings": 0.07,
    "fractals": 0.07,
    "text": 0.02,
    "collages": 0.20,
}
SHARD = 1000


@dataclass(frozen=True, slots=True)
class Pool:
    """``pixels`` uint8 [n, side, side, 3], not read until used; of each a caption, a family, and
    which colours it mostly has."""

    pixels: npt.NDArray[np.uint8]
    captions: list[str]
    families: npt.NDArray[np.int64]
    colours: npt.NDArray[np.bool_]


def open_pool(folder: Path, *, count: int, side: int, workers: int) -> Pool:
    """The first ``count`` pictures; those that are missing are drawn first."""
    shards = -(-count // SHARD)
    missing = [n for n in range(shards) if not (folder / f"{n:05d}.json").is_file()]
    if missing:
        folder.mkdir(parents=True, exist_ok=True)
        _draw_missing(folder, missing, side, workers)
    found = [json.loads((folder / f"{n:05d}.json").read_text("utf-8")) for n in range(shards)]
    captions = [caption for shard in found for caption in shard["captions"]]
    families = np.concatenate([np.array(shard["families"]) for shard in found])
    parts = [np.load(folder / f"{n:05d}.npy", mmap_mode="r") for n in range(shards)]
    if parts[0].shape[1] != side:
        raise SystemExit(f"{folder} holds pictures of {parts[0].shape[1]} px: name another folder")
    colours = np.concatenate([_colours(folder, n, part) for n, part in enumerate(parts)])
    return Pool(_Joined(parts), captions[:count], families[:count], colours[:count])  # type: ignore[arg-type]


def _colours(folder: Path, shard: int, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.bool_]:
    path = folder / f"{shard:05d}.colours.npy"
    if not path.is_file():
        some = np.ascontiguousarray(pixels[:, 4::8, 4::8])
        np.save(path, main_colours(some.reshape(len(some), -1, 3)))
    return np.asarray(np.load(path))


class _Joined:
    """Shards that read as one array, by index lists."""

    def __init__(self, parts: list[npt.NDArray[np.uint8]]) -> None:
        self._parts = parts

    def __getitem__(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        return np.stack([self._parts[row // SHARD][row % SHARD] for row in rows.tolist()])


def _draw_missing(folder: Path, missing: list[int], side: int, workers: int) -> None:
    workers = max(1, min(workers, len(missing)))
    environ = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    children = [
        subprocess.Popen(
            [sys.executable, "-m", "training.pool", str(folder), str(side), *map(str, part)],
            env=environ,
        )
        for part in (missing[n::workers] for n in range(workers))
    ]
    try:
        with tqdm(total=len(missing) * SHARD, unit="pictures", desc="drawing") as bar:
            while any(child.poll() is None for child in children):
                time.sleep(1)
                done = sum((folder / f"{n:05d}.json").is_file() for n in missing)
                bar.update(done * SHARD - bar.n)
        if any(child.returncode for child in children):
            raise SystemExit("a drawing process failed")
    finally:
        for child in children:
            child.kill()
            child.wait()


def draw_shard(folder: Path, shard: int, side: int) -> None:
    """Draw the pictures of one shard; the same ones whoever draws them."""
    from rayograph.demo import draw

    names, weights = list(SHARES), np.array(list(SHARES.values()))
    pixels = np.empty((SHARD, side, side, 3), np.uint8)
    captions, families = [], []
    for index in range(SHARD):
        rng = np.random.default_rng([TRAINING_SEED, shard * SHARD + index])
        family = int(rng.choice(len(names), p=weights / weights.sum()))
        while True:
            image, caption, _ = draw(rng, names[family], size=side)
            if not is_held_out(caption):
                break
        pixels[index] = np.asarray(image)
        captions.append(caption)
        families.append(family)
    scratch = folder / f"{shard:05d}.new.npy"
    np.save(scratch, pixels)
    scratch.replace(folder / f"{shard:05d}.npy")
    # The captions come last: a shard that has them is whole.
    described = {"captions": captions, "families": families}
    scratch = folder / f"{shard:05d}.json.new"
    scratch.write_text(json.dumps(described), "utf-8")
    scratch.replace(folder / f"{shard:05d}.json")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("side", type=int)
    parser.add_argument("shards", type=int, nargs="+")
    options = parser.parse_args()
    for number in options.shards:
        draw_shard(options.folder, number, options.side)
