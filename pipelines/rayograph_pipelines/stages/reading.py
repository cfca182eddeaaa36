"""What the guarded children do with one image. No Arrow here: every fresh child imports this."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, NamedTuple

from rayograph.errors import ImageFault
from rayograph.imaging import MAX_FILE_BYTES, grey, load, read_header, square
from rayograph.measuring import measure
from rayograph.quality import Measures
from rayograph.sources import open_uri
from rayograph.storage import fault_of

if TYPE_CHECKING:
    from rayograph.encoders.names import ResizeMode

# Width, height, format, mode, orientation, time taken; then the details, None for none.
HeaderRow = tuple[int, int, str, str, int | None, str | None, dict[str, Any] | None]


class PixelLimits(NamedTuple):
    """``shortest`` and ``image_size`` in px, ``max_pixels`` a picture; how it is made square."""

    shortest: int
    max_pixels: int
    image_size: int
    resize_mode: ResizeMode = "shortest"


class Pixels(NamedTuple):
    """``pixels`` is raw RGB, HWC; None with a fault when the bytes are no whole picture.

    ``grey`` is the whole picture, squashed to 32 x 32 px: what its perceptual hash is
    made of. ``measures`` say how usable it is.
    """

    pixels: bytes | None
    content_hash: str
    fault: str | None = None
    message: str | None = None
    grey: bytes | None = None
    measures: Measures | None = None


@contextmanager
def _opened(uri: str) -> Iterator[IO[bytes]]:
    with open_uri(uri) as file:
        try:
            yield file
        except OSError as error:
            raise fault_of(error, far=False) from None


def header(uri: str, max_pixels: int) -> HeaderRow:
    """What a file says of its picture, from as few of its bytes as that takes."""
    with _opened(uri) as file:
        found = read_header(file, max_pixels=max_pixels, details=True)
    return (
        found.width,
        found.height,
        found.format,
        found.mode,
        found.orientation,
        found.taken_at,
        found.details,
    )


def pixels(uri: str, limits: PixelLimits) -> Pixels:
    """Read a file once: its content hash and the square of pixels the model sees.

    With an ``image_size`` of 0 no model is asked: only the hash and the grey square are wanted.
    """
    with _opened(uri) as file:
        data = file.read(MAX_FILE_BYTES + 1)
    if len(data) > MAX_FILE_BYTES:
        raise ImageFault("the file is larger than 2 GiB", fault="too_large")
    content_hash = hashlib.blake2b(data, digest_size=16).hexdigest()
    if not limits.shortest:
        return Pixels(None, content_hash)
    try:
        image = load(data, shortest=limits.shortest, max_pixels=limits.max_pixels)
        small, measured = grey(image), measure(image)
        if not limits.image_size:
            return Pixels(None, content_hash, grey=small, measures=measured)
        seen = square(image, limits.image_size, limits.resize_mode).tobytes()
        return Pixels(seen, content_hash, grey=small, measures=measured)
    except ImageFault as fault:
        return Pixels(None, content_hash, fault.fault, fault.message)
    except MemoryError:
        return Pixels(None, content_hash, "too_large", "it takes more memory than there is")
