"""NovelAI: ``Software`` says so, ``Comment`` holds the settings, ``Source`` the model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rayograph.metadata import values
from rayograph.metadata.values import json_object, real, seed, some, whole, word

NAME = "NovelAI"
_HASHED = re.compile(r"^(.{1,200}) ([0-9A-F]{8})$")
_MAX_PEOPLE = 50


def read(texts: Mapping[str, str]) -> dict[str, Any] | None:
    """The details of a picture by NovelAI; None for another's."""
    raw = texts.get("Comment") or texts.get("parameters")
    if not texts.get("Software", "").startswith(NAME) or not raw:
        return None
    data = json_object(raw) or {}
    # In EXIF, all of the chunks lie in one.
    inner = json_object(data.get("Comment")) if "Comment" in data else None
    outer = data if inner is not None else texts
    data = inner if inner is not None else data
    source = word(outer.get("Source")) or ""
    hashed = _HASHED.match(source)
    prompt = _caption(data.get("v4_prompt")) or data.get("prompt") or outer.get("Description")
    return some(
        generator=NAME,
        prompt=values.text(prompt),
        negative_prompt=values.text(_caption(data.get("v4_negative_prompt")) or data.get("uc")),
        model_name=(hashed[1] if hashed else source) or None,
        model_hash=hashed[2] if hashed else None,
        seed=seed(data.get("seed")),
        steps=whole(data.get("steps"), 1),
        cfg_scale=real(data.get("scale"), 0, 1e6),
        sampler=word(data.get("sampler")),
        parameters=values.text(raw, values.MAX_PARAMETERS),
    )


def _caption(prompt: object) -> str | None:
    """A prompt of version 4: of the whole picture, then of each person in it."""
    caption = prompt.get("caption") if isinstance(prompt, dict) else None
    if not isinstance(caption, dict):
        return None
    people = caption.get("char_captions")
    people = people[:_MAX_PEOPLE] if isinstance(people, list) else []
    parts = [caption.get("base_caption")]
    parts += [each.get("char_caption") for each in people if isinstance(each, dict)]
    return "\n".join(part for part in parts if isinstance(part, str) and part) or None
