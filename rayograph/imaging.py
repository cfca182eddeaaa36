"""Pictures: headers, decoding and thumbnails, with every kind of bad file told apart.

Imports Pillow alone, so that worker children and the boot front start fast; the parsers of AVIF,
TIFF and HEIF are loaded with the first such file. Formats outside ``FORMATS`` are never parsed.
"""

from __future__ import annotations

import importlib
import io
import math
import warnings
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from PIL import Image, ImageFile

from rayograph.errors import ImageFault
from rayograph.headers import (
    READERS,
    RawHeader,
    Window,
    ends_early,
    iso_time,
    read_exif,
    sniff,
)

if TYPE_CHECKING:
    from rayograph.encoders.names import ResizeMode

# Size limits are per call (``max_pixels``); Pillow's own global one would warn below them.
Image.MAX_IMAGE_PIXELS = None
# A broken tag in a picture that opens is not worth a line on somebody's terminal.
warnings.filterwarnings("ignore", module=r"PIL\.")

MAX_FILE_BYTES = 2 << 30
THUMBNAIL_TYPE = "image/jpeg"

FORMATS = {
    "JPEG": "PIL.JpegImagePlugin",
    "PNG": "PIL.PngImagePlugin",
    "WEBP": "PIL.WebPImagePlugin",
    "GIF": "PIL.GifImagePlugin",
    "BMP": "PIL.BmpImagePlugin",
    "DIB": "PIL.BmpImagePlugin",
    "TIFF": "PIL.TiffImagePlugin",
    "AVIF": "PIL.AvifImagePlugin",
    "HEIF": "pillow_heif",
}
# Their Pillow decoders hand out pictures already turned upright.
_SELF_TURNING = {"TIFF", "HEIF"}
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says about its picture; ``width`` and ``height`` in px as displayed."""

    width: int
    height: int
    format: str
    mode: str
    orientation: int | None = None
    taken_at: str | None = None
    # By the names of ``rayograph.metadata.arrow.DETAILS``, only what the file says; None: nothing.
    details: dict[str, Any] | None = None


def read_header(file: IO[bytes], *, max_pixels: int, details: bool = False) -> Header:
    """Read a picture's header; no pixel is decoded.

    Args:
        details: also what else the file says of its picture.

    Raises:
        ImageFault: ``empty``, ``not_an_image``, ``unsupported``, ``too_large``, ``truncated`` or
            ``corrupt``.
    """
    window = Window(file)
    name = sniff(window.data)
    reader = READERS.get(name)
    if reader is None:
        header = _pillow_header(file, name, details)
    else:
        raw = reader(window)
        width, height, exif = raw.width, raw.height, raw.exif
        orientation, taken_at = read_exif(exif) if exif else (None, None)
        if orientation is not None and orientation >= 5:
            width, height = height, width
        more = _details(window, raw) if details and (exif or raw.parts) else {}
        said = more.pop("taken_at", None)
        taken_at = taken_at or said
        header = Header(width, height, name, raw.mode, orientation, taken_at, more or None)
    _check_size(header.width, header.height, max_pixels)
    return header


def _details(window: Window, raw: RawHeader) -> dict[str, Any]:
    # Loaded with the first picture that has any.
    from rayograph.metadata.blocks import of_header
    from rayograph.metadata.describe import describe

    return describe(of_header(window, raw))


def _pillow_details(image: Image.Image) -> dict[str, Any]:
    from rayograph.metadata.blocks import of_pillow
    from rayograph.metadata.describe import describe

    try:
        return describe(of_pillow(image))
    except ImageFault:
        raise
    except Exception:  # noqa: BLE001 (as with EXIF below)
        return {}


def _pillow_header(file: IO[bytes], name: str, details: bool) -> Header:
    if file.seek(0, 2) > MAX_FILE_BYTES:
        raise ImageFault("the file is larger than 2 GiB", fault="too_large")
    with _open(file, name) as image:
        try:
            exif = image.getexif()
            raw = exif.get(0x0112)
            inner = exif.get_ifd(0x8769)
            taken = iso_time(_ascii(inner.get(0x9003)), _ascii(inner.get(0x9011)))
            taken = taken or iso_time(_ascii(exif.get(0x0132)), _ascii(inner.get(0x9010)))
        except ImageFault:
            raise
        except Exception:  # noqa: BLE001 (a broken EXIF block does not make the picture bad)
            raw, taken = None, None
        orientation = raw if isinstance(raw, int) and 1 <= raw <= 8 else None
        width, height = image.size
        if name == "HEIF":
            # The decoder applies the container's rotation and keeps the tag it replaces.
            orientation = image.info.get("original_orientation") or orientation
        elif name not in _SELF_TURNING and orientation is not None and orientation >= 5:
            width, height = height, width
        more = _pillow_details(image) if details else {}
        said = more.pop("taken_at", None)
        taken = taken or said
        return Header(width, height, name, image.mode, orientation, taken, more or None)


def _ascii(value: object) -> bytes:
    return value.encode("ascii", "replace") if isinstance(value, str) else b""


def _check_size(width: int, height: int, max_pixels: int) -> None:
    if width < 1 or height < 1:
        raise ImageFault(f"the picture is {width} x {height} pixels", fault="corrupt")
    if width * height > max_pixels:
        raise ImageFault(
            f"{width:,} x {height:,} pixels are more than the limit of {max_pixels:,}",
            hint="images.max_pixels raises the limit",
            fault="too_large",
        )


def _open(file: IO[bytes], name: str) -> ImageFile.ImageFile:
    """The Pillow image of a file whose format is known, past Pillow's own guessing."""
    _load_plugin(name)
    file.seek(0)
    try:
        return Image.OPEN[name][0](file, "")
    except Exception as error:  # noqa: BLE001 (whatever a parser trips over is the file's fault)
        raise _fault(error, file, name) from None


