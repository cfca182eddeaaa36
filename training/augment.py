"""Random views of pictures, a batch at a time, on whatever device the training runs."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch.nn import functional

Tensor = Any
_LUMA = (0.299, 0.587, 0.114)


@dataclass(frozen=True, slots=True)
class View:
    """How strongly a view differs: shares of the area, strengths of the jitter, probabilities.

    ``mild`` is the share of views whose colours are left nearly as they are.
    """

    area: tuple[float, float]
    squeeze: float
    light: float
    hue: float
    grey: float
    blur: float
    noise: float
    mild: float = 0.0


# The first keeps what the caption says true; the second only that it is the same picture.
FAITHFUL = View((0.78, 1.0), 0.06, 0.12, 0.008, 0.0, 0.2, 0.2)
FREE = View((0.25, 1.0), 0.28, 0.45, 0.12, 0.08, 0.1, 0.1, mild=0.9)
# A part of a picture, all else unchanged: what validation asks for.
PART = View((0.3, 1.0), 0.28, 0.0, 0.0, 0.0, 0.0, 0.0)
_MILD = 0.1


def view(pixels: Tensor, side: int, flip: Tensor, how: View, rng: torch.Generator) -> Tensor:
    """``uint8 [n, h, w, 3]`` -> ``float [n, 3, side, side]`` in 0-1; flips where ``flip`` is 1."""
    count = len(pixels)
    picture = pixels.permute(0, 3, 1, 2).float() / 255
    picture = _crop(picture, side, flip, how, rng)
    picture = _jitter(picture, how, rng)
    chosen = _draw(rng, count, picture.device) < how.blur
    if chosen.any():
        soft = functional.avg_pool2d(picture[chosen], 3, 1, 1, count_include_pad=False)
        if bool(_draw(rng, 1, picture.device) < 0.5):
            soft = functional.avg_pool2d(soft, 3, 1, 1, count_include_pad=False)
        picture[chosen] = soft
    chosen = _draw(rng, count, picture.device) < how.noise
    if chosen.any():
        strength = 0.05 * float(_draw(rng, 1, picture.device))
        some = picture[chosen]
        grain = torch.randn(some.shape, generator=rng, device=some.device)
        picture[chosen] = some + strength * grain
    return picture.clamp_(0, 1)


def compress(
    pixels: npt.NDArray[np.uint8], share: float, rng: np.random.Generator
) -> npt.NDArray[np.uint8]:
    """JPEG at a random quality for a share of the pictures."""
    for at in np.flatnonzero(rng.random(len(pixels)) < share):
        packed = io.BytesIO()
        Image.fromarray(pixels[at]).save(packed, "JPEG", quality=int(rng.integers(25, 90)))
        pixels[at] = np.asarray(Image.open(packed))
    return pixels


def _draw(rng: torch.Generator, count: int, device: Any, low: float = 0, high: float = 1) -> Tensor:
    return low + (high - low) * torch.rand(count, generator=rng, device=device)


def _crop(picture: Tensor, side: int, flip: Tensor, how: View, rng: torch.Generator) -> Tensor:
    count, device = len(picture), picture.device
    area = _draw(rng, count, device, *how.area)
    ratio = torch.exp(_draw(rng, count, device, -how.squeeze, how.squeeze))
    wide = (area * ratio).sqrt().clamp(max=1)
    high = (area / ratio).sqrt().clamp(max=1)
    matrix = torch.zeros(count, 2, 3, device=device)
    matrix[:, 0, 0] = wide * (1 - 2 * flip)
    matrix[:, 1, 1] = high
    matrix[:, 0, 2] = _draw(rng, count, device, -1, 1) * (1 - wide)
    matrix[:, 1, 2] = _draw(rng, count, device, -1, 1) * (1 - high)
    grid = functional.affine_grid(matrix, [count, 3, side, side], align_corners=False)
    return functional.grid_sample(picture, grid, padding_mode="reflection", align_corners=False)


def _jitter(picture: Tensor, how: View, rng: torch.Generator) -> Tensor:
    """Hue, saturation, contrast and brightness as one matrix and one shift a picture."""
    count, device = len(picture), picture.device
    mild = _draw(rng, count, device) < how.mild
    strength = torch.where(mild, _MILD, 1.0)

    def about_one() -> Tensor:
        return (1 + how.light * strength * _draw(rng, count, device, -1, 1)).view(-1, 1, 1)

    grey = (_draw(rng, count, device) < how.grey) & ~mild
    saturation = about_one() * (~grey).float().view(-1, 1, 1)
    contrast, brightness = about_one(), about_one()
    turn = how.hue * strength * _draw(rng, count, device, -1, 1) * 2 * math.pi
    luma = torch.tensor(_LUMA, device=device).expand(3, 3)
    axis = torch.full((3, 3), 1 / 3, device=device)
    cross = torch.tensor([[0.0, -1, 1], [1, 0, -1], [-1, 1, 0]], device=device) / math.sqrt(3)
    eye = torch.eye(3, device=device)
    cos, sin = torch.cos(turn).view(-1, 1, 1), torch.sin(turn).view(-1, 1, 1)
    rotate = cos * eye + (1 - cos) * axis + sin * cross
    saturate = saturation * eye + (1 - saturation) * luma
    matrix = contrast * brightness * (saturate @ rotate)
    flat = picture.flatten(2)
    middle = (flat.mean((1, 2)).view(-1, 1, 1) * (1 - contrast)) * brightness
    return (matrix @ flat + middle).view_as(picture)
