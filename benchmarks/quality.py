"""Planted blurred, dark, bright, plain and odd pictures among good ones, beside cleanvision.

The peer is installed on first use in ``.bench-venv/quality``, outside the project.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageFilter

PEERS = ("cleanvision==0.3.7",)
Told = dict[str, set[str]]
# What the peer calls our words.
_ITS = {
    "blurred": "is_blurry_issue",
    "dark": "is_dark_issue",
    "bright": "is_light_issue",
    "plain": "is_low_information_issue",
    "odd": "is_odd_aspect_ratio_issue",
}


def blurred(image: Image.Image, rng: random.Random) -> Image.Image:
    radius = max(image.size) * rng.uniform(0.008, 0.02)
    return image.filter(ImageFilter.GaussianBlur(radius))


def shaken(image: Image.Image, rng: random.Random) -> Image.Image:
    """Moved while it was taken, in one direction."""
    by = int(max(image.size) * rng.uniform(0.02, 0.05))
    turned = rng.random() < 0.5
    pixels = np.asarray(image.transpose(Image.Transpose.TRANSPOSE) if turned else image, np.float32)
    whole = np.cumsum(np.pad(pixels, ((0, 0), (by, 0), (0, 0)), mode="edge"), 1)
    moved = Image.fromarray(((whole[:, by:] - whole[:, :-by]) / by).astype(np.uint8))
    return moved.transpose(Image.Transpose.TRANSPOSE) if turned else moved


def dark(image: Image.Image, rng: random.Random) -> Image.Image:
    return ImageEnhance.Brightness(image).enhance(rng.uniform(0.04, 0.16))


def bright(image: Image.Image, rng: random.Random) -> Image.Image:
    share = rng.uniform(0.05, 0.2)
    return image.point(lambda level: 255 - (255 - level) * share)


def plain(image: Image.Image, rng: random.Random) -> Image.Image:
    """One colour, with the noise of a sensor."""
    colour = [rng.randint(30, 225) for _ in range(3)]
    noise = np.random.default_rng(rng.randrange(10**6)).normal(
        0, rng.uniform(0, 2), (image.height, image.width, 3)
    )
    return Image.fromarray((np.array(colour) + noise).clip(0, 255).astype(np.uint8))


def odd(image: Image.Image, rng: random.Random) -> Image.Image:
    share = rng.uniform(0.06, 0.2)
    if rng.random() < 0.5:
        return image.crop((0, 0, image.width, max(8, int(image.width * share))))
    return image.crop((0, 0, max(8, int(image.height * share)), image.height))


PLANTED: dict[str, tuple[str, Callable[[Image.Image, random.Random], Image.Image]]] = {
    "blurred": ("blurred", blurred),
    "shaken": ("blurred", shaken),
    "dark": ("dark", dark),
    "bright": ("bright", bright),
    "plain": ("plain", plain),
    "odd": ("odd", odd),
}


def plant(folder: Path, source: Path, seed: int) -> dict[str, str | None]:
    """Every picture of a folder as it is, and one flaw for each of them; who has which."""
    rng, planted = random.Random(seed), dict[str, str | None]()
    paths = sorted(p for p in source.rglob("*") if p.suffix in (".jpg", ".png", ".webp"))
    kinds = [*PLANTED]
    for number, path in enumerate(paths):
        with Image.open(path) as opened:
            image = opened.convert("RGB")
        kind = kinds[number % len(kinds)]
        for flaw, picture in ((None, image), (kind, PLANTED[kind][1](image, rng))):
            name = f"{number:05d} {flaw or 'good'}.jpg"
            picture.save(folder / name, quality=90)
            planted[name] = flaw
    return planted


def ours(folder: Path) -> Told:
    """By the product's own measures and rules, of pictures as the embedding stage decodes them."""
    import pyarrow as pa

    from rayograph.imaging import load
    from rayograph.measuring import measure
    from rayograph.quality import Rules
    from rayograph_pipelines.stages.measure import with_quality

    paths, found, spent = sorted(folder.iterdir()), [], 0.0
    for path in paths:
        image = load(path.read_bytes(), shortest=224, max_pixels=500_000_000)
        began = time.perf_counter()
        found.append(measure(image))
        spent += time.perf_counter() - began
    print(f"  measured in {spent / len(paths) * 1000:.2f} ms a picture, without decoding")
    names = [path.name for path in paths]
    told = with_quality(pa.table({"name": names}), found, Rules())["quality"].to_pylist()
    return {name: set(words) for name, words in zip(names, told, strict=True)}


def theirs(folder: Path) -> Told:
    from cleanvision import Imagelab

    lab = Imagelab(data_path=str(folder), verbose=False)
    lab.find_issues(
        {name: {} for name in ("blurry", "dark", "light", "low_information", "odd_aspect_ratio")},
        n_jobs=1,
        verbose=False,
    )
    return {
        Path(str(path)).name: {word for word, column in _ITS.items() if row[column]}
        for path, row in lab.issues.iterrows()
    }


def report(name: str, told: Told, planted: dict[str, str | None], took_s: float) -> None:
    print(f"{name}: {took_s:.1f} s for {len(planted)} pictures")
    for flaw, (word, _) in PLANTED.items():
        mine = [each for each, kind in planted.items() if kind == flaw]
        found = sum(word in told[each] for each in mine)
        print(f"  {flaw:8} found {found} of {len(mine)} ({found / max(1, len(mine)):.3f})")
    for word in _ITS:
        said = [each for each in planted if word in told[each]]
        meant = {flaw for flaw, (of, _) in PLANTED.items() if of == word}
        right = sum(planted[each] in meant for each in said)
        good = sum(planted[each] is None for each in said)
        precision = right / max(1, len(said))
        print(f"  {word:8} precision {precision:.3f} ({good} good pictures called so)")


def compared(source: Path, label: str, python: str | None) -> None:
    with tempfile.TemporaryDirectory() as home:
        folder = Path(home) / "pictures"
        folder.mkdir()
        planted = plant(folder, source, 3)
        print(f"\n{label}: {sum(kind is None for kind in planted.values())} good, as many planted")
        began = time.perf_counter()
        told = ours(folder)
        report("rayograph", told, planted, time.perf_counter() - began)
        if python is None:
            return
        note = Path(home) / "planted.json"
        note.write_text(json.dumps(planted))
        command = [python, "-W", "ignore", "-m", "benchmarks.quality", "--peer-over"]
        done = subprocess.run(
            [*command, f"{folder}:{note}"], capture_output=True, text=True, check=False
        )
        print(done.stdout if done.returncode == 0 else f"peer failed: {done.stderr[-300:]}", end="")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=300, help="drawn ones")
    parser.add_argument("--source", type=Path, help="a folder of photographs as well")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--python", default=None, help="an interpreter that has the peer")
    parser.add_argument("--peer-over", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer_over:
        folder, planted = options.peer_over.split(":")
        began = time.perf_counter()
        told = theirs(Path(folder))
        took = time.perf_counter() - began
        report("cleanvision", told, json.loads(Path(planted).read_text()), took)
        return
    python = None if options.no_peer else options.python or _peer_python()
    if options.source:
        compared(options.source, "photographs", python)
    from rayograph.demo.write import write_demo

    with tempfile.TemporaryDirectory() as drawn:
        write_demo(Path(drawn), count=options.pictures, seed=3)
        compared(Path(drawn), "drawn", python)


def _peer_python() -> str:
    # Not above: the peer's own Python runs this file too, and has nothing else.
    from benchmarks.common import peer_python

    return peer_python("quality", PEERS)


if __name__ == "__main__":
    main()
