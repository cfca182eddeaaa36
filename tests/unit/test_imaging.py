"""Every kind of good, unusual and bad file, as headers, pixels and thumbnails."""

from __future__ import annotations

import io
import warnings

import pytest
from PIL import Image

from rayograph import imaging
from rayograph.errors import ImageFault
from rayograph.headers import MAX_PARTS, iso_time, read_exif
from tests import hostile

LIMIT = 500_000_000
RED, BLUE, WHITE = (200, 30, 30), (30, 30, 200), (255, 255, 255)
GOOD = hostile.good_files()
BAD = hostile.bad_files()


def header(data: bytes, max_pixels: int = LIMIT) -> imaging.Header:
    return imaging.read_header(io.BytesIO(data), max_pixels=max_pixels)


def decode(data: bytes, shortest: int = 48) -> Image.Image:
    return imaging.decode(data, shortest=shortest, max_pixels=LIMIT)


def near(found: object, wanted: tuple[int, int, int], by: int = 8) -> bool:
    assert isinstance(found, tuple)
    return all(abs(a - b) <= by for a, b in zip(found, wanted, strict=True))


def is_upright(image: Image.Image) -> bool:
    """Whether it is ``hostile.picture()``: white corner, red left, blue right."""
    return (
        near(image.getpixel((3, 3)), WHITE)
        and near(image.getpixel((3, 44)), RED)
        and near(image.getpixel((60, 3)), BLUE)
    )


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_has_a_named_fault(name: str) -> None:
    data, in_header, in_pixels = BAD[name]
    if in_header is None:
        assert header(data).width > 0
    else:
        with pytest.raises(ImageFault) as found:
            header(data)
        assert found.value.fault == in_header
    with pytest.raises(ImageFault) as found:
        decode(data)
    assert found.value.fault == in_pixels
    assert "0x" not in found.value.message
    with pytest.raises(ImageFault) as found:
        imaging.thumbnail(data, width=64, quality=80, max_pixels=LIMIT)
    assert found.value.fault == in_pixels


@pytest.mark.parametrize("name", GOOD)
def test_an_unusual_file_opens(name: str) -> None:
    found = header(GOOD[name])
    image = decode(GOOD[name])
    assert image.mode == "RGB"
    assert image.size == (found.width, found.height)
    small = Image.open(
        io.BytesIO(imaging.thumbnail(GOOD[name], width=32, quality=80, max_pixels=LIMIT))
    )
    assert max(small.size) == 32
    assert Image.MIME[str(small.format)] == imaging.THUMBNAIL_TYPE


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied(orientation: int, kind: str) -> None:
    data = hostile.oriented(orientation, kind)
    found = header(data)
    assert (found.width, found.height, found.format) == (64, 48, kind)
    assert (found.orientation or 1) == orientation
    assert found.taken_at == "2024-05-01T10:20:30+02:00"
    assert is_upright(decode(data))


def test_heic() -> None:
    pytest.importorskip("pillow_heif")
    for data in (hostile.heic(), hostile.oriented(6, "HEIF")):
        found = header(data)
        assert (found.width, found.height, found.format) == (64, 48, "HEIF")
        assert is_upright(decode(data))


def test_headers_match_pillow() -> None:
    for name, data in GOOD.items():
        with Image.open(io.BytesIO(data)) as image:
            found = header(data)
            assert (found.format, found.mode) == (image.format, image.mode), name
            assert sorted((found.width, found.height)) == sorted(image.size), name


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_png_modes_match_pillow(mode: str) -> None:
    data = hostile.encoded(Image.new(mode, (5, 4)), "PNG")
    with Image.open(io.BytesIO(data)) as image:
        assert header(data).mode == image.mode


@pytest.mark.parametrize("options", [{}, {"lossless": True}, {"exif": b"Exif\0\0II*\0\x08\0\0\0"}])
def test_webp_layouts(options: dict[str, object]) -> None:
    for mode in ("RGB", "RGBA"):
        image = Image.new(mode, (37, 21), (10, 20, 30, 99)[: len(mode)])
        found = header(hostile.encoded(image, "WEBP", **options))
        assert (found.width, found.height, found.mode) == (37, 21, mode)


def test_transparency_is_laid_on_white() -> None:
    image = decode(hostile.palette_with_transparency())
    assert image.getpixel((5, 5)) == WHITE
    assert image.getpixel((50, 5)) == (0, 0, 255)


