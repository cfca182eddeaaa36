"""XMP and IPTC: what Lightroom, Photoshop and press agencies write, and what an attacker does."""

from __future__ import annotations

import io
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from rayograph.metadata import iptc, xmp
from rayograph.metadata.xmp import MAX_XMP
from tests.described import CAMERA, details, exif, header, picture, png

NAMES = (
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/" '
    'xmlns:exif="http://ns.adobe.com/exif/1.0/" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" '
    'xmlns:aux="http://ns.adobe.com/exif/1.0/aux/"'
)


def packet(inside: str, attributes: str = "", before: str = "") -> bytes:
    return (
        f'<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>{before}'
        f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF {NAMES}>'
        f'<rdf:Description rdf:about="" {attributes}>{inside}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()


FULL = packet(
    """
    <dc:title><rdf:Alt><rdf:li xml:lang="de">Strand</rdf:li>
      <rdf:li xml:lang="x-default">Beach</rdf:li></rdf:Alt></dc:title>
    <dc:description><rdf:Alt><rdf:li xml:lang="x-default">Late &amp; light</rdf:li></rdf:Alt>
    </dc:description>
    <dc:subject><rdf:Bag><rdf:li>sea</rdf:li><rdf:li>dusk</rdf:li><rdf:li> </rdf:li></rdf:Bag>
    </dc:subject>
    <dc:creator><rdf:Seq><rdf:li>Ana</rdf:li><rdf:li>Bo</rdf:li></rdf:Seq></dc:creator>
    <dc:rights><rdf:Alt><rdf:li xml:lang="x-default">CC BY</rdf:li></rdf:Alt></dc:rights>
    <aux:Lens>EF 50mm</aux:Lens>
    """,
    'xmp:Rating="4" xmp:CreatorTool="Lightroom 7" tiff:Make="Canon" tiff:Model="Canon EOS R5" '
    'exif:DateTimeOriginal="2023-07-01T21:15:00.25-05:00"',
)
EXPECTED = {
    "camera": "Canon EOS R5",
    "camera_make": "Canon",
    "camera_model": "Canon EOS R5",
    "lens": "EF 50mm",
    "title": "Beach",
    "description": "Late & light",
    "keywords": ["sea", "dusk"],
    "creator": "Ana; Bo",
    "copyright": "CC BY",
    "file_rating": 4,
    "software": "Lightroom 7",
}


@pytest.mark.parametrize("format", ["JPEG", "WEBP", "AVIF"])
def test_a_packet_in_every_container(format: str) -> None:  # noqa: A002
    found = header(picture(format, xmp=FULL))
    assert found.details == EXPECTED
    assert found.taken_at == "2023-07-01T21:15:00-05:00"


def test_a_packet_in_a_png() -> None:
    found = header(png(**{"XML:com.adobe.xmp": FULL.decode()}))
    assert found.details == EXPECTED


def test_the_camera_knows_itself_best_and_words_are_gathered() -> None:
    found = details(picture(exif=exif(**CAMERA), xmp=FULL))
    assert found["camera"] == "NIKON D850"
    assert found["software"] == "Ver.1.20"
    assert (found["iso"], found["title"]) == (400, "Beach")


BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(
        f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True)
    )
    + "]>"
)
OUTSIDE = '<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    "broken",
    [
        packet("<dc:title>&i;</dc:title>", before=BOMB),
        packet("<dc:title>&f;</dc:title>", before=OUTSIDE),
        FULL[:-60],
        b"<x>",
        b"",
        b"\xff\xfe\0\0",
        b'<?xml version="1.0" encoding="nonsense"?><x/>',
        b"<a>" * 100_000,
        FULL.replace(b"Beach", b"x" * MAX_XMP),
    ],
)
def test_broken_and_evil_packets_say_nothing(broken: bytes) -> None:
    assert xmp.read(broken) == ({}, {})


@pytest.mark.parametrize("rating", ["7", "-2", "many", "NaN", "inf", "1e400", ""])
def test_ratings_that_are_none(rating: str) -> None:
    assert "file_rating" not in xmp.read(packet("", f'xmp:Rating="{rating}"'))[0]


@pytest.mark.parametrize(("rating", "kept"), [("-1", -1), ("0", 0), ("4.6", 5)])
def test_ratings_that_are(rating: str, kept: int) -> None:
    assert xmp.read(packet("", f'xmp:Rating="{rating}"'))[0]["file_rating"] == kept


@given(st.text(max_size=60))
def test_any_text_in_a_packet(noise: str) -> None:
    xmp.read(packet(f"<dc:title>{noise}</dc:title>"))
    xmp.read(noise.encode("utf-8", "replace"))


# -- IPTC -----------------------------------------------------------------------------------


def record(number: int, value: bytes, group: int = 2) -> bytes:
    return bytes([0x1C, group, number]) + len(value).to_bytes(2, "big") + value


def segment(*records: bytes, number: int = 0x0404) -> bytes:
    body = b"".join(records)
    other = b"8BIM\x03\xed\0\0\0\0\0\x01x\0"
    head = b"8BIM" + number.to_bytes(2, "big") + b"\x03abc"
    return b"Photoshop 3.0\0" + other + head + len(body).to_bytes(4, "big") + body


PRESS = segment(
    record(90, b"\x1b%G", group=1),
    record(5, "Höhe".encode()),
    record(25, b"mountain"),
    record(25, b"snow"),
    record(80, b"Ana"),
    record(116, b"Agency"),
    record(120, b"A very high one"),
    record(55, b"20240501"),
    record(60, b"102030+0200"),
)


def with_segment(data: bytes, payload: bytes) -> bytes:
    return data[:2] + b"\xff\xed" + (len(payload) + 2).to_bytes(2, "big") + payload + data[2:]


def test_what_the_press_writes() -> None:
    found = header(with_segment(picture(), PRESS))
    assert found.details == {
        "title": "Höhe",
        "description": "A very high one",
        "keywords": ["mountain", "snow"],
        "creator": "Ana",
        "copyright": "Agency",
    }
    assert found.taken_at == "2024-05-01T10:20:30+02:00"
    assert Image.open(io.BytesIO(with_segment(picture(), PRESS))).size == (16, 12)


def test_old_programs_write_latin() -> None:
    found = iptc.read(segment(record(5, "Höhe".encode("latin-1"))))
    assert found == {"title": "Höhe"}


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"Photoshop 3.0\0",
        PRESS[:30],
        segment(record(5, b"x"), number=0x0405),
        segment(b"\x1c\x02\x05\xff\xff\0\0\0\0"),
        segment(b"\x1c\x02\x05\x80\x04\xff\xff\xff\xff"),
    ],
)
def test_broken_segments_say_little(broken: bytes) -> None:
    assert not iptc.read(broken).get("title")


@given(st.binary(max_size=200))
def test_any_bytes_are_a_segment(noise: bytes) -> None:
    iptc.read(noise)
    found: dict[str, Any] = iptc.read(segment(noise))
    assert set(found) <= {"title", "description", "keywords", "creator", "copyright", "taken_at"}
