"""rayograph-mini: what it finds, how it tells pictures apart, and how fast it is on a CPU."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from benchmarks import common, scenes
from benchmarks.common import ratio
from rayograph.encoders import Encoder, load_encoder
from rayograph.encoders.names import MINI, MINI_CONFIG
from rayograph.imaging import square

Vectors = npt.NDArray[np.float32]
Embed = Callable[[Sequence[Image.Image]], Vectors]

TOP = 10
ANSWERS, NEAR_MISSES = 10, 6
CROPS = 10
BATCH = 64
# Of each crop: its share of the photograph's area, its aspect, and how strongly it is jittered.
AREA, ASPECT = (0.3, 1.0), 4 / 3
LIGHT, HUE = 0.4, 0.1
SHEET_ROWS, SHEET_COLUMNS, TILE = 14, 9, 112


def main() -> None:
    options = common.arguments(
        __doc__, 10_000, scenes=3600, photographs="", model=MINI, sheet="", results="", speed=0
    )
    common.machine()
    encoders = {options.model: load_encoder(options.model)}
    with common.scratch() as work:
        encoders["random weights"] = load_encoder(_random_weights(work))
        embedders: dict[str, Embed] = {
            name: _embedder(encoder) for name, encoder in encoders.items()
        }
        if not options.speed:
            text_to_image(encoders, embedders, options)
            image_to_image(embedders | {"HSV": hsv, "8x8": thumbnails}, options)
    throughput(encoders[options.model])


# -- text -> image ---------------------------------------------------------------------------


def text_to_image(encoders: dict[str, Encoder], embedders: dict[str, Embed], options: Any) -> None:
    found = list(scenes.gallery(options.scenes))
    common.say(f"{len(found):,} scenes as in the demo drawn, from a seed of their own")
    for query in scenes.QUERIES:
        found += scenes.answers(query, ANSWERS)
    plain = len(found)
    for query in scenes.QUERIES:
        found += scenes.near_misses(query, NEAR_MISSES)
    common.say(f"{plain:,} with right answers, {len(found) - plain:,} near misses beside them")
    right = np.array([[scenes.is_right(q, s.caption) for s in found] for q in scenes.QUERIES])
    asked = [query.asked for query in scenes.QUERIES]
    scores, columns = {}, {}
    for name, embed in embedders.items():
        pictures = embed([scene.picture for scene in found])
        scores[name] = encoders[name].texts(asked).astype(np.float32) @ pictures.T
        columns[name] = _precision(scores[name][:, :plain], right)
        columns[f"{name}, near misses"] = _precision(scores[name], right)
    chance = right[:, :plain].mean(1)
    rows = [
        (("* " if query.unseen else "  ") + query.asked, int(right[n, :plain].sum()),
         *(f"{column[n]:.1f}" for column in columns.values()))
        for n, query in enumerate(scenes.QUERIES)
    ]  # fmt: skip
    unseen = np.array([query.unseen for query in scenes.QUERIES])
    for name, which in (("all", unseen >= 0), ("seen", ~unseen), ("* never seen together", unseen)):
        means = [f"{column[which].mean():.3f}" for column in columns.values()]
        rows.append((f"mean of {int(which.sum())}, {name}", "", *means))
    common.table(("precision@10 of", "right", *columns), rows)
    print(f"chance {chance.mean():.3f}; reach >= 0.9 without near misses")
    first = next(iter(scores))
    if options.results:
        shown = [n for n in range(len(asked)) if n % 7 == 3][:SHEET_ROWS]
        best = [np.argsort(-scores[first][n, :plain])[: SHEET_COLUMNS - 1] for n in shown]
        lines = [[found[i].picture for i in row] for row in best]
        _sheet(Path(options.results), lines, [asked[n] for n in shown])


def _precision(scores: Vectors, right: npt.NDArray[np.bool_]) -> npt.NDArray[np.float64]:
    best = np.argsort(-scores, axis=1, kind="stable")[:, :TOP]
    return np.take_along_axis(right, best, 1).mean(1)


# -- image -> image --------------------------------------------------------------------------


def image_to_image(embedders: dict[str, Embed], options: Any) -> None:
    paths = sorted(Path(options.photographs).rglob("*.jpg")) if options.photographs else []
    wanted = options.count // CROPS
    real = min(len(paths), wanted)
    rng = np.random.default_rng(scenes.BENCHMARK_SEED)
    plain, jittered = [], []
    for number in range(wanted):
        picture = _photograph(paths, number)
        for _ in range(CROPS):
            crop = _crop(picture, rng)
            plain.append(crop)
            jittered.append(_jitter(crop, rng))
    asked = real or wanted
    common.say(
        f"{len(plain):,} crops of {wanted:,} pictures, {real} of them real photographs"
        + (": only these are asked for" if real else "; name a folder with --photographs")
    )
    rows = []
    for name, embed in embedders.items():
        vectors = embed(plain), embed(jittered)
        recalls = (_recall(found, asked * CROPS) for found in vectors)
        rows.append((name, *(f"{recall:.3f}" for recall in recalls)))
        if options.sheet and not rows[1:]:
            _neighbour_sheet(Path(options.sheet), paths, embed)
    common.table(("recall@9 of the other crops", "plain", "colour jitter"), rows)
    print("reach >= 0.95 plain, and above the HSV histogram under colour jitter")


def _photograph(paths: list[Path], number: int) -> Image.Image:
    if number < len(paths):
        with Image.open(paths[number]) as image:
            return image.convert("RGB")
    rng = np.random.default_rng([scenes.BENCHMARK_SEED, 4, number])
    families = ("collages", "landscapes", "collages", "fractals", "patterns")
    image, _, _ = scenes.draw(rng, families[number % len(families)], size=256)
    return image


def _crop(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    area = float(rng.uniform(*AREA)) * image.width * image.height
    aspect = float(np.exp(rng.uniform(-np.log(ASPECT), np.log(ASPECT))))
    wide = min(image.width, int((area * aspect) ** 0.5))
    high = min(image.height, int((area / aspect) ** 0.5))
    x, y = (int(rng.integers(0, room + 1)) for room in (image.width - wide, image.height - high))
    crop = image.resize((128, 128), Image.Resampling.BICUBIC, box=(x, y, x + wide, y + high))
    return crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if rng.random() < 0.5 else crop


def _jitter(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Brightness, contrast, saturation and hue, each by a random amount."""
    pixels = np.asarray(image, np.float32) / 255
    light, contrast, saturation = (float(v) for v in rng.uniform(1 - LIGHT, 1 + LIGHT, 3))
    pixels = np.clip(pixels * light, 0, 1)
    pixels = np.clip((pixels - pixels.mean()) * contrast + pixels.mean(), 0, 1)
    grey = pixels @ np.array([0.299, 0.587, 0.114], np.float32)
    pixels = np.clip(grey[..., None] + (pixels - grey[..., None]) * saturation, 0, 1)
    turned = Image.fromarray((pixels * 255).astype(np.uint8)).convert("HSV")
    hue = np.array(turned)
    hue[..., 0] += np.uint8(int(rng.uniform(-HUE, HUE) * 256) % 256)
    return Image.fromarray(hue, "HSV").convert("RGB")


