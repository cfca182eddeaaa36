"""The two losses: texts against pictures, and views of a picture against each other."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

Tensor = Any
VIEW_TEMPERATURE = 0.1


def caption_loss(texts: Tensor, pictures: Tensor, truth: Tensor, scale: Tensor) -> Tensor:
    """Cross entropy both ways; whatever is true of a picture counts as right, in equal parts."""
    scores = scale * texts @ pictures.T
    return (_spread(scores, truth) + _spread(scores.T, truth.T)) / 2


def _spread(scores: Tensor, truth: Tensor) -> Tensor:
    right = truth.float()
    count = right.sum(1)
    some = count > 0
    share = right[some] / count[some].unsqueeze(1)
    return -(share * functional.log_softmax(scores[some], 1)).sum(1).mean()


def view_loss(first: Tensor, second: Tensor) -> Tensor:
    """Each view must find the other view of its picture."""
    scores = first @ second.T / VIEW_TEMPERATURE
    right = torch.arange(len(scores), device=scores.device)
    return (functional.cross_entropy(scores, right) + functional.cross_entropy(scores.T, right)) / 2
