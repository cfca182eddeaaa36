"""The real loading code on a tiny model. Not in the unit tier: open_clip's import takes 7 s."""

from __future__ import annotations

import json
import pickle
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest

from rayograph.encoders import load_encoder, model_shape
from rayograph.errors import ConfigurationError, ModelUnavailable
from tests.tiny_model import CONFIG, write_tiny_model

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)


def _parts(name: str) -> tuple[Path, Path]:
    config, weights = name.split(".json/")
    return Path(f"{config}.json"), Path(weights)


def test_vectors_equal_open_clips_own(tiny: str, pixels: np.ndarray) -> None:
    import open_clip
    import torch
    from PIL import Image
    from safetensors.torch import load_file

    encoder = load_encoder(tiny, precision="fp32")
    vectors, texts = encoder.images(pixels), encoder.texts(["a red car", "sea"])
    assert vectors.shape == (5, 24) == (5, encoder.dim)
    assert vectors.dtype == texts.dtype == np.float16
    model = open_clip.model.CLIP(**CONFIG).eval()
    model.load_state_dict(load_file(_parts(tiny)[1]))
    transform = open_clip.image_transform(32, is_train=False)
    with torch.inference_mode():
        batch = torch.stack([transform(Image.fromarray(picture)) for picture in pixels])
        expected = model.encode_image(batch, normalize=True).numpy()
        tokens = open_clip.SimpleTokenizer(context_length=16)(["a red car", "sea"])
        expected_texts = model.encode_text(tokens, normalize=True).numpy()
    np.testing.assert_allclose(vectors, expected, atol=1e-3)
    np.testing.assert_allclose(texts, expected_texts, atol=1e-3)


def test_half_precision_agrees_with_single(tiny: str, pixels: np.ndarray) -> None:
    single = load_encoder(tiny, precision="fp32").images(pixels).astype(np.float32)
    half = load_encoder(tiny, precision="bf16").images(pixels).astype(np.float32)
    assert (single * half).sum(1).min() > 0.999


def test_shape_and_traits_match_what_was_announced(tiny: str) -> None:
    encoder, shape = load_encoder(tiny), model_shape(tiny)
    assert shape is not None
    assert (shape.dim, shape.image_size) == (encoder.dim, encoder.image_size)
    assert shape.resize_mode == encoder.resize_mode
    assert encoder.name == tiny
    assert encoder.batch_size >= 1


def test_the_key_follows_the_weights_and_not_the_path(tiny: str, tmp_path: Path) -> None:
    key = load_encoder(tiny).key
    moved = tmp_path / "elsewhere"
    shutil.copytree(_parts(tiny)[0].parent, moved)
    assert load_encoder(f"{moved}/tiny.json/{moved}/tiny.safetensors").key == key
    other = write_tiny_model(tmp_path, name="other", seed=1)
    assert load_encoder(other).key != key


def test_every_container_of_the_same_weights_loads(
    tiny: str, tmp_path: Path, pixels: np.ndarray
) -> None:
    import torch
    from safetensors.torch import load_file

    config, weights = _parts(tiny)
    expected = load_encoder(tiny).images(pixels)
    state = load_file(weights)
    torch.save({"state_dict": {f"module.{k}": v for k, v in state.items()}}, tmp_path / "w.pt")
    assert np.array_equal(load_encoder(f"{config}/{tmp_path}/w.pt").images(pixels), expected)
    folder = tmp_path / "folder"
    folder.mkdir()
    shutil.copy(weights, folder / "open_clip_model.safetensors")
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": CONFIG, "preprocess_cfg": {"mean": [0.5] * 3, "std": [0.5] * 3}})
    )
    encoder = load_encoder(f"local-dir:{folder}")
    assert encoder.mean == encoder.std == (0.5, 0.5, 0.5)
    assert encoder.images(pixels).shape == expected.shape


def test_read_only_and_empty_input(tiny: str, pixels: np.ndarray) -> None:
    encoder = load_encoder(tiny)
    frozen = np.frombuffer(pixels.tobytes(), np.uint8).reshape(pixels.shape)
    assert np.array_equal(encoder.images(frozen), encoder.images(pixels))
    assert encoder.images(pixels[:0]).shape == (0, encoder.dim)
    assert encoder.texts([]).shape == (0, encoder.dim)
    with pytest.raises(ValueError, match="pixels must be"):
        encoder.images(pixels[:, :16])


