"""Deterministic identifiers: the same source is the same dataset, the same file the same row."""

from __future__ import annotations

import hashlib
import re
import secrets

_ID = re.compile(r"^([a-z0-9]{10})-([0-9a-f]{20})\Z")
_DATASET = re.compile(r"^[a-z0-9]{10}\Z")


def dataset_id(source_uri: str, name: str) -> str:
    """Ten base-36 characters from the canonical source and the dataset's name."""
    digest = hashlib.blake2b(f"{source_uri}\0{name}".encode("utf-8", "surrogatepass")).digest()
    number = int.from_bytes(digest[:8], "big")
    digits = []
    for _ in range(10):
        number, digit = divmod(number, 36)
        digits.append("0123456789abcdefghijklmnopqrstuvwxyz"[digit])
    return "".join(digits)


def image_id(dataset: str, uri: str) -> str:
    """``<dataset>-<20 hex digits of the uri>``: the dataset of an image is read off its id."""
    digest = hashlib.blake2b(uri.encode("utf-8", "surrogatepass"), digest_size=10).hexdigest()
    return f"{dataset}-{digest}"


def dataset_of(image: str) -> str | None:
    """The dataset an image id belongs to; None when it is not an image id at all."""
    match = _ID.match(image)
    return match.group(1) if match else None


def is_dataset_id(text: str) -> bool:
    return bool(_DATASET.match(text))


def run_id() -> str:
    """Marks the log lines of one run."""
    return secrets.token_hex(4)
