"""A file's identity: the hash of its bytes. The same picture elsewhere is known by it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

from rayograph.errors import ImageFault
from rayograph.sources import open_uri

_BLOCK = 1 << 20


def hash_of(uri: str) -> str | None:
    """The content hash as the embedding stage takes it; None where the file cannot be read."""
    digest = hashlib.blake2b(digest_size=16)
    try:
        with open_uri(uri) as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    except (ImageFault, OSError):
        return None
    return digest.hexdigest()


def hashes_of(uris: Iterable[str], *, workers: int) -> Iterator[str | None]:
    """The hashes of many files, in their order; hashing itself leaves the other threads free."""
    with ThreadPoolExecutor(workers, "hash") as pool:
        yield from pool.map(hash_of, uris)