def _recall(vectors: Vectors, asked: int) -> float:
    shares = []
    for start in range(0, asked, 500):
        rows = np.arange(start, min(start + 500, asked))
        scores = vectors[rows] @ vectors.T
        scores[np.arange(len(rows)), rows] = -np.inf
        best = np.argpartition(-scores, CROPS - 1, axis=1)[:, : CROPS - 1]
        shares.append((best // CROPS == rows[:, None] // CROPS).mean(1))
    return float(np.concatenate(shares).mean())


def hsv(pictures: Sequence[Image.Image]) -> Vectors:
    """A joint histogram of 16 hues, 4 saturations and 4 values, compared by Bhattacharyya."""
    rows = []
    for picture in pictures:
        hue, saturation, value = np.asarray(picture.convert("HSV"), np.int32).reshape(-1, 3).T
        cell = (hue // 16 * 4 + saturation // 64) * 4 + value // 64
        rows.append(np.sqrt(np.bincount(cell, minlength=256) / len(cell)))
    return np.stack(rows).astype(np.float32)


def thumbnails(pictures: Sequence[Image.Image]) -> Vectors:
    """8 x 8 pixels, compared by correlation."""
    small = [np.asarray(p.resize((8, 8), Image.Resampling.BOX), np.float32) for p in pictures]
    flat = np.stack(small).reshape(len(small), -1)
    flat -= flat.mean(1, keepdims=True)
    return np.asarray(flat / (np.linalg.norm(flat, axis=1, keepdims=True) + 1e-6), np.float32)


# -- speed -----------------------------------------------------------------------------------


def throughput(mini: Encoder, rounds: int = 5) -> None:
    """Turn by turn, so that both meet the same load; the best turn of each counts."""
    large = load_encoder("random:ViT-B-32")
    rates: dict[str, float] = {}
    for _ in range(rounds):
        for encoder, batches in ((mini, 16), (large, 2)):
            side, batch = encoder.image_size, encoder.batch_size
            pixels = np.random.default_rng(0).integers(0, 256, (batch, side, side, 3), np.uint8)
            encoder.images(pixels)
            began = time.perf_counter()
            for _ in range(batches):
                encoder.images(pixels)
            rate = batches * batch / (time.perf_counter() - began)
            rates[encoder.name] = max(rates.get(encoder.name, 0), rate)
    base = rates[large.name]
    rows = [(name, f"{rate:,.0f}", ratio(rate, base)) for name, rate in rates.items()]
    common.table(("encoder, on ready pixels", "images/s", "of ViT-B-32"), rows)
    print("reach >= 10 x")


# -- helpers ---------------------------------------------------------------------------------


def _embedder(encoder: Encoder) -> Embed:
    def embed(pictures: Sequence[Image.Image]) -> Vectors:
        parts = []
        for start in range(0, len(pictures), BATCH):
            lot = [square(p, encoder.image_size) for p in pictures[start : start + BATCH]]
            parts.append(encoder.images(np.stack([np.asarray(p) for p in lot])))
        return np.concatenate(parts).astype(np.float32)

    return embed


def _random_weights(folder: Path) -> str:
    """The same architecture before any training; its name."""
    import open_clip
    import torch
    from safetensors.torch import save_file

    torch.manual_seed(0)
    model = open_clip.model.CLIP(**json.loads(MINI_CONFIG.read_text("utf-8")))
    save_file(model.state_dict(), folder / "random.safetensors")
    return f"{MINI_CONFIG}/{folder / 'random.safetensors'}"


def _neighbour_sheet(path: Path, paths: list[Path], embed: Embed) -> None:
    """Whole photographs and those nearest to them."""
    pictures = [_photograph(paths, number) for number in range(len(paths) or 128)]
    vectors = embed(pictures)
    scores = vectors @ vectors.T
    step = max(1, len(pictures) // SHEET_ROWS)
    asked = range(0, step * SHEET_ROWS, step)
    lines = [[pictures[i] for i in np.argsort(-scores[n])[:SHEET_COLUMNS]] for n in asked]
    _sheet(path, lines, [])


def _sheet(path: Path, lines: list[list[Image.Image]], titles: list[str]) -> None:
    left = 2 * TILE if titles else 0
    wide = left + TILE * max(map(len, lines))
    sheet = Image.new("RGB", (wide, TILE * len(lines)), "white")
    d, font = ImageDraw.Draw(sheet), ImageFont.load_default(14)
    for y, line in enumerate(lines):
        for x, picture in enumerate(line):
            tile = square(picture, TILE - 6)
            sheet.paste(tile, (left + x * TILE + 3, y * TILE + 3))
        if titles:
            words = "\n".join(_folded(titles[y], 28))
            d.multiline_text((12, y * TILE + TILE / 2), words, fill="#111827", font=font,
                             anchor="lm")  # fmt: skip
    sheet.save(path)
    common.say(f"{path} drawn")


def _folded(text: str, wide: int) -> list[str]:
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) > wide:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


if __name__ == "__main__":
    main()
