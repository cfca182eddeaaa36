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
import numpy.typing as npt
import open_clip
import torch
from safetensors.torch import load_file
from torch.nn.attention import SDPBackend, sdpa_kernel
from tqdm import tqdm

from training.augment import FAITHFUL, FREE, PART, view
from training.data import Batch, Truths, batches
from training.loss import caption_loss, truth_of, view_loss
from training.memory import Memory
from training.plot import plot
from training.pool import SHARES, Pool, open_pool

CONFIG = Path(__file__).parent.parent / "rayograph/encoders/mini/rayograph-mini.json"
NAME = "rayograph-mini"
SCALE_MAX = 100.0
_PARTS = 5
_TO_JOINT_SPACE = (
    "visual.attnpool.c_proj.weight",
    "visual.attnpool.c_proj.bias",
    "text_projection",
)


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that decides the outcome."""

    out: Path
    steps: int = 8000
    batch: int = 192
    pool: int = 100_000
    pool_side: int = 128
    kept: int = 2000
    rate: float = 2e-3
    warm_up: int = 200
    decay: float = 0.05
    views: float = 0.5
    views_weight: float = 0.7
    memory: int = 4096
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
    recall: list[tuple[int, float]] = field(default_factory=list)


@dataclass(slots=True)
class Memories:
    """Pictures (marked with what is true of them, then their row) and texts of the last steps."""

    pictures: Memory
    texts: Memory

    @classmethod
    def of(cls, plan: Plan, model: Any, truths: Truths, device: torch.device) -> Memories:
        dim = model.text_projection.shape[1]
        marks = truths.ids.shape[1] + 1
        return cls(Memory(plan.memory, dim, marks, device), Memory(plan.memory, dim, 1, device))


def train(plan: Plan) -> Path:
    """Train, or go on training; the path of the checkpoint."""
    device = torch.device(torch_device(plan.device))
    pool = open_pool(plan.out / "pool", count=plan.pool, side=plan.pool_side, workers=plan.workers)
    truths = Truths(pool.captions, pool.colours)
    torch.manual_seed(plan.seed)
    random.seed(plan.seed)
    model = new_model(device)
    if plan.start_from:
        start_from(model, Path(plan.start_from))
    smooth = {name: value.clone() for name, value in model.state_dict().items()}
    optimizer = _optimizer(model, plan)
    memories = Memories.of(plan, model, truths, device)
    log, first = Log(), 0
    path = plan.out / "checkpoint.pt"
    if path.is_file():
        kept = torch.load(path, map_location=device, weights_only=True)
        model.load_state_dict(kept["model"])
        optimizer.load_state_dict(kept["optimizer"])
        smooth, first = kept["smooth"], kept["step"]
        memories.pictures.load(kept["pictures"])
        memories.texts.load(kept["texts"])
        log = Log(**{name: [tuple(p) for p in points] for name, points in kept["log"].items()})
    steps = range(first, plan.steps)
    made = batches(pool, truths, size=plan.batch, steps=steps, seed=plan.seed, kept=plan.kept)
    tokenizer = open_clip.get_tokenizer(NAME)
    bar = tqdm(steps, initial=first, total=plan.steps, unit="step", mininterval=5)
    for step, batch in zip(bar, made, strict=True):
        with attention(device):
            losses = _step(model, optimizer, memories, batch, tokenizer, plan, step, device)
        average(smooth, model, plan.average if step > 500 else 0.9)
        log.captions.append((step, losses[0]))
        log.views.append((step, losses[1]))
        bar.set_postfix(captions=f"{losses[0]:.3f}", views=f"{losses[1]:.3f}", refresh=False)
        done = step + 1
        if done % plan.save_every == 0 or done == plan.steps:
            precision, recall = validate(model, smooth, pool, truths, tokenizer, plan, device)
            log.precision.append((done, precision))
            log.recall.append((done, recall))
            tqdm.write(
                f"step {done}: captions {_mean(log.captions):.3f}, views {_mean(log.views):.3f},"
                f" precision@10 {precision:.3f}, recall of parts {recall:.3f}"
            )
            _save(path, model, optimizer, memories, smooth, log, done)
            _report(plan, log)
    return path


def new_model(device: torch.device) -> Any:
    """The architecture, before any training."""
    open_clip.add_model_config(CONFIG)
    model = open_clip.create_model(NAME, load_weights=False).to(device)
    model.visual = model.visual.to(memory_format=torch.channels_last)
    return model


def torch_device(setting: str) -> str:
    """What a setting names; ``auto`` is a GPU where there is one."""
    if setting != "auto":
        return setting
    return "cuda" if torch.cuda.is_available() else "cpu"


def attention(device: torch.device) -> AbstractContextManager[Any]:
    """On a CPU the backward pass of fused attention takes ten times that of the plain."""
    return sdpa_kernel(SDPBackend.MATH) if device.type == "cpu" else nullcontext()


def _optimizer(model: Any, plan: Plan) -> torch.optim.Optimizer:
    flat, full = [], []
    for name, parameter in model.named_parameters():
        plain = parameter.ndim < 2 or "embedding" in name or name == "logit_scale"
        (flat if plain else full).append(parameter)
    groups = [{"params": full, "weight_decay": plan.decay}, {"params": flat, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=plan.rate, betas=(0.9, 0.98))


def falling(rate: float, warm_up: int, steps: int, step: int) -> float:
    """The rate of a step: up in a line, then down along a cosine."""
    if step < warm_up:
        return rate * (step + 1) / warm_up
    share = (step - warm_up) / max(1, steps - warm_up)
    return rate * (0.01 + 0.99 * (1 + math.cos(math.pi * share)) / 2)


def _step(
    model: Any,
    optimizer: torch.optim.Optimizer,
    memories: Memories,
    batch: Batch,
    tokenizer: Any,
    plan: Plan,
    step: int,
    device: torch.device,
) -> tuple[float, float]:
    rng = torch.Generator(device).manual_seed(plan.seed * 1_000_003 + step)
    for group in optimizer.param_groups:
        group["lr"] = falling(plan.rate, plan.warm_up, plan.steps, step)
    again = round(len(batch.pixels) * plan.views)
    both = _views(model, batch, again, rng, device)
    tokens = tokenizer(batch.texts).to(device)
    model.train()
    with torch.autocast(device.type, torch.bfloat16):
        vectors = model.encode_image(both)
        texts = model.encode_text(tokens)
    vectors = torch.nn.functional.normalize(vectors.float(), dim=-1)
    texts = torch.nn.functional.normalize(texts.float(), dim=-1)
    pictures, second = vectors[: len(batch.pixels)], vectors[len(batch.pixels) :]
    text_ids = torch.from_numpy(batch.text_ids).to(device, torch.int32)
    picture_ids = torch.from_numpy(batch.picture_ids).to(device, torch.int32)
    rows = torch.from_numpy(batch.rows).to(device, torch.int32)
    captions = _captions(model, memories, pictures, picture_ids, texts, text_ids)
    seen = memories.pictures
    others, of_rows = seen.vectors[seen.held], seen.marks[seen.held, -1]
    same = rows[:again, None] == of_rows[None]
    views = view_loss(pictures[:again], second, others, same)
    optimizer.zero_grad(set_to_none=True)
    (captions + plan.views_weight * views).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    with torch.no_grad():
        model.logit_scale.clamp_(0, math.log(SCALE_MAX))
    memories.pictures.push(pictures, torch.cat([picture_ids, rows[:, None]], 1))
    memories.texts.push(texts, text_ids[:, None])
    return float(captions.detach()), float(views.detach())


def _views(model: Any, batch: Batch, again: int, rng: torch.Generator, device: torch.device) -> Any:
    """A faithful view of every picture, then a free one of the first ``again``."""
    pixels = torch.from_numpy(batch.pixels).to(device)
    side = side_of(model)
    toss = torch.rand(len(pixels), generator=rng, device=device) < 0.5
    flip = (toss & torch.from_numpy(batch.flippable).to(device)).float()
    toss = torch.rand(again, generator=rng, device=device) < 0.5
    both = torch.cat(
        [
            view(pixels, side, flip, FAITHFUL, rng),
            view(pixels[:again], side, toss.float(), FREE, rng),
        ]
    )
    return normalised(model, both).contiguous(memory_format=torch.channels_last)


def _captions(
    model: Any, memories: Memories, pictures: Any, picture_ids: Any, texts: Any, text_ids: Any
) -> Any:
    """Texts against the pictures of now and of the last steps, and the other way round."""
    seen, said = memories.pictures, memories.texts
    scale = model.logit_scale.exp()
    all_pictures = torch.cat([pictures, seen.vectors[seen.held]])
    all_ids = torch.cat([picture_ids, seen.marks[seen.held, :-1]])
    of_texts = caption_loss(scale * texts @ all_pictures.T, truth_of(text_ids, all_ids))
    all_texts = torch.cat([texts, said.vectors[said.held]])
    all_said = torch.cat([text_ids, said.marks[said.held, 0]])
    truth = truth_of(all_said, picture_ids).T
    return (of_texts + caption_loss(scale * pictures @ all_texts.T, truth)) / 2


def side_of(model: Any) -> int:
    """The size of the pictures it reads."""
    side = model.visual.image_size
    return int(side if isinstance(side, int) else side[0])


def normalised(model: Any, pictures: Any) -> Any:
    """Pictures in 0-1 as the model wants them."""
    mean, std = (
        torch.tensor(model.visual.preprocess_cfg[key], device=pictures.device).view(1, 3, 1, 1)
        for key in ("mean", "std")
    )
    return (pictures - mean) / std


@torch.no_grad()
def average(smooth: dict[str, Any], model: Any, share: float) -> None:
    """Move an average of the weights towards those of now: what is exported."""
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
) -> tuple[float, float]:
    """Of the averaged weights, on pictures kept back: precision@10 over all their statements, and
    recall of the other parts of the same picture."""
    own = {name: value.clone() for name, value in model.state_dict().items()}
    model.load_state_dict(smooth)
    model.eval()
    rows = np.arange(len(pool.captions) - plan.kept, len(pool.captions))
    precision = _precision(model, pool, truths, tokenizer, rows, device)
    recall = _recall_of_parts(model, pool, rows, device)
    model.load_state_dict(own)
    return precision, recall


def _vectors(model: Any, pictures: Any, device: torch.device) -> Any:
    with torch.autocast(device.type, torch.bfloat16):
        found = model.encode_image(normalised(model, pictures.clamp(0, 1))).float()
    return torch.nn.functional.normalize(found, dim=-1)


def _precision(
    model: Any,
    pool: Pool,
    truths: Truths,
    tokenizer: Any,
    rows: npt.NDArray[np.int64],
    device: torch.device,
) -> float:
    side, parts = side_of(model), []
    for start in range(0, len(rows), 128):
        pixels = torch.from_numpy(pool.pixels[rows[start : start + 128]]).to(device)
        picture = pixels.permute(0, 3, 1, 2).float() / 255
        picture = torch.nn.functional.interpolate(
            picture, (side, side), mode="bicubic", antialias=True
        )
        parts.append(_vectors(model, picture, device))
    pictures = torch.cat(parts)
    ids, counts = np.unique(truths.ids[rows], return_counts=True)
    asked = [int(n) for n, c in zip(ids, counts, strict=True) if n >= 0 and c >= 10]
    with torch.autocast(device.type, torch.bfloat16):
        found = model.encode_text(tokenizer([truths.texts[n] for n in asked]).to(device)).float()
    best = (found @ pictures.T).topk(10).indices.cpu().numpy()
    right = [
        (truths.ids[rows[row]] == n).any(-1).mean() for n, row in zip(asked, best, strict=True)
    ]
    return float(np.mean(right))


def _recall_of_parts(
    model: Any, pool: Pool, rows: npt.NDArray[np.int64], device: torch.device
) -> float:
    """Of pictures like photographs: is each part's next neighbour part of the same picture?"""
    like = [list(SHARES).index(name) for name in ("collages", "landscapes", "fractals")]
    rows = rows[np.isin(pool.families[rows], like)]
    rng = torch.Generator(device).manual_seed(0)
    parts = []
    for start in range(0, len(rows), 128):
        pixels = torch.from_numpy(pool.pixels[rows[start : start + 128]]).to(device)
        for _ in range(_PARTS):
            flip = (torch.rand(len(pixels), generator=rng, device=device) < 0.5).float()
            parts.append(_vectors(model, view(pixels, side_of(model), flip, PART, rng), device))
    lots = [torch.stack(parts[n : n + _PARTS], 1) for n in range(0, len(parts), _PARTS)]
    vectors = torch.cat(lots).flatten(0, 1)
    scores = vectors @ vectors.T
    scores.fill_diagonal_(-torch.inf)
    best = scores.topk(_PARTS - 1).indices // _PARTS
    home = torch.arange(len(vectors), device=device)[:, None] // _PARTS
    return float((best == home).float().mean())


