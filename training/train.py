"""The training itself: resumable at any checkpoint, the same batches for the same seed."""

from __future__ import annotations

import json
import math
import random
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from tqdm import tqdm

from training.augment import FAITHFUL, FREE, view
from training.data import Batch, Truths, batches
from training.loss import caption_loss, view_loss
from training.plot import plot
from training.pool import Pool, open_pool

CONFIG = Path(__file__).parent.parent / "rayograph/encoders/mini/rayograph-mini.json"
NAME = "rayograph-mini"
SCALE_MAX = 100.0


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides the outcome."""

    out: Path
    steps: int = 8000
    batch: int = 192
    pool: int = 80_000
    pool_side: int = 128
    kept: int = 2000
    rate: float = 2e-3
    warm_up: int = 200
    decay: float = 0.05
    views: float = 0.5
    views_weight: float = 1.0
    average: float = 0.998
    seed: int = 1
    save_every: int = 200
    device: str = "auto"
    workers: int = 2
    start_from: str = ""


@dataclass(slots=True)
class Log:
    """(step, value) of each curve; goes into the checkpoint."""

    captions: list[tuple[int, float]] = field(default_factory=list)
    views: list[tuple[int, float]] = field(default_factory=list)
    precision: list[tuple[int, float]] = field(default_factory=list)


def train(plan: Plan) -> Path:
    """Train, or go on training; the path of the checkpoint."""
    device = torch.device(_device(plan.device))
    pool = open_pool(plan.out / "pool", count=plan.pool, side=plan.pool_side, workers=plan.workers)
    truths = Truths(pool.captions, pool.colours)
    torch.manual_seed(plan.seed)
    random.seed(plan.seed)
    open_clip.add_model_config(CONFIG)
    model = open_clip.create_model(NAME, load_weights=False).to(device)
    model.visual = model.visual.to(memory_format=torch.channels_last)
    if plan.start_from:
        start_from(model, Path(plan.start_from))
    smooth = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = _optimizer(model, plan)
    log, first = Log(), 0
    path = plan.out / "checkpoint.pt"
    if path.is_file():
        kept = torch.load(path, map_location=device, weights_only=True)
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
        smooth, first = kept["smooth"], kept["step"]
        log = Log(**{name: [tuple(p) for p in points] for name, points in kept["log"].items()})
    steps = range(first, plan.steps)
    made = batches(pool, truths, size=plan.batch, steps=steps, seed=plan.seed, kept=plan.kept)
    tokenizer = open_clip.get_tokenizer(NAME)
    bar = tqdm(steps, initial=first, total=plan.steps, unit="step", mininterval=5)
    for step, batch in zip(bar, made, strict=True):
        with _attention(device):
            losses = _step(model, optimizer, batch, tokenizer, plan, step, device)
        _average(smooth, model, plan.average if step > 500 else 0.9)
        log.captions.append((step, losses[0]))
        log.views.append((step, losses[1]))
        bar.set_postfix(captions=f"{losses[0]:.3f}", views=f"{losses[1]:.3f}", refresh=False)
        done = step + 1
        if done % plan.save_every == 0 or done == plan.steps:
            precision = validate(model, smooth, pool, truths, tokenizer, plan, device)
            log.precision.append((done, precision))
            tqdm.write(
                f"step {done}: captions {_mean(log.captions):.3f}, views {_mean(log.views):.3f},"
                f" precision@10 {precision:.3f}"
            )
            _save(path, model, optimizer, smooth, log, done)
            _report(plan, log)
    return path


def _device(setting: str) -> str:
    if setting != "auto":
        return setting
    return "cuda" if torch.cuda.is_available() else "cpu"


def _attention(device: torch.device) -> AbstractContextManager[Any]:
    """On a CPU the backward pass of fused attention takes ten times that of the plain."""
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()


def _optimizer(model: Any, plan: Plan) -> torch.optim.Optimizer:
    flat, full = [], []
    for name, parameter in model.named_parameters():
        plain = parameter.ndim < 2 or "embedding" in name or name == "logit_scale"
        (flat if plain else full).append(parameter)
    groups = [{"params": full, "weight_decay": plan.decay}, {"params": flat, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=plan.rate, betas=(0.9, 0.98))


def _rate(plan: Plan, step: int) -> float:
    if step < plan.warm_up:
        return plan.rate * (step + 1) / plan.warm_up
    share = (step - plan.warm_up) / max(1, plan.steps - plan.warm_up)
    return plan.rate * (0.01 + 0.99 * (1 + math.cos(math.pi * share)) / 2)


def _step(
    model: Any,
    optimizer: torch.optim.Optimizer,
    batch: Batch,
    tokenizer: Any,
    plan: Plan,
    step: int,
    device: torch.device,
) -> tuple[float, float]:
    rng = torch.Generator(device).manual_seed(plan.seed * 1_000_003 + step)
    for group in optimizer.param_groups:
        group["lr"] = _rate(plan, step)
    pixels = torch.from_numpy(batch.pixels).to(device)
    side = model.visual.image_size
    side = side if isinstance(side, int) else side[0]
    toss = torch.rand(len(pixels), generator=rng, device=device) < 0.5
    flip = (toss & torch.from_numpy(batch.flippable).to(device)).float()
    # Every other picture, so that those of one family are among them.
    again = pixels[:: max(1, round(1 / plan.views))]
    toss = torch.rand(len(again), generator=rng, device=device) < 0.5
    both = torch.cat(
        [
            view(pixels, side, flip, FAITHFUL, rng),
            view(again, side, toss.float(), FREE, rng),
        ]
    )
    mean, std = (
        torch.tensor(values, device=device).view(1, 3, 1, 1)
        for values in (model.visual.preprocess_cfg["mean"], model.visual.preprocess_cfg["std"])
    )
    both = ((both - mean) / std).contiguous(memory_format=torch.channels_last)
    tokens = tokenizer(batch.texts).to(device)
    model.train()
    with torch.autocast(device.type, torch.bfloat16):
        pictures = model.encode_image(both)
        texts = model.encode_text(tokens)
    pictures = torch.nn.functional.normalize(pictures.float(), dim=-1)
    texts = torch.nn.functional.normalize(texts.float(), dim=-1)
    truth = torch.from_numpy(batch.truth).to(device)
    first = caption_loss(texts, pictures[: len(pixels)], truth, model.logit_scale.exp())
    pairs = pictures[: len(pixels) : max(1, round(1 / plan.views))]
    second = view_loss(pairs, pictures[len(pixels) :])
    optimizer.zero_grad(set_to_none=True)
    (first + plan.views_weight * second).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    with torch.no_grad():
        model.logit_scale.clamp_(0, math.log(SCALE_MAX))
    return float(first.detach()), float(second.detach())


@torch.no_grad()
def _average(smooth: dict[str, Any], model: Any, share: float) -> None:
    """A moving average of the weights: what is exported."""
    for name, value in model.state_dict().items():
        if value.is_floating_point():
            smooth[name].lerp_(value, 1 - share)
        else:
            smooth[name].copy_(value)


@torch.no_grad()
def validate(
    model: Any,
    smooth: dict[str, Any],
    pool: Pool,
    truths: Truths,
    tokenizer: Any,
    plan: Plan,
    device: torch.device,
) -> float:
    """Precision@10 of the averaged weights on pictures kept back, over all their statements."""
    own = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(smooth)
    model.eval()
    rows = np.arange(len(pool.captions) - plan.kept, len(pool.captions))
    side = model.visual.image_size
    side = side if isinstance(side, int) else side[0]
    mean, std = (
        torch.tensor(model.visual.preprocess_cfg[key], device=device).view(1, 3, 1, 1)
        for key in ("mean", "std")
    )
    parts = []
    for start in range(0, len(rows), 128):
        pixels = torch.from_numpy(pool.pixels[rows[start : start + 128]]).to(device)
        picture = pixels.permute(0, 3, 1, 2).float() / 255
        picture = torch.nn.functional.interpolate(
            picture, (side, side), mode="bicubic", antialias=True
        )
        with torch.autocast(device.type, torch.bfloat16):
            parts.append(model.encode_image((picture.clamp(0, 1) - mean) / std).float())
    pictures = torch.nn.functional.normalize(torch.cat(parts), dim=-1)
    ids, counts = np.unique(truths.ids[rows], return_counts=True)
    asked = [int(n) for n, c in zip(ids, counts, strict=True) if n >= 0 and c >= 10]
    with torch.autocast(device.type, torch.bfloat16):
        found = model.encode_text(tokenizer([truths.texts[n] for n in asked]).to(device)).float()
    best = (found @ pictures.T).topk(10).indices.cpu().numpy()
    right = [
        (truths.ids[rows[row]] == n).any(-1).mean() for n, row in zip(asked, best, strict=True)
    ]
    model.load_state_dict(own)
    return float(np.mean(right))


def start_from(model: Any, path: Path) -> None:
    """Begin with the averaged weights of another run, also of one at another picture size."""
    kept = torch.load(path, map_location="cpu", weights_only=True)["smooth"]
    name = "visual.attnpool.positional_embedding"
    wanted = model.state_dict()[name]
    if kept[name].shape != wanted.shape:
        kept[name] = _resize_places(kept[name], len(wanted))
    model.load_state_dict(kept)


def _resize_places(places: Any, count: int) -> Any:
    """The places of a square grid, after that of the mean, on a grid of another size."""
    old, new = math.isqrt(len(places) - 1), math.isqrt(count - 1)
    grid = places[1:].T.reshape(1, -1, old, old)
    grid = torch.nn.functional.interpolate(grid, (new, new), mode="bicubic", align_corners=True)
    return torch.cat([places[:1], grid.reshape(places.shape[1], -1).T])


def _mean(points: list[tuple[int, float]]) -> float:
    return float(np.mean([value for _, value in points[-100:]]))


def _save(path: Path, model: Any, optimizer: Any, smooth: Any, log: Log, step: int) -> None:
    scratch = path.with_suffix(".new")
    torch.save(
        {
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "smooth": smooth,
            "log": asdict(log),
            "step": step,
        },
        scratch,
    )
    scratch.replace(path)


def _report(plan: Plan, log: Log) -> None:
    plot(plan.out / "loss.png", {"captions": log.captions, "views": log.views})
    plot(plan.out / "precision.png", {"precision@10, kept back": log.precision}, smooth=1)
    (plan.out / "log.json").write_text(json.dumps(asdict(log)), "utf-8")