def test_deep_greys_are_scaled_not_clipped() -> None:
    image = decode(hostile.grey16())
    assert near(image.getpixel((5, 5)), (32, 32, 32), 1)
    assert near(image.getpixel((50, 5)), (223, 223, 223), 1)
    deep = Image.new("F", (8, 8), -1.5)
    deep.putpixel((0, 0), 2.5)
    image = decode(hostile.encoded(deep, "TIFF"))
    assert (image.getpixel((0, 0)), image.getpixel((5, 5))) == (WHITE, (0, 0, 0))


@pytest.mark.parametrize("kind", ["GIF", "WEBP"])
def test_an_animation_gives_its_first_frame(kind: str) -> None:
    assert is_upright(decode(hostile.animated(kind)))


def test_decode_reduces_and_never_enlarges() -> None:
    assert decode(hostile.jpeg(1200, 900), 100).size == (133, 100)
    assert decode(hostile.png(1200, 900), 100).size == (133, 100)
    assert decode(hostile.jpeg(64, 48), 100).size == (64, 48)
    drafted = imaging.load(hostile.jpeg(1200, 900), shortest=100, max_pixels=LIMIT)
    assert drafted.size == (150, 113)


def test_max_pixels_is_a_limit_per_call() -> None:
    data = hostile.jpeg(100, 100)
    assert header(data, 10_000).width == 100
    with pytest.raises(ImageFault) as found:
        header(data, 9_999)
    assert found.value.fault == "too_large"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        header(hostile.png_bomb(20_000, 20_000))


@pytest.mark.parametrize("size", [(64, 48), (48, 64), (300, 31), (31, 300), (224, 224)])
def test_square_equals_resize_and_centre_crop(size: tuple[int, int]) -> None:
    image = Image.effect_noise(size, 90).convert("RGB")
    side = 32
    width, height = size
    if width <= height:
        whole = (side, int(side * height / width))
    else:
        whole = (int(side * width / height), side)
    left, top = round((whole[0] - side) / 2), round((whole[1] - side) / 2)
    resized = image.resize(whole, Image.Resampling.BICUBIC)
    wanted = resized.crop((left, top, left + side, top + side)).tobytes()
    found = imaging.square(image, side).tobytes()
    assert max(abs(a - b) for a, b in zip(found, wanted, strict=True)) <= 2


def test_square_squashes_and_pads_as_models_want_it() -> None:
    image = Image.new("RGB", (40, 20), "red")
    image.paste("blue", (0, 0, 10, 20))
    squashed = imaging.square(image, 16, "squash")
    assert [squashed.getpixel((x, 8)) for x in (1, 8, 15)] == [(0, 0, 255), *[(255, 0, 0)] * 2]
    padded = imaging.square(image, 16, "longest")
    assert [padded.getpixel((8, y)) for y in (0, 8, 15)] == [(0, 0, 0), (255, 0, 0), (0, 0, 0)]
    assert padded.getpixel((1, 8)) == (0, 0, 255)
    assert imaging.square(Image.new("RGB", (1000, 1)), 16, "longest").size == (16, 16)


def test_a_long_strip_stays_small() -> None:
    strip = decode(hostile.wide_strip(), 224)
    assert strip.size == (65_535, 10)
    assert imaging.square(strip, 224).size == (224, 224)


def test_times() -> None:
    assert iso_time(b"2024:02:30 10:00:00") is None
    assert iso_time(b"0000:00:00 00:00:00") is None
    assert iso_time(b"    :  :     :  :  ") is None
    assert iso_time(b"2024-02-03T10:00:00", b"-0330") == "2024-02-03T10:00:00-03:30"


@pytest.mark.filterwarnings("ignore:Corrupt EXIF", "ignore:Possibly corrupt EXIF")
def test_broken_exif_is_no_fault() -> None:
    for block in (b"", b"II*\0", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff" + b"\1" * 9):
        assert read_exif(block) == (None, None)
        assert header(hostile.jpeg(exif=b"Exif\0\0" + block)).orientation is None
        decode(hostile.jpeg(exif=b"Exif\0\0" + block))


def test_headers_behind_large_segments_are_found() -> None:
    padding = b"\xff\xfe\xff\xff" + bytes(0xFFFD)
    data = hostile.jpeg()
    assert header(data[:2] + padding * 20 + data[2:]).width == 64
    assert header(data[:2] + b"\xff" * 3 + data[2:]).width == 64
    assert MAX_PARTS >= 1024
