"""SwarmUI: JSON with ``sui_image_params``, under ``parameters`` or in a UserComment."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rayograph.metadata import values
from rayograph.metadata.values import file_stem, json_object, real, seed, some, whole, word

NAME = "SwarmUI"
_MAX_LORAS = 200


def read(texts: Mapping[str, str]) -> dict[str, Any] | None:
    """The details of a picture by SwarmUI; None for another's."""
    raw = texts.get("parameters", "")
    whole_of = json_object(raw) if "sui_image_params" in raw else None
    data = whole_of.get("sui_image_params") if whole_of else None
    if not isinstance(data, dict) or whole_of is None:
        return None
    return some(
        generator=NAME,
        prompt=values.text(data.get("prompt")),
        negative_prompt=values.text(data.get("negativeprompt")),
        model_name=file_stem(data.get("model")),
        model_hash=_hash(whole_of.get("sui_models")),
        seed=seed(data.get("seed")),
        steps=whole(data.get("steps"), 1),
        cfg_scale=real(data.get("cfgscale"), 0, 1e6),
        sampler=word(data.get("sampler")),
        loras=values.words(file_stem(name) for name in _listed(data.get("loras"))),
        parameters=values.text(raw, values.MAX_PARAMETERS),
    )


def _listed(names: object) -> list[object]:
    if isinstance(names, str):
        return list(names[: values.MAX_TEXT].split(","))
    return names[:_MAX_LORAS] if isinstance(names, list) else []


def _hash(models: object) -> str | None:
    for model in models[:_MAX_LORAS] if isinstance(models, list) else ():
        if isinstance(model, dict) and model.get("param") == "model":
            return word(model.get("hash"))
    return None
