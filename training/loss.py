"""The two losses: texts against pictures, and views of a picture against each other."""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional

Tensor = Any
VIEW_TEMPERATURE = 0.07


def caption_loss(scores: Tensor, truth: Tensor) -> Tensor:
    """Each right answer must come before all wrong ones; right ones do not compete.

    ``scores`` and ``truth`` are [asked, candidates]; who has no right answer says nothing.
    """
    wrong = scores.masked_fill(truth, -torch.inf).logsumexp(1, keepdim=True)
    missed = functional.softplus(wrong - scores)
    count = truth.sum(1)
    return ((missed * truth).sum(1) / count.clamp(min=1)).sum() / (count > 0).sum().clamp(min=1)


def truth_of(text_ids: Tensor, picture_ids: Tensor) -> Tensor:
    """Which text [texts] is true of which picture [pictures, what is true of it]."""
    truth = torch.zeros(len(text_ids), len(picture_ids), dtype=torch.bool, device=text_ids.device)
    # One column after another: all at once would take as many times the memory.
    for column in picture_ids.T:
        truth |= text_ids[:, None] == column[None]
    return truth


def view_loss(
    first: Tensor, second: Tensor, others: Tensor | None = None, same: Tensor | None = None
) -> Tensor:
    """Each view must find the other view of its picture, also among ``others``.

    ``same`` [pictures, others]: the other is of the same picture, so no wrong answer.
    """
    right = torch.arange(len(first), device=first.device)
    between = first @ second.T
    losses = []
    for asked, inside in ((first, between), (second, between.T)):
        scores = inside
        if others is not None:
            beside = (asked @ others.T).masked_fill(same, -torch.inf)
            scores = torch.cat([inside, beside], 1)
        scores = scores / VIEW_TEMPERATURE
        losses.append(functional.cross_entropy(scores, right))
    return (losses[0] + losses[1]) / 2
