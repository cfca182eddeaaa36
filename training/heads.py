"""The second part of training: both heads, on features that are kept.

All of the picture tower but its last layer stands still from here on. So every picture passes
through it once for each view, and a step compares thousands of pictures with hundreds of texts for
little.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import open_clip
import torch
from torch.nn.functional import normalize
from tqdm import tqdm

from training.augment import FAITHFUL, PART, View, view
from training.data import ALIKE, Truths, flippable, texts_of
from training.loss import caption_loss, truth_of, view_loss
from training.pool import SHARES, Pool, open_pool
from training.train import (
    NAME,
    SCALE_MAX,
    Plan,
    attention,
    average,
    falling,
    new_model,
    normalised,
    side_of,
    start_from,
    torch_device,
    validate,
)

Tensor = Any
Ints = npt.NDArray[np.int64]
# Each picture as it is, as its caption is still true of it, and two parts of it.
VIEWS: dict[str, View | None] = {
    "whole": None,
    "faithful": FAITHFUL,
    "part": PART,
    "other": replace(PART, light=0.1, hue=0.02),
}
PAIRS = (("part", "other"), ("whole", "part"), ("part", "other"), ("faithful", "other"))
_LOT = 250
_FITTED = 60_000
_SCALED_BY = 5000
_OFTEN = 8


@dataclass(frozen=True, slots=True)
class HeadPlan:
    """What decides the outcome of this part.

    ``last_share`` is the last layer's share of the rate: the faster it follows the captions, the
    more it forgets of what makes two parts those of one picture. ``ridge`` keeps directions in
    which parts hardly differ from being blown up.
    """

    steps: int = 280
    texts: int = 384
    pictures: int = 6000
    pairs: int = 2000
    rate: float = 2e-3
    last_share: float = 0.05
    warm_up: int = 50
    decay: float = 0.01
    ridge: float = 0.03
    views_weight: float = 2.0
    # Texts chosen so that every statement is as frequent as any other.
    balanced: float = 0.5
    average: float = 0.98


def fit_heads(checkpoint: Path, plan: Plan, heads: HeadPlan) -> Path:
    """Fit both heads of a checkpoint; the path of another, to be exported like it."""
    device = torch.device(torch_device(plan.device))
    pool = open_pool(plan.out / "pool", count=plan.pool, side=plan.pool_side, workers=plan.workers)
    truths = Truths(pool.captions, pool.colours)
    kept = torch.load(checkpoint, map_location=device, weights_only=True)
    model = new_model(device)
    start_from(model, checkpoint)
    seen = features(model, pool, plan.out, device)
    torch.manual_seed(plan.seed)
    last = whiten(model, seen, heads)
    state = _fit(model, last, seen, truths, pool, plan, heads)
    path = plan.out / "heads.pt"
    torch.save({"smooth": state, "optimizer": kept["optimizer"]}, path)
    return path


# -- features --------------------------------------------------------------------------------


def features(model: Any, pool: Pool, out: Path, device: torch.device) -> dict[str, Tensor]:
    """What the last layer gets of every picture in every view, kept beside the pool."""
    folder = out / f"features-{_trunk(model)}"
    folder.mkdir(parents=True, exist_ok=True)
    for number, (name, how) in enumerate(VIEWS.items()):
        path = folder / f"{name}.npy"
        if path.is_file():
            continue
        rng = torch.Generator(device).manual_seed(number)
        scratch = path.with_suffix(".new")
        with scratch.open("wb") as file:
            np.save(file, _features(model, pool, how, name, rng, device))
        scratch.replace(path)
    return {name: torch.from_numpy(np.load(folder / f"{name}.npy")).to(device) for name in VIEWS}


def _features(
    model: Any, pool: Pool, how: View | None, name: str, rng: torch.Generator, device: torch.device
) -> npt.NDArray[np.float16]:
    side, count = side_of(model), len(pool.captions)
    flips = torch.from_numpy(flippable(pool, np.arange(count))).to(device)
    found = np.empty((count, model.visual.attnpool.c_proj.in_features), np.float16)
    model.eval()
    with torch.no_grad(), _without_last(model), attention(device):
        for start in tqdm(range(0, count, _LOT), desc=f"features, {name}", mininterval=5):
            rows = np.arange(start, min(count, start + _LOT))
            pixels = torch.from_numpy(pool.pixels[rows]).to(device)
            if how is None:
                seen = pixels.permute(0, 3, 1, 2).float() / 255
            else:
                toss = torch.rand(len(rows), generator=rng, device=device) < 0.5
                # Only of a faithful view something is said, and left and right belong to it.
                allowed = flips[rows] if how is FAITHFUL else torch.ones_like(toss)
                seen = view(pixels, side, (toss & allowed).float(), how, rng)
            seen = normalised(model, seen).contiguous(memory_format=torch.channels_last)
            with torch.autocast(device.type, torch.bfloat16):
                found[rows] = model.encode_image(seen).float().cpu().numpy()
    return found


def _trunk(model: Any) -> str:
    digest = hashlib.sha256()
    for name, value in model.visual.state_dict().items():
        if "c_proj" not in name:
            digest.update(value.cpu().numpy().tobytes())
    return digest.hexdigest()[:12]


@contextmanager
def _without_last(model: Any) -> Iterator[None]:
    pool = model.visual.attnpool
    own, size = pool.c_proj, pool.c_proj.in_features
    pool.c_proj = torch.nn.Linear(size, size).to(own.weight.device)
    torch.nn.init.eye_(pool.c_proj.weight)
    torch.nn.init.zeros_(pool.c_proj.bias)
    try:
        yield
    finally:
        pool.c_proj = own


# -- fitting ---------------------------------------------------------------------------------


def whiten(model: Any, seen: dict[str, Tensor], heads: HeadPlan) -> torch.nn.Linear:
    """The layer in whose space parts of one picture differ alike in every direction, of which it
    keeps those in which pictures differ most. The texts' projection follows: each text still
    scores every picture as it did, but for what each vector's own length says."""
    own = model.visual.attnpool.c_proj
    part, other = seen["part"][:_FITTED].double(), seen["other"][:_FITTED].double()
    mean, apart = part.mean(0), part - other
    within = apart.T @ apart / len(apart) / 2
    size = len(mean)
    ridge = heads.ridge * within.trace() / size * torch.eye(size, dtype=within.dtype).to(within)
    values, axes = torch.linalg.eigh(within + ridge)
    even, back = (axes * values**-0.5) @ axes.T, (axes * values**0.5) @ axes.T
    between = (part - mean) @ even
    _, chosen = torch.linalg.eigh(between.T @ between / len(between))
    chosen = chosen[:, -own.out_features :]
    change = even @ chosen
    scale = ((part[:_SCALED_BY] - mean) @ change).norm(dim=1).mean()
    last = torch.nn.Linear(size, own.out_features).to(own.weight.device)
    with torch.no_grad():
        last.weight.copy_(change.T / scale)
        last.bias.copy_(-mean @ change / scale)
        follow = own.weight.double() @ back @ chosen * scale
        model.text_projection.copy_(model.text_projection.double() @ follow)
    return last


