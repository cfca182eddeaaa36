from __future__ import annotations

import http.server
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from rayograph.encoders import (
    choice,
    choose_model,
    hub,
    list_models,
    load_encoder,
    model_shape,
    parse_name,
)
from rayograph.encoders.base import pick_precision
from rayograph.encoders.names import MINI, MINI_CONFIG, MINI_WEIGHTS, ModelShape
from rayograph.errors import ModelUnavailable

LAION = "ViT-B-32/laion2b_s34b_b79k"
MINI_SIDE = json.loads(MINI_CONFIG.read_text("utf-8"))["vision_cfg"]["image_size"]


@pytest.fixture(autouse=True)
def no_remembered_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "_answers", {})


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "cached_file", lambda repo: None)
    monkeypatch.setattr(choice, "available_file", lambda repo: None)


def test_every_form_of_a_name_reads_back(tmp_path: Path) -> None:
    weights, config = tmp_path / "w.safetensors", tmp_path / "tiny.json"
    weights.touch()
    config.touch()
    for text, kind in {
        LAION: "tag",
        f"ViT-B-32/{weights}": "file",
        f"{config}/{weights}": "config",
        "hf-hub:org/name": "hub",
        f"local-dir:{tmp_path}": "dir",
        "random:ViT-B-32": "random",
        "fake": "fake",
        MINI: "mini",
    }.items():
        name = parse_name(text)
        assert name.kind == kind
        assert str(name) == text
        assert parse_name(str(name)) == name


def test_relative_paths_become_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "w.pt").touch()
    monkeypatch.chdir(tmp_path)
    for text in ("ViT-B-32/./w.pt", "ViT-B-32/w.pt"):
        assert Path(parse_name(text).weights).is_absolute()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "which weights"),
        ("ViT-B-32", "which weights"),
        ("ViT-B-32/", "which weights"),
        ("ViT-B-33/openai", "no architecture"),
        ("random:nonsense", "no architecture"),
        ("hf-hub:", "nothing after"),
        ("local-dir:/no/such/folder", "no folder"),
        ("ViT-B-32//no/such/file.pt", "no file"),
        ("/no/such.json//no/such.pt", "no file"),
    ],
)
def test_a_name_that_cannot_be_had_says_why(text: str, says: str) -> None:
    with pytest.raises(ModelUnavailable, match=says) as caught:
        choose_model(text)
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_a_near_name_is_suggested() -> None:
    with pytest.raises(ModelUnavailable) as caught:
        parse_name("ViT-B32/openai")
    assert "ViT-B-32" in str(caught.value.hint)


def test_other_kinds_of_files_are_not_weights(tmp_path: Path) -> None:
    path = tmp_path / "w.npz"
    path.touch()
    with pytest.raises(ModelUnavailable, match="not a kind of weights"):
        parse_name(f"ViT-B-32/{path}")


def test_the_shape_is_known_before_loading(tmp_path: Path) -> None:
    shape = model_shape("ViT-B-32/laion2b_s34b_b79k")
    assert shape is not None
    assert (shape.dim, shape.image_size, shape.resize_mode) == (512, 224, "shortest")
    described = {
        "model_cfg": {"embed_dim": 7, "vision_cfg": {"image_size": 48}, "text_cfg": {}},
        "preprocess_cfg": {"size": [48, 48], "resize_mode": "squash"},
    }
    (tmp_path / "open_clip_config.json").write_text(json.dumps(described))
    shape = model_shape(f"local-dir:{tmp_path}")
    assert shape is not None
    assert (shape.dim, shape.image_size, shape.resize_mode) == (7, 48, "squash")
    (tmp_path / "open_clip_config.json").write_text("[]")
    with pytest.raises(ModelUnavailable, match="does not describe"):
        model_shape(f"local-dir:{tmp_path}")


@pytest.mark.usefixtures("no_hub")
def test_auto_without_cache_and_hub_takes_the_small_model_and_says_so() -> None:
    found = choose_model("auto")
    assert found.name == MINI
    assert "no model hub answers" in found.reason
    assert "--model" in found.reason
    models = list_models("auto")
    assert (models.in_use, models.reason) == (MINI, found.reason)
    used = [item for item in models.items if item.available or item.in_use]
    assert [(item.name, item.available, item.in_use, item.dim) for item in used] == [
        (MINI, True, True, 512)
    ]
    assert all(item.reason and item.finds and item.does_not_find for item in models.items)
    assert len({item.name for item in models.items}) == len(models.items)


