"""Model names: what each form means, checked as far as possible without torch."""

from __future__ import annotations

import difflib
import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from rayograph.errors import ModelUnavailable

Kind = Literal["tag", "file", "config", "hub", "dir", "random", "fake", "mini"]
ResizeMode = Literal["shortest", "longest", "squash"]
WEIGHT_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")
HUB, DIR, RANDOM, FAKE = "hf-hub:", "local-dir:", "random:", "fake"
DIR_CONFIG = "open_clip_config.json"
# Ships in the package: its architecture and weights lie beside this module.
MINI = "rayograph-mini"
MINI_CONFIG = Path(__file__).parent / "mini" / f"{MINI}.json"
MINI_WEIGHTS = MINI_CONFIG.with_suffix(".safetensors")
_EXAMPLE = "a name looks like ViT-B-32/laion2b_s34b_b79k or ViT-B-32//path/to/weights.safetensors"


@dataclass(frozen=True, slots=True)
class ModelName:
    """A parsed name. ``architecture`` is an open_clip one, a .json path, a folder or a repo."""

    kind: Kind
    architecture: str
    weights: str = ""

    def __str__(self) -> str:
        match self.kind:
            case "tag" | "file" | "config":
                return f"{self.architecture}/{self.weights}"
            case "hub":
                return HUB + self.architecture
            case "dir":
                return DIR + self.architecture
            case "random":
                return RANDOM + self.architecture
            case "fake" | "mini":
                return self.architecture


@dataclass(frozen=True, slots=True)
class ModelShape:
    """What the rest of the pipeline must know before the model is loaded."""

    dim: int
    image_size: int
    resize_mode: ResizeMode = "shortest"


FAKE_SHAPE = ModelShape(dim=32, image_size=32, resize_mode="squash")


def parse_name(text: str) -> ModelName:
    """Parse a model name; paths become absolute, so that it means the same in every process.

    Raises:
        ModelUnavailable: it is not a name, or a file it needs is not there.
    """
    special = _parse_special(text)
    if special is not None:
        return special
    if ".json/" in text:
        config, weights = text.split(".json/", 1)
        path = _existing(f"{config}.json", text)
        return ModelName("config", str(path), str(_weights_file(weights, text)))
    architecture, slash, weights = text.partition("/")
    if not slash or not weights:
        raise ModelUnavailable(f"{text!r} does not say which weights to load", hint=_EXAMPLE)
    known_architecture(architecture)
    if "/" in weights or weights.startswith("~") or weights.endswith(WEIGHT_SUFFIXES):
        return ModelName("file", architecture, str(_weights_file(weights, text)))
    return ModelName("tag", architecture, weights)


def _parse_special(text: str) -> ModelName | None:
    if text == FAKE:
        return ModelName("fake", FAKE)
    if text == MINI:
        return ModelName("mini", MINI, str(_weights_file(str(MINI_WEIGHTS), text)))
    if text.startswith(HUB):
        return ModelName("hub", _required(text, HUB))
    if text.startswith(DIR):
        return ModelName("dir", str(_existing(_required(text, DIR), text, folder=True)))
    if text.startswith(RANDOM):
        return ModelName("random", known_architecture(_required(text, RANDOM)))
    return None


def architectures() -> dict[str, Path]:
    """open_clip's architectures: name -> its JSON file. Empty without the server extra."""
    found = importlib.util.find_spec("open_clip")
    if found is None or not found.submodule_search_locations:
        return {}
    folder = Path(found.submodule_search_locations[0]) / "model_configs"
    return {path.stem: path for path in folder.glob("*.json")}


def known_architecture(name: str) -> str:
    known = architectures()
    if not known:
        raise ModelUnavailable(
            "models need the server extra", hint="pip install 'rayograph[server]'"
        )
    if name in known:
        return name
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    raise ModelUnavailable(
        f"open_clip has no architecture {name!r}",
        hint=f"did you mean {near[0]}?" if near else _EXAMPLE,
    )


def model_shape(name: str) -> ModelShape | None:
    """Vector length and picture side read off the configuration; None if only loading tells."""
    parsed = parse_name(name)
    match parsed.kind:
        case "fake":
            return FAKE_SHAPE
        case "hub":
            return None
        case "dir":
            path = Path(parsed.architecture) / DIR_CONFIG
        case "config":
            path = Path(parsed.architecture)
        case "mini":
            path = MINI_CONFIG
        case _:
            path = architectures()[parsed.architecture]
    config, preprocess = read_config(path, name)
    size = preprocess.get("size") or config["vision_cfg"].get("image_size", 224)
    side = max(size) if isinstance(size, list) else int(size)
    return ModelShape(int(config["embed_dim"]), side, preprocess.get("resize_mode", "shortest"))


def read_config(path: Path, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """An architecture's JSON (or a folder's ``open_clip_config.json``): model, preprocessing."""
    try:
        data = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ModelUnavailable(f"{name}: cannot read {path}: {error}") from None
    config = data.get("model_cfg", data) if isinstance(data, dict) else {}
    preprocess = data.get("preprocess_cfg", {}) if isinstance(data, dict) else {}
    parts = ("embed_dim", "vision_cfg", "text_cfg")
    if not isinstance(config, dict) or not all(part in config for part in parts):
        raise ModelUnavailable(
            f"{name}: {path} does not describe an open_clip model",
            hint=f"it must hold {', '.join(parts)}",
        )
    return config, preprocess


def _required(text: str, prefix: str) -> str:
    rest = text.removeprefix(prefix)
    if not rest:
        raise ModelUnavailable(f"{text!r} names nothing after {prefix}", hint=_EXAMPLE)
    return rest


def _existing(path_text: str, name: str, *, folder: bool = False) -> Path:
    path = Path(path_text).expanduser().absolute()
    if not (path.is_dir() if folder else path.is_file()):
        kind = "folder" if folder else "file"
        raise ModelUnavailable(f"{name}: no {kind} {path}", hint="check the path after the name")
    return path


def _weights_file(path_text: str, name: str) -> Path:
    path = _existing(path_text, name)
    if path.suffix not in WEIGHT_SUFFIXES:
        raise ModelUnavailable(
            f"{name}: {path.name} is not a kind of weights rayograph loads",
            hint=f"known: {' '.join(WEIGHT_SUFFIXES)}",
        )
    return path
