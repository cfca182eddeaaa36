"""Cursors: the row at which a page ended, in a form that nobody is tempted to make up."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import astuple

from rayograph.catalog.ordering import Mark, Page
from rayograph.errors import InvalidRequest
from rayograph.schema import ImageRecord
from rayograph.where.sorting import Sort

_MOST_CHARACTERS = 300


def to_cursor(offset: int) -> str:
    """A cursor for what does not change under it."""
    return _encoded(f"o{offset}")


def from_cursor(cursor: str) -> int:
    """The offset a cursor stands for.

    Raises:
        InvalidRequest: it is none of ours.
    """
    text = _decoded(cursor)
    if text[:1] != "o" or not text[1:].isdigit():
        raise _unknown()
    return int(text[1:])


def to_mark_cursor(mark: Mark) -> str:
    """A cursor for a listing that goes on changing."""
    return _encoded("m" + json.dumps(astuple(mark), separators=(",", ":")))


def next_cursor(page: Page, items: Sequence[ImageRecord], sort: Sort) -> str | None:
    """Where the page after this one begins; None: this was the last."""
    end = page.start + len(items)
    if not items or end >= page.total:
        return None
    last = items[-1]
    value = sort.field.of(last.model_dump()) if sort.field is not None else None
    if isinstance(value, str) and len(value) > _MOST_CHARACTERS:
        value = None
    return to_mark_cursor(Mark(sort.name, page.version, end, last.id, value))


def from_mark_cursor(cursor: str, sort: str) -> Mark | int:
    """The row a cursor stands for, or the offset.

    Raises:
        InvalidRequest: it is none of ours, or of a listing in another order.
    """
    text = _decoded(cursor)
    if text[:1] != "m":
        return from_cursor(cursor)
    try:
        mark = Mark(*json.loads(text[1:]))
    except (ValueError, TypeError):
        raise _unknown() from None
    known = isinstance(mark.offset, int) and isinstance(mark.image_id, str) and mark.offset >= 0
    if not known or not isinstance(mark.value, str | float | int | None):
        raise _unknown()
    if mark.sort != sort:
        raise InvalidRequest(
            f"this cursor is of a listing sorted by {str(mark.sort)[:64]}",
            hint="give the same `sort` with it",
        )
    return mark


def _encoded(text: str) -> str:
    # A lone surrogate stands for a byte of a file's name that is no text.
    return base64.urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode().rstrip("=")


def _decoded(cursor: str) -> str:
    try:
        data = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
        return data.decode("utf-8", "surrogatepass")
    except (ValueError, binascii.Error):
        raise _unknown() from None


def _unknown() -> InvalidRequest:
    return InvalidRequest("this cursor is none of ours", hint="leave it out to begin")
