"""open_clip models as encoders: weights only, half precision where it pays, fast loading."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import open_clip
import torch
from open_clip.pretrained import get_pretrained_cfg, list_pretrained_tags_by_model
from safetensors import SafetensorError

from rayograph.encoders import hub
from rayograph.encoders.base import Pixels, Precision, Vectors, pick_precision
from rayograph.encoders.names import (
    DIR_CONFIG,
    MINI_CONFIG,
    WEIGHT_SUFFIXES,
    ModelName,
    ResizeMode,
    architectures,
    read_config,
)
from rayograph.errors import ConfigurationError, ModelUnavailable

CPU_BATCH, GPU_BATCH = 32, 256
QUERIES_KEPT = 512
_DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
_LOAD_ERRORS = (
    OSError,
    RuntimeError,
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    EOFError,
    ImportError,
    StopIteration,
    ArithmeticError,
    AssertionError,
    pickle.UnpicklingError,
    SafetensorError,
)
# The last is what resizing another model's half-precision positions ends in.
_MISFIT = (
    "Error(s) in loading state_dict",
    "shape",
    "size of tensor",
    "not implemented for 'Half'",
)


@dataclass(frozen=True, slots=True)
class Spec:
    """Everything a model is made of; ``weights`` None means seeded random ones."""

    config: dict[str, Any]
    preprocess: dict[str, Any]
    weights: Path | None
    tokenizer: str


class OpenClipEncoder:
    """An open_clip model in inference mode on one device."""

    def __init__(
        self,
        name: str,
        key: str,
        model: Any,
        tokenizer: Callable[[list[str]], Any],
        *,
        dim: int,
        device: Any,
        dtype: Any,
    ) -> None:
        preprocess = model.visual.preprocess_cfg
        self.name, self.key, self.dim = name, key, dim
        self.mean: tuple[float, float, float] = tuple(preprocess["mean"])
        self.std: tuple[float, float, float] = tuple(preprocess["std"])
        self.resize_mode: ResizeMode = preprocess["resize_mode"]
        self.image_size = _square(preprocess["size"], name)
        self.device, self.dtype = device, dtype
        self.batch_size = CPU_BATCH if device.type == "cpu" else GPU_BATCH
        self._model, self._tokenizer = model, tokenizer
        self._layout = _layout(model.visual)
        model.visual.to(memory_format=self._layout)
        self._queries: OrderedDict[str, Vectors] = OrderedDict()
        self._lock = threading.Lock()
        std = torch.tensor(self.std, device=device).view(1, 3, 1, 1)
        mean = torch.tensor(self.mean, device=device).view(1, 3, 1, 1)
        self._scale, self._shift = 1 / (255 * std), -mean / std

    def images(self, pixels: Pixels) -> Vectors:
        side = self.image_size
        if pixels.ndim != 4 or pixels.shape[1:] != (side, side, 3):
            raise ValueError(f"pixels must be [n, {side}, {side}, 3], not {pixels.shape}")
        if not len(pixels):
            return np.empty((0, self.dim), np.float16)
        if not pixels.flags.writeable:  # torch refuses to share memory it must not write
            pixels = pixels.copy()
        with torch.inference_mode():
            batch = torch.from_numpy(pixels).to(self.device, non_blocking=True)
            batch = batch.permute(0, 3, 1, 2).to(torch.float32, memory_format=self._layout)
            batch = torch.addcmul(self._shift, batch, self._scale).to(self.dtype)
            return _unit(self._model.encode_image(batch))

    def texts(self, texts: list[str]) -> Vectors:
        with self._lock:
            new = [text for text in dict.fromkeys(texts) if text not in self._queries]
            found = {text: self._queries[text] for text in texts if text in self._queries}
            if new:
                found.update(zip(new, self._encode_texts(new), strict=True))
            for text, vector in found.items():
                self._queries[text] = vector
                self._queries.move_to_end(text)
            while len(self._queries) > QUERIES_KEPT:
                self._queries.popitem(last=False)
        if not texts:
            return np.empty((0, self.dim), np.float16)
        return np.stack([found[text] for text in texts])

    def _encode_texts(self, texts: list[str]) -> Vectors:
        parts = []
        with torch.inference_mode():
            for start in range(0, len(texts), self.batch_size):
                tokens = self._tokenizer(texts[start : start + self.batch_size]).to(self.device)
                parts.append(_unit(self._model.encode_text(tokens)))
        return np.concatenate(parts)


def load_clip(
    name: ModelName, *, precision: Precision, threads: int | Literal["auto"], device: str
) -> OpenClipEncoder:
    """Load an open_clip model.

    Raises:
        ModelUnavailable: its weights are missing, damaged, unsafe or of another architecture.
    """
    place = pick_device(device)
    if place.type == "cpu":
        torch.set_num_threads(_cores() if threads == "auto" else threads)
    spec = find(name)
    model, tokenizer = _build(spec, str(name))
    dtype = _DTYPES[pick_precision(precision, place.type)]
    try:
        model = model.to(device=place, dtype=dtype)
    except torch.OutOfMemoryError:  # of a GPU; the CPU's never gets this far
        raise ModelUnavailable(
            f"{name} does not fit into the memory of {place}", hint="try --model with a smaller one"
        ) from None
    dim = int(spec.config["embed_dim"])
    return OpenClipEncoder(
        str(name), _key(spec), model, tokenizer, dim=dim, device=place, dtype=dtype
    )


def find(name: ModelName) -> Spec:
    """Where the parts of a model are, downloading its weights if they must be."""
    text = str(name)
    match name.kind:
        case "hub":
            folder = hub.fetch(name.architecture, (DIR_CONFIG,), text).parent
            weights = hub.fetch(name.architecture, hub.DEFAULT_FILES, text)
            config, preprocess = read_config(folder / DIR_CONFIG, text)
            return Spec(config, preprocess, weights, f"local-dir:{folder}")
        case "dir":
            config, preprocess = read_config(Path(name.architecture) / DIR_CONFIG, text)
            return Spec(config, preprocess, _weights_in(Path(name.architecture), text), text)
        case "config":
            config, preprocess = read_config(Path(name.architecture), text)
            return Spec(config, preprocess, Path(name.weights), "")
        case "mini":
            config, preprocess = read_config(MINI_CONFIG, text)
            return Spec(config, preprocess, Path(name.weights), "")
    config, preprocess = read_config(architectures()[name.architecture], text)
    if name.kind == "tag":
        return _find_tag(name, config)
    weights_file = Path(name.weights) if name.kind == "file" else None
    return Spec(config, preprocess, weights_file, name.architecture)


def _weights_in(folder: Path, name: str) -> Path:
    files = sorted(path for path in folder.iterdir() if path.suffix in WEIGHT_SUFFIXES)
    if not files:
        raise ModelUnavailable(
            f"{name}: the folder holds no weights", hint=f"one of {' '.join(WEIGHT_SUFFIXES)}"
        )
    usual = [path for path in files if path.name in hub.DEFAULT_FILES]
    safe = [path for path in files if path.suffix == ".safetensors"]
    return (usual + safe + files)[0]


def _find_tag(name: ModelName, config: dict[str, Any]) -> Spec:
    entry = get_pretrained_cfg(name.architecture, name.weights)
    if not entry:
        tags = ", ".join(list_pretrained_tags_by_model(name.architecture))
        raise ModelUnavailable(
            f"open_clip knows no weights {name.weights!r} for {name.architecture}",
            hint=f"known: {tags}" if tags else "it has none for this architecture",
        )
    config["quick_gelu"] = entry.get("quick_gelu", False)  # as the weights were trained
    repo, _, file = entry.get("hf_hub", "").rpartition("/")
    if not repo:
        raise ModelUnavailable(
            f"the weights of {name} are not on the model hub",
            hint=f"download {entry.get('url')} and name it: {name.architecture}//path/to/it",
        )
    files = hub.DEFAULT_FILES
    if file:
        files = (str(Path(file).with_suffix(".safetensors")), file)
    preprocess = {
        part: entry[part]
        for part in ("size", "mean", "std", "interpolation", "resize_mode")
        if entry.get(part) is not None
    }
    return Spec(config, preprocess, hub.fetch(repo, files, str(name)), name.architecture)


def _build(spec: Spec, name: str) -> tuple[Any, Callable[[list[str]], Any]]:
    """The model with its weights in it, and its tokenizer, by open_clip's own loading code."""
    with tempfile.TemporaryDirectory(prefix="rayograph-model-") as folder:
        described = {"model_cfg": spec.config, "preprocess_cfg": spec.preprocess}
        (Path(folder) / DIR_CONFIG).write_text(json.dumps(described), "utf-8")
        here = f"local-dir:{folder}"
        if spec.weights is not None:
            safe = spec.weights.suffix == ".safetensors"
            link = "open_clip_model.safetensors" if safe else "open_clip_pytorch_model.bin"
            (Path(folder) / link).symlink_to(spec.weights)
        try:
            if spec.weights is None:
                with torch.random.fork_rng(devices=[]):
                    torch.manual_seed(0)
                    model = open_clip.create_model(here, load_weights=False)
            else:
                with _SkipInit():
                    model = open_clip.create_model(here, weights_only=True, require_pretrained=True)
            tokenizer = open_clip.get_tokenizer(spec.tokenizer or here)
        except _LOAD_ERRORS as error:
            raise _unavailable(spec, name, error) from None
    return model.eval().requires_grad_(False), tokenizer


