"""Duplicates: planted copies found beside imagededup and imagehash, and hashes and vectors of 1M.

The peers are installed on first use in ``.bench-venv/duplicates``, outside the project.
"""

from __future__ import annotations

import argparse
import io
import json
import random
import resource
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageEnhance

PEERS = ("imagededup>=0.3", "pillow", "numpy")
Pair = tuple[str, str]


def change(image: Image.Image, kind: str, rng: random.Random) -> tuple[Image.Image, dict[str, Any]]:
    """What happens to pictures on their way through the world; none of it makes another picture."""
    if kind == "smaller":
        share = rng.uniform(0.3, 0.8)
        size = int(image.width * share), int(image.height * share)
        return image.resize(size, Image.Resampling.BICUBIC), {"quality": 85}
    if kind == "compressed":
        return image, {"quality": rng.randint(20, 50)}
    if kind == "lighter":
        return ImageEnhance.Brightness(image).enhance(rng.uniform(0.8, 1.25)), {"quality": 90}
    if kind == "colours":
        return ImageEnhance.Color(image).enhance(rng.uniform(0.4, 1.6)), {"quality": 90}
    if kind == "signed":
        marked = image.copy()
        ImageDraw.Draw(marked).text((8, image.height - 20), "(c) somebody 2024", fill="white")
        return marked, {"quality": 90}
    cut = rng.uniform(0.02, 0.04)
    box = (int(image.width * cut), int(image.height * cut), image.width, image.height)
    return image.crop(box), {"quality": 90}


KINDS = ("smaller", "compressed", "lighter", "colours", "signed", "trimmed")


def plant(folder: Path, count: int, seed: int, source: Path | None) -> dict[Pair, str]:
    """``count`` pictures and a changed copy of every third; which pairs, and what changed.

    Without a ``source`` they are drawn, which is hard on a hash: many are flat, or differ in hue.
    """
    from rayograph.demo.write import write_demo

    with tempfile.TemporaryDirectory() as drawn:
        if source is None:
            write_demo(Path(drawn), count=count, seed=seed)
        home = source or Path(drawn)
        paths = sorted(path for path in home.rglob("*") if path.suffix in (".jpg", ".png"))
        rng, pairs = random.Random(seed), dict[Pair, str]()
        for number, path in enumerate(paths[:count]):
            name = f"{number:05d}.jpg"
            with Image.open(path) as opened:
                image = opened.convert("RGB")
            image.save(folder / name, quality=92)
            if number % 3 == 0:
                kind = KINDS[number // 3 % len(KINDS)]
                copy, options = change(image, kind, rng)
                copy.save(folder / f"{number:05d} {kind}.jpg", **options)
                one, other = sorted((name, f"{number:05d} {kind}.jpg"))
                pairs[one, other] = kind
    return pairs


def ours(folder: Path, most: int) -> set[Pair]:
    """Pairs that share a group, by the product's own hashes and groups."""
    from rayograph.analysis import near
    from rayograph.imaging import grey, load

    paths = sorted(folder.iterdir())
    greys = []
    for path in paths:
        image = load(path.read_bytes(), shortest=2 * near.GREY_SIDE, max_pixels=500_000_000)
        greys.append(np.frombuffer(grey(image), np.uint8).reshape(near.GREY_SIDE, -1))
    hashes = near.perceptual(np.stack(greys))
    groups = near.groups(hashes, np.ones(len(hashes), bool), most)
    found: set[Pair] = set()
    for number in range(int(groups.group.max(initial=-1)) + 1):
        names = sorted(paths[row].name for row in groups.rows[groups.group == number])
        found |= {*combinations(names, 2)}
    return found


def imagededup(folder: Path, most: int) -> set[Pair]:
    """The peer's pairs by its PHash."""
    from imagededup.methods import PHash

    found = PHash(verbose=False).find_duplicates(str(folder), max_distance_threshold=most)
    return {(min(a, b), max(a, b)) for a, others in found.items() for b in others}


def score(name: str, find: Callable[[], Iterable[Pair]], planted: dict[Pair, str]) -> None:
    began, cpu = time.perf_counter(), time.process_time()
    found = set(find())
    took, used = time.perf_counter() - began, time.process_time() - cpu
    right = {pair for pair in planted if pair in found}
    by_kind = {
        kind: f"{sum(planted[p] == kind for p in right)}/{sum(k == kind for k in planted.values())}"
        for kind in KINDS
    }
    precision = len(right) / max(1, len(found))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{name}: recall {len(right) / len(planted):.3f}, precision {precision:.3f}, "
        f"{took:.1f} s ({used:.1f} CPU), peak {peak} MB; {by_kind}"
    )