def _load_plugin(name: str) -> None:
    if name in Image.OPEN:
        return
    try:
        plugin = importlib.import_module(FORMATS[name])
    except ImportError:
        raise ImageFault(
            f"{name} needs a plugin that is not installed",
            hint="pip install pillow-heif",
            fault="unsupported",
        ) from None
    if name == "HEIF":
        plugin.register_heif_opener(thumbnails=False)


def _fault(error: BaseException, file: IO[bytes], name: str) -> ImageFault:
    """What went wrong in Pillow, as one of our codes and a line without internals."""
    if isinstance(error, ImageFault):
        return error
    text = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
    if isinstance(error, MemoryError):
        return ImageFault("decoding it takes more memory than there is", fault="too_large")
    low = text.lower()
    if "truncated" in low or "end of file" in low or "not enough" in low:
        return ImageFault("the file ends before the picture does", fault="truncated")
    if name in {"WEBP", "AVIF", "HEIF"} and ends_early(file, name):
        return ImageFault("the file ends before the picture does", fault="truncated")
    if "unsupported" in low or "unknown pixel mode" in low or "not supported" in low:
        return ImageFault(f"{name}: {text}", fault="unsupported")
    if "object at 0x" in text or "/" in text:
        text = "the data makes no sense"
    return ImageFault(f"broken {name}: {text}", fault="corrupt")


def load(data: bytes, *, shortest: int, max_pixels: int) -> Image.Image:
    """Decode to upright RGB whose shortest side is at least ``shortest`` px where the file's is.

    A JPEG is decoded at the smallest of 1/1, 1/2, 1/4 and 1/8 that keeps to it; other formats come
    in full size. Transparency is laid on white; an animation gives its first frame.
    """
    file = io.BytesIO(data)
    header = read_header(file, max_pixels=max_pixels)
    image: Image.Image = _open(file, header.format)
    _check_size(*image.size, max_pixels)
    try:
        if header.format == "JPEG":
            factor = shortest / min(image.size)
            if factor <= 0.5:
                wanted = (math.ceil(image.width * factor), math.ceil(image.height * factor))
                image.draft(image.mode, wanted)
        image.load()
        image = to_rgb(image)
        turn = _TURNS.get(header.orientation or 1)
        if turn is not None and header.format not in _SELF_TURNING:
            image = image.transpose(turn)
    except Exception as error:  # noqa: BLE001
        raise _fault(error, file, header.format) from None
    return image