def _unavailable(spec: Spec, name: str, error: BaseException) -> ModelUnavailable:
    weights = spec.weights.name if spec.weights else "its configuration"
    text = str(error)
    if isinstance(error, ImportError):
        return ModelUnavailable(f"{name} needs a package: {error}", hint="pip install transformers")
    if "Weights only load failed" in text or isinstance(error, pickle.UnpicklingError):
        return ModelUnavailable(
            f"{name}: {weights} holds more than weights, or is damaged; it was not loaded",
            hint="convert it to .safetensors where you trust it, then name that file",
        )
    if any(sign in text for sign in _MISFIT):
        return ModelUnavailable(
            f"{name}: {weights} holds the weights of another architecture",
            hint="name the architecture it was trained with before the slash",
        )
    first = next(iter(text.strip().splitlines()), type(error).__name__)[:200]
    return ModelUnavailable(
        f"{name}: {weights} cannot be loaded: {first}", hint="is the file complete?"
    )


class _SkipInit(torch.overrides.TorchFunctionMode):  # type: ignore[misc]
    """Leaves new parameters as they are: a strict load overwrites every one of them."""

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__module__", None) == "torch.nn.init":
            return kwargs["tensor"] if "tensor" in kwargs else args[0]
        return func(*args, **kwargs)


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def pick_device(device: str) -> Any:
    """The torch device for a setting."""
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        place = torch.device(device)
    except RuntimeError:
        raise ConfigurationError(
            f"unknown device {device!r}", hint="auto, cpu, cuda or cuda:1"
        ) from None
    if place.type == "cuda" and (place.index or 0) >= torch.cuda.device_count():
        raise ConfigurationError(f"there is no device {device}", hint="device: auto, or cpu")
    return place


def _layout(tower: Any) -> Any:
    """Channels last doubles the speed of convolutions on a CPU; a ViT gains nothing by it."""
    convolutions = sum(isinstance(part, torch.nn.Conv2d) for part in tower.modules())
    return torch.channels_last if convolutions > 1 else torch.contiguous_format


def _unit(features: Any) -> Vectors:
    unit = torch.nn.functional.normalize(features.float(), dim=-1)
    vectors: Vectors = unit.to(torch.float16).cpu().numpy()
    return vectors


def _square(size: int | tuple[int, int] | list[int], name: str) -> int:
    sides = (size, size) if isinstance(size, int) else tuple(size)
    if sides[0] != sides[1]:
        raise ModelUnavailable(f"{name} reads pictures that are not square, {sides}")
    return int(sides[0])


def _key(spec: Spec) -> str:
    digest = hashlib.sha256(json.dumps([spec.config, spec.preprocess], sort_keys=True).encode())
    if spec.weights is not None:
        with spec.weights.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]