def _fit(
    model: Any,
    last: torch.nn.Linear,
    seen: dict[str, Tensor],
    truths: Truths,
    pool: Pool,
    plan: Plan,
    heads: HeadPlan,
) -> dict[str, Tensor]:
    device = last.weight.device
    usable = len(pool.captions) - plan.kept
    draw = Draw(pool, truths, usable, heads)
    ids = torch.from_numpy(truths.ids.astype(np.int32)).to(device)
    tokenizer = open_clip.get_tokenizer(NAME)
    model.visual.attnpool.c_proj = last
    words = [v for name, v in model.named_parameters() if not name.startswith("visual.")]
    layer = [*last.parameters()]
    groups = [{"params": layer, "share": heads.last_share}, {"params": words, "share": 1.0}]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98), weight_decay=heads.decay)
    smooth = {name: value.clone() for name, value in model.state_dict().items()}
    bar = tqdm(range(heads.steps), desc="heads", unit="step", mininterval=5)
    for step in bar:
        rate = falling(heads.rate, heads.warm_up, heads.steps, step)
        for group in optimizer.param_groups:
            group["lr"] = rate * group["share"]
        rng = np.random.default_rng([plan.seed, 7, step])
        texts, text_ids, rows = draw.step(rng)
        model.train()
        with attention(device):
            said = normalize(model.encode_text(tokenizer(texts).to(device)), dim=-1)
        pictures = _vectors(last, seen["faithful" if step % 2 else "whole"], rows)
        asked = torch.from_numpy(text_ids.astype(np.int32)).to(device)
        truth = truth_of(asked, ids[rows])
        scores = model.logit_scale.exp() * said @ pictures.T
        few = 2 * heads.texts
        captions = (caption_loss(scores, truth) + caption_loss(scores.T[:few], truth.T[:few])) / 2
        views = _pairs(last, seen, rng.choice(usable, min(usable, heads.pairs), False), step)
        optimizer.zero_grad(set_to_none=True)
        (captions + heads.views_weight * views).backward()
        torch.nn.utils.clip_grad_norm_(layer + words, 1.0)
        optimizer.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(SCALE_MAX))
        average(smooth, model, heads.average if step > heads.warm_up else 0.8)
        bar.set_postfix(captions=f"{captions:.3f}", views=f"{views:.3f}", refresh=False)
    precision, recall = validate(model, smooth, pool, truths, tokenizer, plan, device)
    tqdm.write(f"heads: precision@10 {precision:.3f}, recall of parts {recall:.3f}")
    return smooth


