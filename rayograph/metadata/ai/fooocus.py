"""Fooocus in its own scheme: JSON under ``parameters``. In A1111's it is read as that."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rayograph.metadata import values
from rayograph.metadata.values import file_stem, json_object, real, seed, some, whole, word

NAME = "Fooocus"
_MAX_LORAS = 50
# Names that nobody else uses.
_OWN = frozenset({"base_model", "base_model_hash", "refiner_switch", "adm_guidance"})


def read(texts: Mapping[str, str]) -> dict[str, Any] | None:
    """The details of a picture by Fooocus; None for another's."""
    raw = texts.get("parameters", "")
    data = json_object(raw) if raw.lstrip().startswith("{") else None
    if data is None:
        return None
    says = str(data.get("version", "")).startswith(NAME) or texts.get("fooocus_scheme")
    if not says and len(_OWN & data.keys()) < 2:
        return None
    return some(
        generator=NAME,
        prompt=values.text(data.get("prompt")),
        negative_prompt=values.text(data.get("negative_prompt")),
        model_name=file_stem(data.get("base_model")),
        model_hash=word(data.get("base_model_hash")),
        seed=seed(data.get("seed")),
        steps=whole(data.get("steps"), 1),
        cfg_scale=real(data.get("guidance_scale"), 0, 1e6),
        sampler=word(data.get("sampler")),
        loras=values.words(_loras(data)),
        parameters=values.text(raw, values.MAX_PARAMETERS),
    )


def _loras(data: dict[str, Any]) -> list[str]:
    """``[[name, weight, hash], ...]``; older: ``lora_combined_1`` and so on, ``name : weight``."""
    listed = data.get("loras")
    names: list[object] = []
    if isinstance(listed, list):
        names += [each[0] for each in listed[:_MAX_LORAS] if isinstance(each, list) and each]
    for number in range(1, _MAX_LORAS):
        older = data.get(f"lora_combined_{number}")
        if isinstance(older, str):
            names.append(older.partition(" : ")[0])
    return [name for name in map(file_stem, names) if name and name != "None"]
