"""From a file's blocks to the details of its picture. Whatever the blocks hold, it never raises."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

from rayograph.headers import iso_time
from rayograph.metadata import exif, iptc, values, xmp
from rayograph.metadata.ai import generated
from rayograph.metadata.blocks import Blocks
from rayograph.metadata.values import some, word

log = logging.getLogger(__name__)
_ZONE = re.compile(r"(Z|[+-]\d\d:?\d\d)$")
# Fields of EXIF that tools fill with what no camera is called and nobody describes a picture by.
_GRAPH = re.compile(r"^\s*(\w{1,40}:\s*)?[{\[]")


def describe(blocks: Blocks) -> dict[str, Any]:
    """What the blocks say, by the names of ``rayograph.metadata.arrow.DETAILS``, and ``taken_at``.

    Of two that say different things XMP counts before IPTC and that before EXIF, as the newest
    programs write XMP; the camera's own numbers are in EXIF alone.
    """
    try:
        return _described(blocks)
    except Exception:  # a picture is worth more than what somebody wrote beside it
        log.debug("metadata that no parser expected", exc_info=True)
        return {}


def _described(blocks: Blocks) -> dict[str, Any]:
    camera = exif.read(blocks.exif) if blocks.exif else exif.Exif({}, {})
    packet, hidden = xmp.read(blocks.xmp) if blocks.xmp else ({}, {})
    press = iptc.read(blocks.iptc) if blocks.iptc else {}
    texts = {**hidden, **camera.texts, **blocks.texts}
    said = _said(blocks.texts)
    made = generated(texts) if texts else {}
    found = {**said, **camera.details, **press, **packet}
    keywords = [w for each in (packet, press, camera.details) for w in each.get("keywords") or ()]
    found |= some(keywords=values.words(keywords), software=_software(camera, said, packet))
    # What the camera says of itself is not told better by anybody else.
    found |= {name: camera.details[name] for name in _OWN if name in camera.details}
    found.pop("taken_at", None)
    times = (packet.get("taken_at"), press.get("taken_at"))
    found |= some(taken_at=next(filter(None, map(_time, times)), None))
    return {**_human(found, made), **made}


_OWN = ("camera", "camera_make", "camera_model", "lens")


def _software(camera: exif.Exif, said: Mapping[str, Any], packet: Mapping[str, Any]) -> str | None:
    return next((s for each in (camera.details, said, packet) if (s := each.get("software"))), None)


def _said(texts: Mapping[str, str]) -> dict[str, Any]:
    """The keywords that PNG itself defines."""
    return some(
        title=values.text(texts.get("Title")),
        description=values.text(texts.get("Description")),
        creator=word(texts.get("Author")),
        copyright=values.text(texts.get("Copyright")),
        software=word(texts.get("Software")),
    )


def _human(found: dict[str, Any], made: Mapping[str, Any]) -> dict[str, Any]:
    """Without what a tool has put where people describe pictures."""
    if not made:
        return found
    prompt, raw = made.get("prompt"), made.get("parameters")
    graphs = [name for name in ("camera", "camera_make", "camera_model") if _is_graph(found, name)]
    about = found.get("description")
    if about is not None and (about in (prompt, raw) or _GRAPH.match(about)):
        graphs.append("description")
    return {name: value for name, value in found.items() if name not in graphs}


def _is_graph(found: Mapping[str, Any], name: str) -> bool:
    value = found.get(name)
    return isinstance(value, str) and "{" in value


def _time(text: object) -> str | None:
    if not isinstance(text, str):
        return None
    text = text.strip()
    zone = _ZONE.search(text[19:])
    offset = "+00:00" if zone and zone[0] == "Z" else zone[0] if zone else ""
    return iso_time(text[:64].encode("ascii", "replace"), offset.encode())
