"""EXIF of every container, and of cameras that wrote nonsense."""

from __future__ import annotations

import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayograph.metadata import exif
from tests.described import CAMERA, details, header, picture
from tests.described import exif as block_of

EXPECTED = {
    "camera": "NIKON D850",
    "camera_make": "NIKON CORPORATION",
    "camera_model": "NIKON D850",
    "lens": "50mm f/1.8",
    "iso": 400,
    "aperture": 2.8,
    "exposure_s": 0.004,
    "focal_mm": 50.0,
    "latitude": -33.8583333,
    "longitude": 151.2,
    "altitude_m": -35.5,
    "software": "Ver.1.20",
}


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_a_camera_in_every_container(format: str) -> None:  # noqa: A002
    found = header(picture(format, exif=block_of(**CAMERA)))
    assert found.details == EXPECTED
    assert found.taken_at == "2024-05-01T10:20:30+02:00"


def test_a_tiff_is_described_too() -> None:
    found = details(picture("TIFF", exif=block_of(base=CAMERA["base"])))
    assert found["camera"] == "NIKON D850"


def test_a_plain_picture_says_nothing() -> None:
    for name in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"):
        assert header(picture(name)).details is None, name


@pytest.mark.parametrize(
    ("make", "model", "camera"),
    [
        ("Canon", "Canon EOS R5", "Canon EOS R5"),
        ("Apple", "iPhone 15", "Apple iPhone 15"),
        ("LEICA CAMERA AG", "LEICA Q3", "LEICA Q3"),
        ("Ricoh", "", "Ricoh"),
        ("", "GR III", "GR III"),
    ],
)
def test_a_maker_is_named_once(make: str, model: str, camera: str) -> None:
    assert exif.camera_names(make, model)["camera"] == camera


def test_texts_of_windows_and_their_kin() -> None:
    wide = {0x9C9B: "Über\0".encode("utf-16-le"), 0x9C9E: "sea; sky;sea".encode("utf-16-le")}
    base = {0x010E: "A beach", 0x013B: "Ana", 0x8298: "(c) Ana", 0x4746: 4, **wide}
    found = details(picture(exif=block_of(base=base)))
    assert found["title"] == "Über"
    assert found["keywords"] == ["sea", "sky"]
    assert found["description"] == "A beach"
    assert (found["creator"], found["copyright"], found["file_rating"]) == ("Ana", "(c) Ana", 4)


@pytest.mark.parametrize(
    ("raw", "order", "text"),
    [
        (b"UNICODE\0" + "a b, é".encode("utf-16-be"), "<", "a b, é"),
        (b"UNICODE\0" + "a b, é".encode("utf-16-le"), ">", "a b, é"),
        (b"UNICODE\0" + "\ufeffbom".encode("utf-16-le"), ">", "bom"),
        (b"UNICODE\0" + "日本語の猫".encode("utf-16-be"), ">", "日本語の猫"),
        (b"UNICODE\0" + b"plain bytes all the same", "<", "plain bytes all the same"),
        (b"ASCII\0\0\0" + b"Steps: 20", "<", "Steps: 20"),
        (b"\0" * 8 + "né".encode(), "<", "né"),
        (b"no head at all", "<", "no head at all"),
        (b"", "<", ""),
    ],
)
def test_user_comments_however_they_are_spelt(raw: bytes, order: str, text: str) -> None:
    assert exif.comment(raw, order) == text


@pytest.mark.parametrize(
    ("inner", "name"),
    [
        ({0x829A: 0.0}, "exposure_s"),
        ({0x829D: -2.0}, "aperture"),
        ({0x8827: 0}, "iso"),
        ({0x8827: 65535}, "iso"),
        ({0x920A: "wide"}, "focal_mm"),
    ],
)
def test_values_that_cannot_be_are_left_out(inner: dict[int, Any], name: str) -> None:
    assert name not in details(picture(exif=block_of(inner=inner)))


@pytest.mark.parametrize(
    "place",
    [
        {1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)},
        {1: "N", 2: (95.0, 0.0, 0.0), 3: "E", 4: (10.0, 0.0, 0.0)},
        {1: "N", 2: (50.0, 0.0, 0.0)},
    ],
)
def test_a_place_that_is_none(place: dict[int, Any]) -> None:
    found = details(picture(exif=block_of(place=place)))
    assert not {"latitude", "longitude"} & found.keys()


def test_sensitivity_beyond_a_short_number_and_apex_values() -> None:
    found = details(picture(exif=block_of(inner={0x8827: 65535, 0x8831: 102400, 0x9202: 4.0})))
    assert (found["iso"], found["aperture"]) == (102400, 4.0)


def test_a_rational_over_zero_and_a_directory_that_points_to_itself() -> None:
    head = b"II*\0" + struct.pack("<IH", 8, 3)
    rational = struct.pack("<HHII", 0x829D, 5, 1, 60)
    # The directory of exposures is the directory itself.
    loop = struct.pack("<HHII", 0x8769, 4, 1, 8) + struct.pack("<HHII", 0x8825, 4, 1, 8)
    block = (head + rational + loop).ljust(60, b"\0") + struct.pack("<II", 28, 0)
    assert exif.read(block).details == {}


@given(st.binary(max_size=400), st.sampled_from([b"II*\0", b"MM\0*", b""]))
def test_any_bytes_are_read_or_left(noise: bytes, magic: bytes) -> None:
    exif.read(magic + noise)


@given(st.data())
def test_a_damaged_block_is_read_or_left(data: st.DataObject) -> None:
    raw = bytearray(block_of(**CAMERA).tobytes().removeprefix(b"Exif\0\0"))
    for _ in range(data.draw(st.integers(1, 8))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    exif.read(bytes(raw[: data.draw(st.integers(0, len(raw)))]))