def hashes(count: int) -> None:
    """Near duplicates among random hashes, some of them planted up to ``most`` bits apart."""
    from rayograph.analysis import near

    for most in (4, 6, 8):
        rng = np.random.default_rng(most)
        all_ = rng.integers(0, 2**64, count, dtype=np.uint64)
        planted = count // 20
        copies = all_[:planted].copy()
        for row, bits in enumerate(rng.integers(0, most + 1, planted).tolist()):
            for bit in rng.choice(64, bits, replace=False).tolist():
                copies[row] ^= np.uint64(1 << bit)
        all_[-planted:] = copies
        began = time.perf_counter()
        groups = near.groups(all_, np.ones(count, bool), most)
        took = time.perf_counter() - began
        label = np.full(count, -1)
        label[groups.rows] = groups.group
        together = (label[:planted] == label[-planted:]) & (label[:planted] >= 0)
        print(
            f"{count} hashes, {most} bits: {took:.1f} s, "
            f"{int(together.sum())} of {planted} planted pairs together, "
            f"{int(groups.group.max()) + 1} groups"
        )


def vectors(count: int, dim: int) -> npt.NDArray[np.float16]:
    """Clustered unit vectors, the last twentieth near copies of the first."""
    rng = np.random.default_rng(0)
    middles = rng.normal(size=(2_000, dim)).astype(np.float32)
    found = np.empty((count, dim), np.float16)
    for start in range(0, count, 50_000):
        rows = min(50_000, count - start)
        block = middles[rng.integers(0, 2_000, rows)] + rng.normal(size=(rows, dim))
        found[start : start + rows] = block / np.linalg.norm(block, axis=1, keepdims=True)
    planted = count // 20
    noise = rng.normal(size=(planted, dim)) * 0.2 / np.sqrt(dim)
    copies = found[:planted].astype(np.float32) + noise
    found[-planted:] = copies / np.linalg.norm(copies, axis=1, keepdims=True)
    return found


def semantic(count: int, dim: int) -> None:
    from rayograph.analysis import cells
    from rayograph.analysis.groups import stars

    data = vectors(count, dim)
    planted = count // 20
    began = time.perf_counter()
    pairs = cells.alike(data, 0.95)
    groups = stars(count, pairs)
    took = time.perf_counter() - began
    label = np.full(count, -1)
    label[groups.rows] = groups.group
    together = (label[:planted] == label[-planted:]) & (label[:planted] >= 0)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(
        f"{count} vectors of {dim}, 0.95: {took:.0f} s, {int(together.sum())} of {planted} planted "
        f"pairs together, {int(groups.group.max(initial=-1)) + 1} groups, peak {peak} MB"
    )
    fresh = np.arange(count) % 100 == 0
    began = time.perf_counter()
    more = cells.alike(data, 0.95, fresh=fresh)
    took = time.perf_counter() - began
    touched = int((fresh[pairs.a] | fresh[pairs.b]).sum())
    print(f"1 % of them new: {took:.0f} s, {len(more.a)} of {touched} pairs with one of these")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=3_000)
    parser.add_argument("--count", type=int, default=1_000_000, help="hashes and vectors")
    parser.add_argument("--dim", type=int, default=512)
    parser.add_argument("--bits", type=int, default=6)
    parser.add_argument("--parts", default="pictures,hashes,vectors")
    parser.add_argument("--source", type=Path, help="a folder of pictures; default: drawn ones")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--python", default=None, help="an interpreter that has the peer")
    parser.add_argument("--peer-over", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer_over:
        folder, planted = options.peer_over.split(":")
        pairs = {(a, b): kind for a, b, kind in json.loads(Path(planted).read_text())}
        score("imagededup PHash", lambda: imagededup(Path(folder), options.bits), pairs)
        return
    if "pictures" in options.parts:
        _pictures(options)
    if "hashes" in options.parts:
        hashes(options.count)
    if "vectors" in options.parts:
        semantic(options.count, options.dim)


def _pictures(options: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "pictures"
        folder.mkdir()
        pairs = plant(folder, options.pictures, 3, options.source)
        count = len([*folder.iterdir()]) - len(pairs)
        print(f"{count} pictures, {len(pairs)} planted copies, {options.bits} bits")
        score("rayograph", lambda: ours(folder, options.bits), pairs)
        if options.no_peer:
            return
        note = Path(home) / "planted.json"
        note.write_text(json.dumps([[*pair, kind] for pair, kind in pairs.items()]))
        command = [options.python or _peer_python(), "-W", "ignore", "-m", "benchmarks.duplicates"]
        command += ["--bits", str(options.bits), "--peer-over", f"{folder}:{note}"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        said = io.StringIO(done.stdout).read().strip().splitlines()
        print(said[-1] if done.returncode == 0 and said else f"peer failed: {done.stderr[-300:]}")


def _peer_python() -> str:
    # Not above: the peer's own Python runs this file too, and has nothing else.
    from benchmarks.common import peer_python

    return peer_python("duplicates", PEERS)


if __name__ == "__main__":
    main()
