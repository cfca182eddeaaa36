"""Cursors: where a page ends, in a form that nobody is tempted to make up."""

from __future__ import annotations

import base64
import binascii

from rayograph.errors import InvalidRequest


def to_cursor(offset: int) -> str:
    return base64.urlsafe_b64encode(f"o{offset}".encode()).decode().rstrip("=")


def from_cursor(cursor: str) -> int:
    """The offset a cursor stands for.

    Raises:
        InvalidRequest: it is none of ours.
    """
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode("ascii")
        if text[0] != "o" or not text[1:].isdigit():
            raise ValueError
        return int(text[1:])
    except (ValueError, IndexError, binascii.Error):
        raise InvalidRequest("this cursor is none of ours", hint="leave it out to begin") from None
