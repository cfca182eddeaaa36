"""rayograph-mini, the model that ships: open_clip loads it as it loads any, and it finds things."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rayograph.demo import write_demo
from rayograph.encoders import load_encoder
from rayograph.encoders.base import Encoder
from rayograph.encoders.names import MINI, MINI_CONFIG, MINI_WEIGHTS
from rayograph.schema import Progress
from tests.integration.conftest import Server

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def mini() -> Encoder:
    return load_encoder(MINI, precision="fp32")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("demo"), count=450, seed=31, size=128)


def captions(folder: Path) -> dict[str, str]:
    lines = (folder / "captions.jsonl").read_text().splitlines()
    return {line["file"]: line["caption"] for line in map(json.loads, lines)}


def test_open_clip_alone_loads_the_same_model(mini: Encoder) -> None:
    import open_clip
    import torch

    open_clip.add_model_config(MINI_CONFIG)
    model = open_clip.create_model(MINI, pretrained=str(MINI_WEIGHTS)).eval()
    tokens = open_clip.get_tokenizer(MINI)(["a red circle", "the sea"])
    with torch.inference_mode():
        expected = model.encode_text(tokens, normalize=True).numpy()
    np.testing.assert_allclose(mini.texts(["a red circle", "the sea"]), expected, atol=2e-3)
    transform = open_clip.image_transform(mini.image_size, is_train=False)
    pixels = np.random.default_rng(0).integers(0, 256, (2, *[mini.image_size] * 2, 3), np.uint8)
    with torch.inference_mode():
        batch = torch.stack([transform(Image.fromarray(picture)) for picture in pixels])
        expected = model.encode_image(batch, normalize=True).numpy()
    np.testing.assert_allclose(mini.images(pixels), expected, atol=2e-3)


def test_its_key_follows_its_weights(mini: Encoder) -> None:
    assert mini.key == load_encoder(f"{MINI_CONFIG}/{MINI_WEIGHTS}").key
    assert (mini.name, mini.dim) == (MINI, 512)


@pytest.mark.parametrize(
    ("text", "words"),
    [("a bar chart", "bar chart"), ("the sea", "sea"), ("a line drawing", "line drawing"),
     ("a gradient", "gradient"), ("a snowflake", "snowflake"), ("mountains", "mountains")],
)  # fmt: skip
def test_it_finds_what_was_drawn(mini: Encoder, demo: Path, text: str, words: str) -> None:
    found = captions(demo)
    pictures = []
    for file in found:
        with Image.open(demo / file) as image:
            side = (mini.image_size,) * 2
            pictures.append(np.asarray(image.convert("RGB").resize(side, Image.Resampling.BICUBIC)))
    scores = mini.texts([text])[0].astype(np.float32) @ mini.images(np.stack(pictures)).T
    best = [list(found.values())[at] for at in np.argsort(-scores)[:3]]
    assert all(words in caption for caption in best), best


@pytest.mark.ray
def test_without_a_hub_auto_searches_with_it(new_server: Callable[..., Server], demo: Path) -> None:
    running = new_server(str(demo), RAYOGRAPH_MODEL="auto", HF_HUB_OFFLINE="1").start()
    running.await_line(f"model: {MINI}")
    models = running.client.models()
    assert models.in_use == MINI
    dataset = running.client.add(demo)
    assert dataset.wait(timeout=120).ready == 450
    for text, word in {"a bar chart": "bar", "a sunset": "sunset", "a pie chart": "pie"}.items():
        best = [hit.image.caption or "" for hit in dataset.search(text, k=2).items]
        assert all(word in caption for caption in best), (text, best)


@pytest.mark.ray
def test_a_dataset_changes_to_it_while_the_old_vectors_serve(server: Server, demo: Path) -> None:
    dataset = server.client.add(demo)
    assert dataset.wait(timeout=120).ready == 450
    assert dataset.search("red", k=1).model == "fake"
    answered: list[str | None] = []
    dataset.use_model(MINI)

    def during(now: Progress) -> None:
        assert now.ready == 450
        found = dataset.search("a bar chart", k=3)
        assert found.coverage.searched == found.coverage.total == 450
        answered.append(found.model)

    assert dataset.wait(timeout=120, on_progress=during).status == "complete"
    assert answered[0] == "fake"
    assert set(answered) <= {"fake", MINI}
    assert server.client.dataset(dataset.id).info.model == MINI
    best = dataset.search("a bar chart", k=3)
    assert best.model == MINI
    assert all("bar" in (hit.image.caption or "") for hit in best.items)
