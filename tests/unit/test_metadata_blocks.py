"""Blocks in containers: bounded whatever a file claims, and never at the cost of its picture."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayograph.metadata import values
from rayograph.metadata.blocks import Blocks
from rayograph.metadata.describe import describe
from tests.described import CAMERA, details, exif, header, picture, user_comment


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def with_chunks(*chunks: bytes) -> bytes:
    plain = picture("PNG")
    return plain[:33] + b"".join(chunks) + plain[33:]


BOMB = zlib.compress(b"Steps: 20, " + b"a" * (200 << 20), 9)
TEXT = b"a cat\nSteps: 20, Sampler: Euler, Seed: 5"


@pytest.mark.parametrize(
    "evil",
    [
        chunk(b"zTXt", b"parameters\0\0" + BOMB),
        chunk(b"iTXt", b"parameters\0\1\0\0\0" + BOMB),
        chunk(b"zTXt", b"parameters\0\0no zlib"),
        chunk(b"zTXt", b"parameters"),
        chunk(b"iTXt", b"parameters\0\1"),
        chunk(b"tEXt", b""),
        chunk(b"tEXt", b"\0\0\0"),
        chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<x"),
        chunk(b"eXIf", b"MM\0*\xff\xff\xff\xff"),
        chunk(b"tEXt", b"prompt\0{") * 3000,
    ],
)
def test_a_picture_is_read_whatever_is_beside_it(evil: bytes) -> None:
    found = header(with_chunks(evil))
    assert (found.width, found.height) == (16, 12)
    assert len((found.details or {}).get("parameters") or "") <= values.MAX_PARAMETERS


def test_the_first_of_two_texts_counts_and_unknown_ones_are_not_opened() -> None:
    other = chunk(b"tEXt", b"parameters\0a dog\nSteps: 9, Seed: 1")
    junk = chunk(b"zTXt", b"junk\0\0" + BOMB)
    found = details(with_chunks(junk, chunk(b"tEXt", b"parameters\0" + TEXT), other))
    assert (found["prompt"], found["seed"]) == ("a cat", 5)


def test_texts_behind_the_pixels_are_not_looked_for() -> None:
    plain = picture("PNG")
    late = plain[:-12] + chunk(b"tEXt", b"parameters\0" + TEXT) + plain[-12:]
    assert details(late) == {}


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "PNG"])
def test_a_file_that_ends_in_its_blocks(format: str) -> None:  # noqa: A002
    whole = picture(format, exif=exif(**CAMERA))
    full = header(whole)
    for end in range(len(whole) - 1, 40, -37):
        try:
            found = header(whole[:end])
        except Exception as error:  # noqa: BLE001 (the header itself is cut off)
            assert type(error).__name__ == "ImageFault"
        else:
            assert found.details in (full.details, None) or set(found.details or ()) <= set(
                full.details or ()
            )


def test_a_thumbnail_does_not_pay_for_details(monkeypatch: pytest.MonkeyPatch) -> None:
    from rayograph import imaging

    def refuse(*_: object) -> None:
        raise AssertionError("details were read")

    monkeypatch.setattr(imaging, "_details", refuse)
    data = picture(exif=user_comment("a\nSteps: 20, Seed: 1"))
    assert imaging.thumbnail(data, width=8, quality=80, max_pixels=10**6)


@given(st.binary(max_size=120))
def test_any_bytes_in_any_block(noise: bytes) -> None:
    describe(Blocks(b"II*\0" + noise, noise, b"Photoshop 3.0\x008BIM" + noise, {}))
    header(with_chunks(chunk(b"iTXt", noise), chunk(b"eXIf", noise)))


@given(st.integers() | st.floats() | st.text(max_size=30) | st.none() | st.binary(max_size=4))
def test_any_value_is_made_fit(value: object) -> None:
    whole = values.whole(value)
    assert whole is None or 0 <= whole < 1 << 31
    seed = values.seed(value)
    assert seed is None or 0 <= seed < 1 << 64
    real = values.real(value, -5, 5)
    assert real is None or -5 <= real <= 5
    text = values.text(value, 10)
    assert text is None or (0 < len(text) <= 10 and text.encode() and "\0" not in text)
    values.file_stem(value)
    values.parse_json(value)