def test_texts_come_from_the_cache_the_second_time(
    tiny: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder = load_encoder(tiny)
    first = encoder.texts(["one", "two", "one"])
    assert np.array_equal(first[0], first[2])
    monkeypatch.setattr(encoder, "_encode_texts", lambda texts: pytest.fail("encoded again"))
    assert np.array_equal(encoder.texts(["two"])[0], first[1])


def test_the_cache_of_texts_is_bounded(tiny: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rayograph.encoders.clip.QUERIES_KEPT", 3)
    encoder = load_encoder(tiny)
    encoder.texts([f"text {n}" for n in range(8)])
    assert len(encoder._queries) == 3  # type: ignore[attr-defined]


class _Bomb:
    def __init__(self, path: str) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (open, (self.path, "w"))


class _TypeErrorBomb(_Bomb):
    def __reduce__(self) -> tuple[object, ...]:
        return (open, (self.path, "w", "not a number"))


@pytest.mark.parametrize("bomb", [_Bomb, _TypeErrorBomb])
@pytest.mark.parametrize("suffix", [".pt", ".bin", ".safetensors"])
def test_a_checkpoint_never_runs_code(
    tiny: str, tmp_path: Path, suffix: str, bomb: type[_Bomb]
) -> None:
    import torch

    proof = tmp_path / "it-ran"
    for number, write in enumerate((torch.save, _plain_pickle)):
        evil = tmp_path / f"evil{number}{suffix}"
        write({"state_dict": bomb(str(proof))}, evil)
        with pytest.raises(ModelUnavailable) as caught:
            load_encoder(f"{_parts(tiny)[0]}/{evil}")
        assert not proof.exists()
        _is_one_clear_line(caught.value)


def _plain_pickle(value: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(value, protocol=2))


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_damaged_weights_say_so(tiny: str, tmp_path: Path, suffix: str) -> None:
    import torch
    from safetensors.torch import load_file

    config, weights = _parts(tiny)
    whole = tmp_path / f"whole{suffix}"
    if suffix == ".pt":
        torch.save(load_file(weights), whole)
    else:
        shutil.copy(weights, whole)
    for size in (0, 7, 1000, whole.stat().st_size // 2):
        cut = tmp_path / f"cut{suffix}"
        cut.write_bytes(whole.read_bytes()[:size])
        with pytest.raises(ModelUnavailable) as caught:
            load_encoder(f"{config}/{cut}")
        _is_one_clear_line(caught.value)


def test_odd_contents_say_so(tiny: str, tmp_path: Path) -> None:
    import torch

    config = _parts(tiny)[0]
    for number, value in enumerate(([1, 2], {}, {"state_dict": 3}, {"a": torch.zeros(2)}, None)):
        path = tmp_path / f"odd{number}.pt"
        torch.save(value, path)
        with pytest.raises(ModelUnavailable) as caught:
            load_encoder(f"{config}/{path}")
        _is_one_clear_line(caught.value)
    with zipfile.ZipFile(tmp_path / "zip.pt", "w") as archive:
        archive.writestr("hello.txt", "hello")
    with pytest.raises(ModelUnavailable):
        load_encoder(f"{config}/{tmp_path}/zip.pt")


def test_weights_of_another_architecture_say_so(tiny: str) -> None:
    with pytest.raises(ModelUnavailable, match="another architecture"):
        load_encoder(f"ViT-B-32/{_parts(tiny)[1]}")


def test_a_configuration_that_builds_no_model_says_so(tiny: str, tmp_path: Path) -> None:
    config = tmp_path / "odd.json"
    for broken in ({"patch_size": 0}, {"width": "wide"}, {"unheard_of": 1}):
        odd = CONFIG | {"vision_cfg": {**CONFIG["vision_cfg"], **broken}}  # type: ignore[dict-item]
        config.write_text(json.dumps(odd))
        with pytest.raises(ModelUnavailable) as caught:
            load_encoder(f"{config}/{_parts(tiny)[1]}")
        _is_one_clear_line(caught.value)


def test_unknown_tags_and_devices_say_what_is_known(tiny: str) -> None:
    with pytest.raises(ModelUnavailable, match="knows no weights") as caught:
        load_encoder("ViT-B-32/laion3b")
    assert "laion2b_s34b_b79k" in str(caught.value.hint)
    with pytest.raises(ConfigurationError):
        load_encoder(tiny, device="abacus")
    with pytest.raises(ConfigurationError):
        load_encoder(tiny, device="cuda:99")


def test_a_tag_without_cache_or_hub_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelUnavailable, match="no model hub"):
        load_encoder("RN50/yfcc15m")


def test_random_weights_are_seeded(
    pixels: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from rayograph.encoders import clip, names

    path = tmp_path / "tiny.json"
    path.write_text(json.dumps(CONFIG))
    for module in (clip, names):
        monkeypatch.setattr(module, "architectures", lambda: {"tiny": path})
    before = torch.random.get_rng_state()
    one, two = load_encoder("random:tiny"), load_encoder("random:tiny")
    assert torch.equal(before, torch.random.get_rng_state())
    assert np.array_equal(one.images(pixels), two.images(pixels))
    assert one.key == two.key


def _is_one_clear_line(error: ModelUnavailable) -> None:
    assert "\n" not in error.message
    assert len(error.message) < 600
    assert error.hint
