"""Values of unknown origin made fit for a column: cleaned and bounded, or None."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from typing import Any

MAX_TEXT = 16_384
MAX_PARAMETERS = 65_536
MAX_JSON = 1 << 20
_MAX_LIST = 500
_MAX_WORD = 500
# A text column holds neither NUL nor half a sign; other controls but line breaks say nothing.
_UNFIT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_SUFFIX = re.compile(r"\.(safetensors|ckpt|pth?|sft|gguf|bin|onnx)$", re.IGNORECASE)


def text(value: object, limit: int = MAX_TEXT) -> str | None:
    """A text of at most ``limit`` signs; None for anything else, and for nothing but space."""
    if not isinstance(value, str):
        return None
    # Cut first: what is thrown away need not be cleaned.
    return _UNFIT.sub("", value[: limit + 1024]).strip()[:limit] or None


def word(value: object) -> str | None:
    """A short text: a name, one line."""
    found = text(value, _MAX_WORD)
    return " ".join(found.split()) if found else None


def words(values: Iterable[object]) -> list[str] | None:
    """Short texts, each once; None for none."""
    found = dict.fromkeys(w for w in map(word, values) if w)
    return list(found)[:_MAX_LIST] or None


def real(value: object, low: float = -math.inf, high: float = math.inf) -> float | None:
    """A finite number in these bounds, also of a text; numbers are rounded to 9 digits."""
    if isinstance(value, str) and len(value) < 64:
        try:
            value = float(value)
        except ValueError:
            return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        found = float(value)
    except OverflowError:
        return None
    if not math.isfinite(found) or not low <= found <= high:
        return None
    return float(f"{found:.9g}")


def whole(value: object, low: int = 0, high: int = (1 << 31) - 1) -> int | None:
    """A whole number in these bounds, exact to the last digit, also of a text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        value = value.strip()
        if not re.fullmatch(r"[+-]?\d{1,25}(\.0+)?", value, re.ASCII):
            return None
        value = int(value.partition(".")[0])
    if isinstance(value, float):
        if not math.isfinite(value) or not value.is_integer():
            return None
        value = int(value)
    if not isinstance(value, int) or not low <= value <= high:
        return None
    return value


def seed(value: object) -> int | None:
    """A seed of up to 64 bits without a sign; -1 means drawn anew, which is not known."""
    return whole(value, 0, (1 << 64) - 1)


def file_stem(value: object) -> str | None:
    """A model's name: of a file its name alone, without folders and ending."""
    found = word(value)
    if found is None:
        return None
    return _SUFFIX.sub("", found.replace("\\", "/").rstrip("/").rpartition("/")[2]).strip() or None


def parse_json(value: object) -> Any:
    """What a JSON text holds, or the value itself if it is not one; None for what is broken.

    ``NaN`` and infinities, which are no JSON, are read as null.
    """
    if not isinstance(value, str):
        return value
    if len(value) > MAX_JSON:
        return None
    try:
        return json.loads(value, parse_constant=lambda _: None)
    except (ValueError, RecursionError):
        return None


def json_object(value: object) -> dict[str, Any] | None:
    """As ``parse_json``, if it is an object."""
    found = parse_json(value)
    return found if isinstance(found, dict) else None


def some(**values: Any) -> dict[str, Any]:
    """These, but for those that are not known."""
    return {name: value for name, value in values.items() if value is not None}