def _vectors(last: torch.nn.Linear, kept: Tensor, rows: Ints) -> Tensor:
    return normalize(last(kept[rows].float()), dim=-1)


def _pairs(last: torch.nn.Linear, seen: dict[str, Tensor], rows: Ints, step: int) -> Tensor:
    one, two = (_vectors(last, seen[name], rows) for name in PAIRS[step % len(PAIRS)])
    return view_loss(one, two)


class Draw:
    """What a step compares: texts, and pictures of which many are nearly right."""

    def __init__(self, pool: Pool, truths: Truths, usable: int, heads: HeadPlan) -> None:
        self._truths, self._usable, self._heads = truths, usable, heads
        families = pool.families[:usable]
        self._families = [np.flatnonzero(families == n) for n in range(len(SHARES))]
        weights = np.array([ALIKE[name] for name in SHARES])
        weights *= [len(family) > 0 for family in self._families]
        self._weights = weights / weights.sum()
        # Of each statement where it is made: row and place, and the statements made often enough.
        own = truths.ids[:usable]
        rows, places = np.nonzero(own >= 0)
        order = np.argsort(own[rows, places], kind="stable")
        self._rows, self._places = rows[order], places[order]
        _, starts, counts = np.unique(
            own[self._rows, self._places], return_index=True, return_counts=True
        )
        often = counts >= min(_OFTEN, counts.max())
        self._starts, self._counts = starts[often], counts[often]

    def step(self, rng: np.random.Generator) -> tuple[list[str], Ints, Ints]:
        """Texts, their ids, and rows of pictures; the first are those the texts were taken of."""
        wanted = self._heads.texts
        even = int(wanted * self._heads.balanced)
        which = rng.integers(len(self._starts), size=even)
        at = self._starts[which] + rng.integers(self._counts[which])
        alike = self._alike(rng)
        half = (wanted - even) // 2
        rows = np.concatenate(
            [
                self._rows[at],
                rng.choice(alike, half),
                rng.integers(0, self._usable, wanted - even - half),
            ]
        )
        texts, ids = texts_of(self._truths, rows, rng, self._places[at].tolist())
        more = self._heads.pictures - wanted
        others = [rng.integers(0, self._usable, more // 2), rng.choice(alike, more - more // 2)]
        return texts, ids, np.concatenate([rows, *others])

    def _alike(self, rng: np.random.Generator) -> Ints:
        return self._families[int(rng.choice(len(self._families), p=self._weights))]
