"""The second part of training: what whitening keeps, and a run from a checkpoint to weights."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from rayograph.encoders import load_encoder
from rayograph.encoders.names import MINI_CONFIG
from training.export import export
from training.heads import VIEWS, HeadPlan, fit_heads, whiten
from training.train import Plan, new_model

COUNT = 1000


def test_whitening_evens_out_parts_and_keeps_what_texts_say() -> None:
    rng = torch.Generator().manual_seed(0)
    size, count = 8, 4000
    strong = torch.tensor([9.0, 3.0, 1.0, 1.0, 1.0, 1.0, 0.3, 0.1])
    picture = torch.randn(count, size, generator=rng) * 4
    seen = {
        name: picture + torch.randn(count, size, generator=rng) * strong
        for name in ("part", "other")
    }
    own = torch.nn.Linear(size, size)
    words = torch.nn.Parameter(torch.randn(3, size, generator=rng))
    model = SimpleNamespace(
        visual=SimpleNamespace(attnpool=SimpleNamespace(c_proj=own)), text_projection=words
    )
    with torch.no_grad():
        before = words @ own(picture).T
        last = whiten(model, seen, HeadPlan(ridge=1e-4))
        after = words @ last(picture).T
        change = after - before
        apart = torch.cov((last(seen["part"]) - last(seen["other"])).T)
    assert float((change - change.mean(1, keepdim=True)).abs().max()) < 1e-3
    assert torch.allclose(apart / apart.trace() * size, torch.eye(size), atol=0.1)


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    return Plan(tmp_path_factory.mktemp("run"), pool=COUNT, kept=200, device="cpu")


def test_heads_are_fitted_and_exported_and_the_rest_stands_still(plan: Plan) -> None:
    model = new_model(torch.device("cpu"))
    fresh = {name: value.clone() for name, value in model.state_dict().items()}
    words = torch.ones_like(fresh["token_embedding.weight"])
    checkpoint = plan.out / "checkpoint.pt"
    torch.save({"smooth": fresh, "optimizer": {"state": {0: {"exp_avg_sq": words}}}}, checkpoint)
    heads = HeadPlan(steps=3, texts=32, pictures=200, pairs=100, warm_up=1)
    fitted = fit_heads(checkpoint, plan, heads)
    state = torch.load(fitted, weights_only=True)["smooth"]
    moved = {name for name, value in state.items() if not torch.equal(value, fresh[name])}
    assert "visual.attnpool.c_proj.weight" in moved and "text_projection" in moved
    assert all("c_proj" in name for name in moved if name.startswith("visual."))
    kept = sorted(path.name for path in plan.out.glob("features-*/*"))
    assert kept == sorted(f"{name}.npy" for name in VIEWS)

    encoder = load_encoder(f"{MINI_CONFIG}/{export(fitted, plan.out / 'weights.safetensors')}")
    vectors = encoder.images(np.zeros((2, 128, 128, 3), np.uint8))
    assert np.allclose(np.linalg.norm(vectors.astype(np.float32), axis=1), 1, atol=1e-2)