@pytest.mark.usefixtures("no_hub")
def test_auto_without_even_the_small_model_says_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(choice, "MINI_WEIGHTS", tmp_path / "none.safetensors")
    found = choose_model("auto")
    assert found.name is None
    assert "Next: " in found.reason
    assert list_models("auto").in_use is None


def test_the_small_model_can_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "available_file", lambda repo: "file")
    found = choose_model(MINI)
    assert found.name == MINI
    assert "ships" in found.reason
    assert model_shape(MINI) == ModelShape(512, MINI_SIDE)
    assert [item.name for item in list_models(MINI).items if item.in_use] == [MINI]
    monkeypatch.setattr(choice, "architectures", dict)
    with pytest.raises(ModelUnavailable, match="server extra"):
        choose_model(MINI)


def test_the_weights_of_the_small_model_fit_the_package() -> None:
    assert MINI_WEIGHTS.stat().st_size <= 12_000_000
    with MINI_WEIGHTS.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
    tensors = {name: entry for name, entry in header.items() if name != "__metadata__"}
    kinds = {entry["dtype"] for entry in tensors.values()}
    assert kinds == {"F16", "I64"}  # the latter counts the batches of the norms
    config = json.loads(MINI_CONFIG.read_text("utf-8"))
    assert tensors["text_projection"]["shape"] == [
        config["text_cfg"]["width"],
        config["embed_dim"],
    ]


def test_auto_prefers_a_pretrained_model_to_the_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "cached_file", lambda repo: Path("/x"))
    models = list_models("auto")
    assert models.in_use == choice.CANDIDATES[0].name
    assert models.items[-1].name == MINI
    assert not models.items[-1].in_use


def test_auto_prefers_what_is_cached_to_a_download(monkeypatch: pytest.MonkeyPatch) -> None:
    second = choice.CANDIDATES[1]
    monkeypatch.setattr(choice, "available_file", lambda repo: "file")
    monkeypatch.setattr(
        choice, "cached_file", lambda repo: Path("/x") if repo == second.repo else None
    )
    found = choose_model("auto")
    assert found.name == second.name
    assert "cache" in found.reason
    models = list_models("auto")
    assert [item.name for item in models.items if item.in_use] == [second.name]
    assert all(item.available for item in models.items)
    assert {item.dim for item in models.items if item.name != MINI} == {512}


def test_auto_takes_the_first_a_hub_offers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "cached_file", lambda repo: None)
    monkeypatch.setattr(choice, "available_file", lambda repo: "file")
    found = choose_model("auto")
    assert found.name == choice.CANDIDATES[0].name
    assert "downloaded" in found.reason


@pytest.mark.usefixtures("no_hub")
@pytest.mark.parametrize("name", [LAION, "hf-hub:org/name"])
def test_a_named_model_is_never_swapped(name: str) -> None:
    with pytest.raises(ModelUnavailable, match="no model hub"):
        choose_model(name)
    models = list_models(name)
    assert models.in_use is None
    assert "no model hub" in models.reason
    assert [item.available for item in models.items if item.name == name] == [False]


def test_none_and_test_models_are_only_ever_asked_for(no_hub: None) -> None:
    assert choose_model("none").name is None
    assert "tests" in choose_model("random:ViT-B-32").reason
    assert "test double" in choose_model("fake").reason
    names = [candidate.name for candidate in choice.CANDIDATES]
    assert not [name for name in names if name == "fake" or name.startswith("random:")]
    first = list_models("fake").items[0]
    assert (first.name, first.in_use, first.dim) == ("fake", True, 32)


def test_choosing_does_not_import_torch() -> None:
    code = (
        "import sys; from rayograph.encoders import choose_model, list_models, load_encoder;"
        "choose_model('auto'); list_models('none'); load_encoder('fake');"
        "assert 'torch' not in sys.modules and 'open_clip' not in sys.modules"
    )
    environ = {"HF_HUB_OFFLINE": "1", "PATH": "/usr/bin:/bin"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environ)


