"""The fields a ``where`` can name. One line makes a field; everything else follows from its kind.

This table is the allow-list: no other column of a dataset's table ever gets into a filter.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

from rayograph.quality import TOKENS
from rayograph.schema import ImageStatus

Kind = Literal[
    "number",
    "integer",
    "bytes",
    "ratio",
    "time",
    "text",
    "words",
    "folder",
    "choice",
    "tags",
    "flag",
    "named",
    "area",
]
Record = Mapping[str, Any]
FAULTS = (
    "missing",
    "unreadable",
    "unavailable",
    "empty",
    "truncated",
    "not_an_image",
    "unsupported",
    "too_large",
    "corrupt",
    "timeout",
    "crashed",
    "changed",
)


@dataclass(frozen=True, slots=True)
class Field:
    """One field.

    Args:
        columns: where its value is in the table, the first that has one; default: its own name.
        sql: how it is computed from ``columns``, each in braces.
        read: its value of an image's record; default: what stands under its name.
        choices: the values it can have; empty: any.
        fold: how its values are written in the table.
        listed: it has so few values in a dataset that they are offered.
        settled: nothing there is an answer too (it did not fail), so ``not`` includes it.
        single: of several values that can be, an image has one at most.
    """

    name: str
    kind: Kind
    about: str
    aliases: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    sql: str | None = None
    read: Callable[[Record], Any] | None = None
    choices: tuple[str, ...] = ()
    fold: Callable[[str], str] = str
    listed: bool = False
    settled: bool = False
    single: bool = False

    @property
    def sources(self) -> tuple[str, ...]:
        return self.columns or (self.name,)

    def of(self, record: Record) -> Any:
        """The field's value of an image's record; None: not known."""
        return record.get(self.name) if self.read is None else self.read(record)


def _aspect(record: Record) -> float | None:
    width, height = record["width"], record["height"]
    return float(width) / float(height) if width is not None and height else None


def _area(record: Record) -> float | None:
    width, height = record["width"], record["height"]
    known = width is not None and height is not None
    return float(width) * float(height) / 1e6 if known else None


def _listed(name: str) -> Callable[[Record], Any]:
    return lambda record: record.get(name) or None


def _named(name: str) -> Callable[[Record], Any]:
    """What is called otherwise in a record."""
    return lambda record: record.get(name)


def caption_of(record: Record) -> str | None:
    """What came with the listing, else what an annotation file says."""
    caption: str | None = record.get("caption")
    return record.get("described") if caption is None else caption


def _extra(record: Record) -> str | None:
    extra = record.get("extra")
    if extra is None or isinstance(extra, str):
        return extra
    # As the table writes it.
    return json.dumps(extra, separators=(",", ":"), ensure_ascii=False)


def _code(record: Record) -> str | None:
    code: str | None = record.get("error_code")
    return code


def _place(record: Record) -> tuple[float, float] | None:
    x, y = record.get("map_x"), record.get("map_y")
    return None if x is None or y is None else (float(x), float(y))


_SIDES = ("width", "height")
_ASPECT = "cast({width} as double) / nullif(cast({height} as double), 0.0)"
_AREA = "cast({width} as double) * cast({height} as double) / 1000000.0"
_upper, _lower = str.upper, str.lower
CAPTIONS = ("caption", "described")
_CODES = ("meta_error_code", "embed_error_code")
_ERRORS = ("meta_error", "embed_error")
_STATUSES = tuple(sorted(get_args(ImageStatus)))

# fmt: off
FIELDS = (
    Field("file_name", "text", "the file's name", ("name", "file", "filename")),
    Field("folder", "folder", "the folder within the source, and all below it", ("dir", "path"),
          listed=True),
    Field("uri", "text", "the file's whole address", ("url",)),
    Field("size", "bytes", "the file's size: `2mb`, `300kb`, `1gib`", ("bytes", "filesize")),
    Field("mtime", "time", "when the file was last changed, UTC", ("modified", "changed")),
    Field("taken_at", "time", "when it was taken, on the camera's clock", ("taken", "date")),
    Field("caption", "words", "words of the caption, of the listing or else of an annotation file",
          ("text",), CAPTIONS, read=caption_of),
    Field("width", "number", "px, as displayed", ("w",)),
    Field("height", "number", "px, as displayed", ("h",)),
    Field("aspect", "ratio", "width by height: `1.5`, `3:2`", ("ratio",), _SIDES, _ASPECT, _aspect),
    Field("megapixels", "number", "width times height, millions", ("mp",), _SIDES, _AREA, _area),
    Field("format", "choice", "what the file is, whatever its name says", ("type",), fold=_upper,
          listed=True),
    Field("mode", "text", "the kind of pixels: `RGB`, `L`, `CMYK`", listed=True),
    Field("orientation", "number", "EXIF orientation, 1 to 8"),
    Field("status", "choice", "how far it is", ("state",), fold=_lower, choices=_STATUSES),
    Field("failed", "choice", "why it failed; `*` is any reason", ("error_code", "fault"), _CODES,
          read=_code, fold=_lower, choices=FAULTS, settled=True),
    Field("error", "text", "what went wrong, in words", (), _ERRORS, settled=True),
    Field("tags", "tags", "what it is tagged with; `*` is any tag", ("tag",),
          read=_listed("tags"), listed=True, settled=True),
    Field("labels", "tags", "classes of what is annotated; `*` is any",
          ("label", "class", "category"), read=_listed("labels"), listed=True, settled=True),
    Field("objects", "number", "how many annotated objects"),
    Field("described", "words", "words of captions in an annotation file or manifest",
          ("captions",)),
    Field("extra", "text", "a manifest's other columns, as JSON", read=_extra),
    Field("rating", "number", "1 to 5", ("stars",), settled=True),
    Field("favorite", "flag", "`favorite` alone is enough", ("favourite", "fav"), settled=True),
    Field("missing", "flag", "the file is gone; such images are left out unless this is named",
          ("vanished",), settled=True),
    Field("hidden", "flag", "somebody hid it; such images are left out unless this is named",
          ("hid",), settled=True),
    Field("camera", "text", "maker and model of the camera", listed=True),
    Field("lens", "text", "the lens", listed=True),
    Field("iso", "number", "the sensor's sensitivity"),
    Field("aperture", "number", "the f-number: `2.8`", ("f",)),
    Field("exposure", "ratio", "how long it was exposed, seconds: `1/250`",
          ("shutter", "exposure_s"), ("exposure_s",), read=_named("exposure_s")),
    Field("focal", "number", "the focal length, mm", ("focal_mm",), ("focal_mm",),
          read=_named("focal_mm")),
    Field("latitude", "number", "degrees, north is positive", ("lat",)),
    Field("longitude", "number", "degrees, east is positive", ("lon", "lng")),
    Field("altitude", "number", "m above the sea", ("altitude_m",), ("altitude_m",),
          read=_named("altitude_m")),
    Field("title", "words", "words of the title in the file"),
    Field("description", "words", "words of the description in the file"),
    Field("keywords", "tags", "the keywords in the file", ("keyword",), read=_listed("keywords"),
          listed=True, settled=True),
    Field("creator", "text", "who made it, as the file says", ("author", "artist")),
    Field("copyright", "text", "whose it is, as the file says"),
    Field("file_rating", "number", "the file's own rating, -1 (rejected) to 5"),
    Field("software", "text", "the program that wrote the file", listed=True),
    Field("generator", "text", "the AI tool that made it", ("tool",), listed=True),
    Field("prompt", "words", "words of what an AI tool was asked for"),
    Field("negative_prompt", "words", "words of what it was asked to leave out", ("negative",)),
    Field("model", "text", "the model it was made with: `model:\"sdxl*\"`", ("model_name",),
          ("model_name",), read=_named("model_name"), listed=True),
    Field("model_hash", "text", "the hash of that model"),
    Field("seed", "integer", "the seed, to the last digit"),
    Field("steps", "number", "sampling steps"),
    Field("cfg", "number", "how closely the prompt was followed", ("cfg_scale",), ("cfg_scale",),
          read=_named("cfg_scale")),
    Field("sampler", "text", "the sampler", listed=True),
    Field("lora", "tags", "the LoRAs it was made with", ("loras",), ("loras",),
          read=_listed("loras"), listed=True, settled=True),
    Field("quality", "tags", "what is wrong with its pixels: `blurred`, `dark`, `bright`, `plain`, "
          "`odd`; `good`: none of these", choices=TOKENS, listed=True, fold=_lower),
    Field("sharpness", "number", "how crisp its edges are: 0 to 1 and more", ("sharp", "blur")),
    Field("brightness", "number", "mean luminance, 0 to 1", ("luminance",)),
    Field("shadows", "number", "what its darkest hundredth is darker than, 0 to 1"),
    Field("highlights", "number", "what its lightest hundredth is lighter than, 0 to 1"),
    Field("entropy", "number", "bits that a pixel's luminance tells, 0 to 8"),
    Field("cluster", "named", "what it is alike to: a cluster's number, or a part of its name",
          ("clusters",), listed=True),
    Field("outlier", "number", "how far it is from those nearest to it, 0 to 2; strange: more",
          ("outliers", "strange")),
    Field("area", "area", "a part of the map: two corners of a box, or all of a polygon", (),
          ("map_x", "map_y"), read=_place),
    Field("content_hash", "text", "the hash of the file's content", ("hash",)),
    Field("id", "text", "the image's id"),
)
# fmt: on
_BY_NAME = {name: field for field in FIELDS for name in (*field.aliases, field.name)}


def find(name: str) -> Field | None:
    """The field of this name or alias, however it is capitalised."""
    from rayograph.where import columns, extras, labelled

    known = _BY_NAME.get(name.lower())
    return known or columns.field_of(name) or labelled.field_of(name) or extras.field_of(name)


def nearest(name: str, more: Iterable[str] = ()) -> str | None:
    """The field somebody who wrote ``name`` may have meant, among these and ``more``."""
    close = difflib.get_close_matches(name.lower(), [*_BY_NAME, *more], n=1, cutoff=0.6)
    return close[0] if close else None
