"""Bad and unusual image files, made on the spot; ``write_all`` lays them out in a folder."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from pathlib import Path

from PIL import Image, ImageDraw

EXIF_TIME = "2024:05:01 10:20:30"


def picture(width: int = 64, height: int = 48, mode: str = "RGB") -> Image.Image:
    """Upright test card: left half red, right half blue, a white square at the top left."""
    image = Image.new("RGB", (width, height), (200, 30, 30))
    draw = ImageDraw.Draw(image)
    draw.rectangle((width // 2, 0, width, height), fill=(30, 30, 200))
    draw.rectangle((0, 0, width // 4, height // 4), fill=(255, 255, 255))
    return image.convert(mode)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def jpeg(width: int = 64, height: int = 48, **options: object) -> bytes:
    return encoded(picture(width, height), "JPEG", **{"quality": 92, **options})


def png(width: int = 64, height: int = 48, mode: str = "RGB") -> bytes:
    return encoded(picture(width, height, mode), "PNG")


def oriented(orientation: int, kind: str = "JPEG", width: int = 64, height: int = 48) -> bytes:
    """A picture that is stored turned and says so: upright, it is always ``picture()``."""
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    image = picture(width, height)
    if orientation in undo:
        image = image.transpose(undo[orientation])
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif[0x0132] = "2020:01:01 00:00:00"
    exif.get_ifd(0x8769).update({0x9003: EXIF_TIME, 0x9011: "+02:00"})
    return encoded(image, kind, exif=exif.tobytes())


def chunk(kind: bytes, body: bytes = b"") -> bytes:
    """One PNG chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png_start(width: int, height: int, depth: int = 8, colour: int = 2) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head)


def png_bomb(width: int = 50_000, height: int = 50_000) -> bytes:
    """A few kilobytes that claim 2.5 gigapixels."""
    return png_start(width, height) + chunk(b"IDAT", zlib.compress(bytes(4096))) + chunk(b"IEND")


def png_endless_chunks(count: int = 50_000) -> bytes:
    return png_start(64, 48) + chunk(b"juNk", b"x") * count


def png_giant_chunk(declared: int = (1 << 31) - 2) -> bytes:
    """A text chunk that says it is 2 GB long."""
    return png_start(64, 48) + struct.pack(">I", declared) + b"tEXt" + b"x" * 100


def png_text_bomb() -> bytes:
    """Compressed text that grows a thousandfold, before a sound picture."""
    body = b"Comment\0\0" + zlib.compress(bytes(2 << 20), 9)
    whole = png()
    return whole[:33] + chunk(b"zTXt", body) + whole[33:]


def jpeg_endless_segments(count: int = 50_000) -> bytes:
    return b"\xff\xd8" + b"\xff\xfe\0\4ab" * count


def jpeg_claiming(width: int, height: int) -> bytes:
    """A sound JPEG whose frame header was changed to claim another size."""
    data = bytearray(jpeg())
    at = data.index(b"\xff\xc0")
    data[at + 5 : at + 9] = struct.pack(">HH", height, width)
    return bytes(data)


def wide_strip(width: int = 65_535, height: int = 10) -> bytes:
    return encoded(Image.new("RGB", (width, height), (90, 120, 60)), "PNG", compress_level=1)


def animated(kind: str) -> bytes:
    """Three frames; the first is ``picture()``."""
    frames = [picture(), Image.new("RGB", (64, 48), "green"), Image.new("RGB", (64, 48), "black")]
    return encoded(frames[0], kind, save_all=True, append_images=frames[1:], duration=50)


def palette_with_transparency() -> bytes:
    """A P-mode PNG whose left half is transparent, right half blue."""
    image = Image.new("P", (64, 48), 0)
    image.putpalette([255, 0, 0, 0, 0, 255])
    ImageDraw.Draw(image).rectangle((32, 0, 64, 48), fill=1)
    return encoded(image, "PNG", transparency=0)


def grey16() -> bytes:
    """16-bit greys: left half 0x2000, right half 0xe000."""
    row = b"\x00\x20" * 32 + b"\x00\xe0" * 32
    return encoded(Image.frombytes("I;16", (64, 48), row * 48), "PNG")