def start_from(model: Any, path: Path) -> None:
    """Begin with a run's averaged weights or the package's: fewer blocks, px or dimensions there
    will do."""
    if path.suffix == ".safetensors":
        kept = {name: value.float() for name, value in load_file(path).items()}
        kept = {n: v.to(model.state_dict()[n].dtype) for n, v in kept.items()}
    else:
        kept = torch.load(path, map_location="cpu", weights_only=True)["smooth"]
    fresh = model.state_dict()
    name = "visual.attnpool.positional_embedding"
    if kept[name].shape != fresh[name].shape:
        kept[name] = _resize_places(kept[name], len(fresh[name]))
    for name in _TO_JOINT_SPACE:
        more = [now - then for now, then in zip(fresh[name].shape, kept[name].shape, strict=True)]
        sides = [each for room in reversed(more) for each in (0, room)]
        kept[name] = torch.nn.functional.pad(kept[name], sides)
    # A block that is new adds nothing to its input until it is trained: its last scale is zero.
    model.load_state_dict({**fresh, **kept})


def _resize_places(places: Any, count: int) -> Any:
    """The places of a square grid, after that of the mean, on a grid of another size."""
    old, new = math.isqrt(len(places) - 1), math.isqrt(count - 1)
    grid = places[1:].T.reshape(1, -1, old, old)
    grid = torch.nn.functional.interpolate(grid, (new, new), mode="bicubic", align_corners=True)
    return torch.cat([places[:1], grid.reshape(places.shape[1], -1).T])


def _mean(points: list[tuple[int, float]]) -> float:
    return float(np.mean([value for _, value in points[-100:]]))


def _save(
    path: Path, model: Any, optimizer: Any, memories: Memories, smooth: Any, log: Log, step: int
) -> None:
    scratch = path.with_suffix(".new")
    torch.save(
        {
            "model": model.state_dict(),
            "optimizer": optimizer.state_dict(),
            "pictures": memories.pictures.state(),
            "texts": memories.texts.state(),
            "smooth": smooth,
            "log": asdict(log),
            "step": step,
        },
        scratch,
    )
    scratch.replace(path)


def _report(plan: Plan, log: Log) -> None:
    plot(plan.out / "loss.png", {"captions": log.captions, "views": log.views})
    kept_back = {"precision@10, kept back": log.precision, "recall of parts": log.recall}
    plot(plan.out / "precision.png", kept_back, smooth=1)
    (plan.out / "log.json").write_text(json.dumps(asdict(log)), "utf-8")
