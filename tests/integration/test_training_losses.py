"""The losses of training, by hand on a few vectors."""

from __future__ import annotations

import math

import torch

from training.loss import VIEW_TEMPERATURE, caption_loss, view_loss
from training.memory import Memory


def test_right_answers_do_not_compete_and_wrong_ones_count() -> None:
    truth = torch.tensor([[True, True, False], [False, False, False]])
    apart = caption_loss(torch.tensor([[9.0, 5.0, -20.0], [1.0, 1.0, 1.0]]), truth)
    assert float(apart) < 1e-6
    wrong = caption_loss(torch.tensor([[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]]), truth)
    assert math.isclose(float(wrong), math.log(2), rel_tol=1e-5)


def test_nothing_to_be_right_about_is_no_loss() -> None:
    scores = torch.zeros(2, 3, requires_grad=True)
    loss = caption_loss(scores, torch.zeros(2, 3, dtype=torch.bool))
    loss.backward()
    assert float(loss.detach()) == 0
    assert scores.grad is not None
    assert bool(torch.isfinite(scores.grad).all())


def test_everything_right_has_a_finite_gradient() -> None:
    scores = torch.zeros(2, 3, requires_grad=True)
    caption_loss(scores, torch.ones(2, 3, dtype=torch.bool)).backward()
    assert scores.grad is not None
    assert bool(torch.isfinite(scores.grad).all())


def test_views_are_told_apart_from_others_but_not_from_their_own_picture() -> None:
    eye = torch.eye(3)
    alone = view_loss(eye, eye, torch.zeros(0, 3), torch.zeros(3, 0, dtype=torch.bool))
    assert float(alone) < 3 * math.exp(-1 / VIEW_TEMPERATURE)
    twin = eye[:1]
    confused = view_loss(eye, eye, twin, torch.tensor([[False], [False], [False]]))
    own = view_loss(eye, eye, twin, torch.tensor([[True], [False], [False]]))
    assert math.isclose(float(confused), math.log(2) / 3, rel_tol=1e-3)
    assert math.isclose(float(own), float(alone), abs_tol=1e-5)


def test_the_memory_keeps_the_newest_and_goes_on_where_it_was() -> None:
    memory = Memory(4, 2, 1, torch.device("cpu"))
    assert memory.vectors[memory.held].shape == (0, 2)
    for n in range(3):
        memory.push(torch.full((2, 2), float(n)), torch.full((2, 1), n))
    assert memory.vectors[memory.held][:, 0].tolist() == [2, 2, 1, 1]
    other = Memory(4, 2, 1, torch.device("cpu"))
    other.load(memory.state())
    other.push(torch.full((1, 2), 9.0), torch.full((1, 1), 9))
    assert other.marks[other.held][:, 0].tolist() == [2, 2, 9, 1]
