"""Faults of storage that can pass are told from those of a file, near and far."""

from __future__ import annotations

import errno
import io

import fsspec
import pytest
from fsspec import AbstractFileSystem
from PIL import Image

from rayograph.errors import ImageFault
from rayograph.sources import open_uri
from rayograph.storage import fault_of
from rayograph_pipelines.stages.reading import PixelLimits, header, pixels


class Breaks(Exception):
    """As a store's library has them: of no kind anybody else knows."""


class Flaky(AbstractFileSystem):
    """A bucket whose one file breaks off after some bytes."""

    protocol = "flaky"
    cachable = False
    data = b""
    breaks_at = 0

    def _open(self, path: str, mode: str = "rb", *_: object, **__: object) -> io.BytesIO:
        if not path.endswith("flaky.jpg"):
            raise FileNotFoundError(path)
        return _Breaking(self.data, self.breaks_at)


class _Breaking(io.BytesIO):
    def __init__(self, data: bytes, breaks_at: int) -> None:
        super().__init__(data)
        self._breaks_at = breaks_at

    def read(self, size: int | None = -1) -> bytes:
        wanted = len(self.getvalue()) if size is None or size < 0 else self.tell() + size
        if min(wanted, len(self.getvalue())) > self._breaks_at:
            raise Breaks("connection to 10.0.0.7 lost")
        return super().read(size)


@pytest.fixture
def far() -> str:
    fsspec.register_implementation("flaky", Flaky, clobber=True)
    picture = io.BytesIO()
    Image.effect_noise((200, 150), 60).convert("RGB").save(picture, "JPEG", quality=95)
    Flaky.data, Flaky.breaks_at = picture.getvalue(), 10**9
    return "flaky://bucket/flaky.jpg"


def test_a_bucket_that_answers_is_read(far: str) -> None:
    assert header(far, 10**9)[:3] == (200, 150, "JPEG")
    assert pixels(far, PixelLimits(32, 10**9, 32)).fault is None


@pytest.mark.parametrize("breaks_at", [0, 5_000])
def test_bytes_that_do_not_come_are_not_a_broken_picture(far: str, breaks_at: int) -> None:
    Flaky.breaks_at = breaks_at
    with pytest.raises(ImageFault) as caught:
        pixels(far, PixelLimits(32, 10**9, 32))
    assert caught.value.fault == "unavailable"
    assert caught.value.message == "the storage does not answer: Breaks"


def test_a_header_that_does_not_come_is_not_a_broken_picture(far: str) -> None:
    Flaky.breaks_at = 0
    with pytest.raises(ImageFault) as caught:
        header(far, 10**9)
    assert caught.value.fault == "unavailable"


def test_what_is_not_in_a_bucket_is_missing(far: str) -> None:
    with pytest.raises(ImageFault) as caught:
        open_uri(far.replace("flaky.jpg", "no.jpg"))
    assert caught.value.fault == "missing"


@pytest.mark.parametrize(
    ("number", "near", "far"),
    [
        (errno.EACCES, "unreadable", "unreadable"),
        (errno.ENOENT, "missing", "missing"),
        (errno.EISDIR, "not_an_image", "not_an_image"),
        (errno.ESTALE, "unavailable", "unavailable"),
        (errno.ENOTCONN, "unavailable", "unavailable"),
        (errno.EIO, "unavailable", "unavailable"),
        (errno.EINVAL, "unreadable", "unavailable"),
    ],
)
def test_which_errors_can_pass(number: int, near: str, far: str) -> None:
    error = OSError(number, "why")
    assert (fault_of(error, far=False).fault, fault_of(error, far=True).fault) == (near, far)
