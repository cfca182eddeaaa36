"""InvokeAI: ``invokeai_metadata`` since version 3, ``sd-metadata`` and ``Dream`` before."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rayograph.metadata import values
from rayograph.metadata.values import file_stem, json_object, real, seed, some, whole, word

NAME = "InvokeAI"
_NEGATIVE = re.compile(r"\[([^\[\]]{0,8000})\]")
_FLAG = re.compile(r" -([sSCA]) ?([^ ]{1,60})")
_MAX_LORAS = 200


def read(texts: Mapping[str, str]) -> dict[str, Any] | None:
    """The details of a picture by InvokeAI; None for another's."""
    for name, reader in (("invokeai_metadata", _three), ("sd-metadata", _two)):
        data = json_object(texts.get(name))
        if data is not None:
            return {**reader(data), "generator": NAME, "parameters": _raw(texts[name])}
    dream = texts.get("Dream")
    if dream:
        return {**_dream(dream), "generator": NAME, "parameters": _raw(dream)}
    return None


def _raw(text: str) -> str:
    return values.text(text, values.MAX_PARAMETERS) or ""


def _three(data: dict[str, Any]) -> dict[str, Any]:
    model = data.get("model")
    model = model if isinstance(model, dict) else {}
    listed = data.get("loras")
    listed = listed[:_MAX_LORAS] if isinstance(listed, list) else []
    return some(
        prompt=values.text(data.get("positive_prompt")),
        negative_prompt=values.text(data.get("negative_prompt")),
        model_name=file_stem(_name_of(model)),
        model_hash=word(model.get("hash")),
        seed=seed(data.get("seed")),
        steps=whole(data.get("steps"), 1),
        cfg_scale=real(_either(data.get("cfg_scale"), data.get("guidance")), 0, 1e6),
        sampler=word(data.get("scheduler")),
        loras=values.words(file_stem(_lora(entry)) for entry in listed),
    )


def _lora(entry: object) -> object:
    if not isinstance(entry, dict):
        return None
    for inner in (entry.get("lora"), entry.get("model"), entry):
        if isinstance(inner, dict) and (name := _name_of(inner)):
            return name
    return None


def _name_of(model: dict[str, Any]) -> object:
    return model.get("name") or model.get("model_name")


def _either(first: object, second: object) -> object:
    return second if first is None else first


def _two(data: dict[str, Any]) -> dict[str, Any]:
    image = data.get("image")
    image = image if isinstance(image, dict) else {}
    prompt = image.get("prompt")
    if isinstance(prompt, list):
        parts = (each.get("prompt") for each in prompt[:100] if isinstance(each, dict))
        prompt = ", ".join(part for part in parts if isinstance(part, str))
    return some(
        **_prompts(prompt),
        model_name=file_stem(data.get("model_weights") or data.get("model")),
        model_hash=word(data.get("model_hash")),
        seed=seed(image.get("seed")),
        steps=whole(image.get("steps"), 1),
        cfg_scale=real(image.get("cfg_scale"), 0, 1e6),
        sampler=word(image.get("sampler")),
    )


def _dream(command: str) -> dict[str, Any]:
    """``"a prompt [without this]" -s 50 -S 123 -C 7.5 -A k_lms``"""
    quoted, _, rest = command[: values.MAX_TEXT].rpartition('" ')
    flags = dict(_FLAG.findall(" " + rest))
    return some(
        **_prompts(quoted.removeprefix('"')),
        seed=seed(flags.get("S")),
        steps=whole(flags.get("s"), 1),
        cfg_scale=real(flags.get("C"), 0, 1e6),
        sampler=word(flags.get("A")),
    )


def _prompts(prompt: object) -> dict[str, Any]:
    """A prompt in which square brackets hold what is not wanted."""
    text = values.text(prompt) or ""
    negative = ", ".join(_NEGATIVE.findall(text))
    return some(prompt=values.text(_NEGATIVE.sub("", text)), negative_prompt=values.text(negative))