class _Answers(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self) -> None:
        self.server.seen.append(self.path)  # type: ignore[attr-defined]
        self.send_response(404 if "missing" in self.path else 200)
        self.end_headers()

    def log_message(self, *args: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[http.server.HTTPServer]:
    with http.server.HTTPServer(("127.0.0.1", 0), _Answers) as running:
        running.seen = []  # type: ignore[attr-defined]
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_a_hub_is_asked_once_a_minute(
    server: http.server.HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = f"http://127.0.0.1:{server.server_port}"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.hf_hub_url", lambda repo, file: f"{address}/{repo}/{file}")
    assert hub.available_file("org/name", ("missing.safetensors", "there.bin")) == "there.bin"
    assert hub.available_file("org/name", ("missing.safetensors", "there.bin")) == "there.bin"
    assert server.seen == [  # type: ignore[attr-defined]
        "/org/name/missing.safetensors",
        "/org/name/there.bin",
    ]
    assert hub.available_file("org/name", ("missing.bin",)) is None


def test_a_silent_hub_is_given_up_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub, "ANSWER_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        assert hub.answer(f"http://{address}/a") is None
        monkeypatch.setattr(hub, "_head", lambda url: pytest.fail("asked again"))
        assert hub.answer(f"http://{address}/b") is None


def test_cached_files_need_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(hub, "_head", lambda url: pytest.fail("the network was used"))
    assert hub.cached_file("org/name") is None
    repo = tmp_path / "models--org--name"
    (repo / "refs").mkdir(parents=True)
    (repo / "refs" / "main").write_text("abc")
    snapshot = repo / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    weights = snapshot / "open_clip_pytorch_model.bin"
    weights.touch()
    assert hub.cached_file("org/name") == weights
    assert hub.fetch("org/name", hub.DEFAULT_FILES, "x") == weights


def test_offline_means_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr(hub, "_head", lambda url: pytest.fail("the network was used"))
    with pytest.raises(ModelUnavailable, match="no model hub"):
        hub.fetch("org/no-such-name-rayograph", hub.DEFAULT_FILES, "x")


@pytest.mark.parametrize(
    ("flags", "expected"),
    [("flags : fpu avx512_bf16", "bf16"), ("Features : bf16", "bf16"), ("flags : avx2", "fp32")],
)
def test_precision_follows_the_hardware(flags: str, expected: str, tmp_path: Path) -> None:
    info = tmp_path / "cpuinfo"
    info.write_text(f"processor : 0\n{flags}\n")
    assert pick_precision("auto", "cpu", info) == expected
    assert pick_precision("auto", "cpu", tmp_path / "none") == "fp32"
    assert pick_precision("auto", "cuda", info) == "fp16"
    assert pick_precision("fp32", "cuda", info) == "fp32"


def _plain(*colours: tuple[int, int, int], side: int = 32) -> np.ndarray:
    return np.stack([np.full((side, side, 3), colour, np.uint8) for colour in colours])


def test_fake_finds_colours_by_word() -> None:
    encoder = load_encoder("fake")
    words = ["red", "blue", "green", "white", "black"]
    pictures = encoder.images(
        _plain((230, 10, 20), (20, 40, 230), (20, 170, 40), (255, 255, 255), (0, 0, 0))
    )
    texts = encoder.texts([f"a {word} picture" for word in words])
    assert pictures.dtype == texts.dtype == np.float16
    assert pictures.shape == (5, encoder.dim)
    scores = texts.astype(np.float32) @ pictures.T.astype(np.float32)
    assert scores.argmax(1).tolist() == list(range(5))
    assert scores.max(1).min() > 0.9
    np.testing.assert_allclose(np.linalg.norm(pictures.astype(np.float32), axis=1), 1, atol=2e-3)


def test_fake_is_deterministic_and_tells_pictures_apart() -> None:
    encoder = load_encoder("fake")
    rng = np.random.default_rng(0)
    pictures = rng.integers(0, 256, (4, 32, 32, 3), np.uint8)
    first = encoder.images(pictures)
    assert np.array_equal(first, encoder.images(pictures))
    assert len(np.unique(first, axis=0)) == 4
    unknown = encoder.texts(["zebra", "zebra"]).astype(np.float32)
    assert np.array_equal(unknown[0], unknown[1])
    assert np.abs(unknown @ first.T.astype(np.float32)).max() < 1e-3
    assert encoder.images(pictures[:0]).shape == (0, encoder.dim)
    assert encoder.texts([]).shape == (0, encoder.dim)
