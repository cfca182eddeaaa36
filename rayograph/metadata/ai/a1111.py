"""The text of Stable Diffusion WebUI (A1111), Forge, SD.Next and everybody who writes like them:

a prompt of any number of lines
Negative prompt: one of any number of lines
Steps: 20, Sampler: DPM++ 2M, CFG scale: 7, Seed: 1, Model hash: ..., Model: ..., Version: ...
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rayograph.metadata import values
from rayograph.metadata.values import file_stem, real, seed, some, whole, word

NAME = "A1111"
_SETTINGS = re.compile(r"^Steps: ?\d+,? ", re.MULTILINE)
_NEGATIVE = re.compile(r"^Negative prompt: ?", re.MULTILINE)
# Quantities are bounded: an evil text is looked through once, not once for each of its letters.
_PAIR = re.compile(
    r"\s{0,9}([A-Za-z][\w \-/]{0,40}): ?(\"(?:\\.|[^\\\"]){0,4000}\"|[^,]{0,2000})(?:,|$)"
)
_LORA = re.compile(r"<(?:lora|lyco|lycoris):([^:<>]{1,200})(?::[^<>]{0,100})?>", re.IGNORECASE)
_MAX_SETTINGS = 16_384
_FORGE = re.compile(r"^(f\d|neo|forge|classic)", re.IGNORECASE)


def read(texts: Mapping[str, str]) -> dict[str, Any] | None:
    """The details of a ``parameters`` text; None when it is none of this family."""
    text = texts.get("parameters", "")[: values.MAX_JSON]
    settings = None
    for settings in _SETTINGS.finditer(text):  # noqa: B007 (the last one counts)
        pass
    negative = _NEGATIVE.search(text)
    if settings is None and negative is None:
        return None
    end = settings.start() if settings else len(text)
    pairs = pairs_of(text[end : end + _MAX_SETTINGS])
    middle = negative.start() if negative and negative.start() < end else end
    prompt = text[:middle]
    names = [*loras_of(prompt), *_hashed(pairs.get("lora hashes", ""))]
    return some(
        generator=_generator(pairs),
        prompt=values.text(prompt),
        negative_prompt=values.text(text[negative.end() : end]) if negative else None,
        model_name=file_stem(pairs.get("model")),
        model_hash=word(pairs.get("model hash")),
        seed=seed(pairs.get("seed")),
        steps=whole(pairs.get("steps"), 1),
        cfg_scale=real(pairs.get("cfg scale") or pairs.get("distilled cfg scale"), 0, 1e6),
        sampler=word(pairs.get("sampler")),
        loras=values.words(names),
        parameters=values.text(text, values.MAX_PARAMETERS),
    )


def pairs_of(line: str) -> dict[str, str]:
    """``Steps: 20, Model: "a, b"`` by lower-case names; of a name that comes twice the first."""
    found: dict[str, str] = {}
    for name, value in _PAIR.findall(line):
        quoted = value.startswith('"') and value.endswith('"') and len(value) > 1
        plain = re.sub(r"\\(.)", r"\1", value[1:-1]) if quoted else value
        found.setdefault(name.strip().lower(), plain.strip())
    return found


def loras_of(prompt: object) -> list[str]:
    """The names of the LoRAs that a prompt calls, ``<lora:name:0.8>``."""
    return (
        [file_stem(name) or "" for name in _LORA.findall(prompt)] if isinstance(prompt, str) else []
    )


def _hashed(listed: str) -> list[str]:
    """Names of ``name: hash, name: hash``."""
    pairs = (part.rpartition(":")[0] for part in listed.split(",")[:200])
    return [file_stem(name) or "" for name in pairs]


def _generator(pairs: Mapping[str, str]) -> str:
    version, app = pairs.get("version", ""), pairs.get("app", "")
    for known in ("Fooocus", "ComfyUI", "InvokeAI"):
        if version.lower().startswith(known.lower()):
            return known
    if app.lower().startswith("sd.next"):
        return "SD.Next"
    return "Forge" if _FORGE.match(version) else NAME