def html() -> bytes:
    return b"<!DOCTYPE html>\n<html><body>404 Not Found</body></html>"


def heic(width: int = 64, height: int = 48) -> bytes:
    """Needs pillow-heif."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    return encoded(picture(width, height), "HEIF", quality=90)


def avif(width: int = 64, height: int = 48) -> bytes:
    return encoded(picture(width, height), "AVIF", quality=90)


@cache
def bad_files() -> dict[str, tuple[bytes, str | None, str | None]]:
    """Name -> bytes, the fault its header must give and the one its pixels must; None: none."""
    whole, flat = jpeg(640, 480), encoded(picture(640, 480), "PNG", compress_level=0)
    web = encoded(picture(640, 480), "WEBP", lossless=True)
    far = avif(200, 200)
    return {
        "empty.jpg": (b"", "empty", "empty"),
        "page.jpg": (html(), "not_an_image", "not_an_image"),
        "notes.png": (b"just some notes\n" * 9, "not_an_image", "not_an_image"),
        "noise.jpg": (bytes(range(256)) * 4, "not_an_image", "not_an_image"),
        "paper.jpg": (b"%PDF-1.7\n", "not_an_image", "not_an_image"),
        "layers.jpg": (b"8BPS\0\1" + bytes(40), "unsupported", "unsupported"),
        "page.eps.jpg": (b"%!PS-Adobe-3.0 EPSF-3.0\n", "unsupported", "unsupported"),
        "drawing.png": (b"<?xml version='1.0'?><svg/>", "unsupported", "unsupported"),
        "cut.jpg": (whole[: len(whole) // 2], None, "truncated"),
        "cut.png": (flat[: len(flat) // 2], None, "truncated"),
        "cut.webp": (web[: len(web) // 2], None, "truncated"),
        "cut.avif": (far[: len(far) - 40], None, "truncated"),
        "cut_header.jpg": (whole[:100], "truncated", "truncated"),
        "cut_magic.png": (flat[:5], "truncated", "truncated"),
        "bomb.png": (png_bomb(), "too_large", "too_large"),
        "bomb.jpg": (jpeg_claiming(65_535, 65_535), "too_large", "too_large"),
        "endless.png": (png_endless_chunks(5000), "corrupt", "corrupt"),
        "endless.jpg": (jpeg_endless_segments(5000), "corrupt", "corrupt"),
        "giant_chunk.png": (png_giant_chunk(), "truncated", "truncated"),
        "text_bomb.png": (png_text_bomb(), None, "corrupt"),
        "no_pixels.png": (png_start(64, 48) + chunk(b"IEND"), "corrupt", "corrupt"),
        "wide.jpg": (jpeg_claiming(65_535, 10), None, "corrupt"),
        "zero.jpg": (jpeg_claiming(0, 48), "corrupt", "corrupt"),
    }


@cache
def good_files() -> dict[str, bytes]:
    """Unusual files that must open."""
    files = {
        "mislabelled.png": jpeg(),
        "mislabelled.jpg": png(),
        "cmyk.jpg": encoded(picture(mode="CMYK"), "JPEG"),
        "grey.jpg": encoded(picture(mode="L"), "JPEG"),
        "grey16.png": grey16(),
        "palette.png": palette_with_transparency(),
        "animated.gif": animated("GIF"),
        "animated.webp": animated("WEBP"),
        "picture.bmp": encoded(picture(), "BMP"),
        "picture.tif": encoded(picture(), "TIFF"),
        "picture.avif": avif(),
        "wide.png": wide_strip(),
        "spaces and\nnewline é.jpg": jpeg(),
    }
    return files | {f"turned_{n}.jpg": oriented(n) for n in range(1, 9)}


def write_all(folder: Path) -> dict[str, str | None]:
    """Write good and bad files; name -> the fault decoding must give, None when it must open."""
    folder.mkdir(parents=True, exist_ok=True)
    expected: dict[str, str | None] = {}
    for name, data in good_files().items():
        (folder / name).write_bytes(data)
        expected[name] = None
    for name, (data, _, fault) in bad_files().items():
        (folder / name).write_bytes(data)
        expected[name] = fault
    return expected