def to_rgb(image: Image.Image) -> Image.Image:
    """Any Pillow mode as RGB: alpha on white, deep greys scaled rather than clipped."""
    if image.mode == "RGB" and "transparency" not in image.info:
        return image
    if image.mode.startswith("I;16"):
        return image.convert("I").point(lambda value: value * (1 / 257)).convert("L").convert("RGB")
    if image.mode in {"I", "F"}:
        return _stretch(image)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(rgba, mask=rgba.getchannel("A"))
        return white
    return image.convert("RGB")


def _stretch(image: Image.Image) -> Image.Image:
    """32-bit greys have no agreed range: the darkest becomes black, the brightest white."""
    low, high = image.getextrema()
    if not (isinstance(low, int | float) and isinstance(high, int | float)):
        raise ImageFault("grey levels without a range", fault="corrupt")
    if not (math.isfinite(low) and math.isfinite(high)):
        raise ImageFault("grey levels that are not numbers", fault="unsupported")
    scale = 255 / (high - low) if high > low else 0.0
    offset = -low * scale
    return image.point(lambda value: value * scale + offset).convert("L").convert("RGB")


def decode(data: bytes, *, shortest: int, max_pixels: int) -> Image.Image:
    """Upright RGB, reduced so that its shortest side is ``shortest`` px (never enlarged).

    Raises:
        ImageFault: a half-readable file is ``truncated``, never a half-grey picture.
    """
    image = load(data, shortest=shortest, max_pixels=max_pixels)
    short = min(image.size)
    if short <= shortest:
        return image
    size = (
        max(1, round(image.width * shortest / short)),
        max(1, round(image.height * shortest / short)),
    )
    return image.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)


def square(image: Image.Image, side: int, mode: ResizeMode = "shortest") -> Image.Image:
    """``side`` x ``side`` px (bicubic) as open_clip's preprocess makes them.

    ``shortest``: the shortest side fits, then the centre; ``longest``: the longest fits, the rest
    is black; ``squash``: both fit. For the first, only the kept square is resampled, which gives
    the same pixels and keeps a 65,535 x 10 strip from growing into a picture of gigabytes.
    """
    width, height = image.size
    if mode == "squash":
        return image.resize((side, side), Image.Resampling.BICUBIC)
    if mode == "longest":
        scale = side / max(width, height)
        wide, high = max(1, round(width * scale)), max(1, round(height * scale))
        padded = Image.new(image.mode, (side, side))
        at = ((side - wide) // 2, (side - high) // 2)
        padded.paste(image.resize((wide, high), Image.Resampling.BICUBIC), at)
        return padded
    if width <= height:
        wide, high = side, int(side * height / width)
    else:
        wide, high = int(side * width / height), side
    left, top = round((wide - side) / 2), round((high - side) / 2)
    across, down = width / wide, height / high
    box = (
        left * across,
        top * down,
        min((left + side) * across, width),
        min((top + side) * down, height),
    )
    return image.resize((side, side), Image.Resampling.BICUBIC, box=box)


def grey(image: Image.Image, side: int = 32) -> bytes:
    """The whole picture squashed to ``side`` x ``side`` px of grey, a byte each."""
    small = image.resize((side, side), Image.Resampling.BOX, reducing_gap=3.0)
    return small.convert("L").tobytes()


def thumbnail(data: bytes, *, width: int, quality: int, max_pixels: int) -> bytes:
    """A picture of type ``THUMBNAIL_TYPE`` inside a ``width`` x ``width`` px box, upright."""
    file = io.BytesIO(data)
    header = read_header(file, max_pixels=max_pixels)
    scale = min(1.0, width / max(header.width, header.height))
    shortest = max(1, math.ceil(min(header.width, header.height) * scale))
    image = load(data, shortest=shortest, max_pixels=max_pixels)
    scale = min(1.0, width / max(image.size))
    if scale < 1.0:
        size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
        image = image.resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()
