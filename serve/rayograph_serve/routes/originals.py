"""Original files, whole or in ranges, wherever they lie."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import IO
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from rayograph.errors import ImageFault, ImageNotFound
from rayograph.sources import display, local_path, open_uri
from rayograph_serve.engine import Located
from rayograph_serve.routes import parts
from rayograph_serve.routes.parts import Engine, ImageId
from rayograph_serve.shortcuts import matches

router = parts.router("images")
_CHUNK_BYTES = 256 * 1024
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)
_BINARY = "application/octet-stream"
_MAGIC = (
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"BM"), "image/bmp"),
    (re.compile(rb"II[*+]\0|MM\0[*+]"), "image/tiff"),
    (re.compile(rb"....ftypavi[fs]", re.DOTALL), "image/avif"),
    (re.compile(rb"....ftyp(?:hei[cxms]|hev[cmsx]|mif1|msf1)", re.DOTALL), "image/heic"),
)


@dataclass(frozen=True, slots=True)
class _Opened:
    file: IO[bytes]
    size: int
    etag: str
    media_type: str


@router.head("/images/{image_id}/file", include_in_schema=False)
@router.get(
    "/images/{image_id}/file",
    summary="Show the original file",
    response_class=Response,
    responses={
        200: {"content": {"image/*": {"schema": {"type": "string", "format": "binary"}}}},
        206: {"description": "The part `Range` asked for."},
        304: {"description": "The client's copy (`If-None-Match`) is still right."},
        416: {"description": "The file ends before the range begins."},
    },
)
async def original(image_id: ImageId, request: Request, engine: Engine) -> Response:
    """The bytes as they lie in the source; the type is read off them, not off the name."""
    located = await engine.locate(image_id)
    opened = await run_in_threadpool(_open, located)
    if matches(request.headers.get("if-none-match"), opened.etag):
        await run_in_threadpool(opened.file.close)
        return Response(status_code=304, headers={"ETag": opened.etag})
    part = span(request, opened.size, opened.etag)
    headers = _headers(located, opened)
    start, stop = part or (0, opened.size)
    status = 200 if part is None else 206
    if part is not None and start >= opened.size:
        await run_in_threadpool(opened.file.close)
        return Response(status_code=416, headers={"Content-Range": f"bytes */{opened.size}"})
    if part is not None:
        headers["Content-Range"] = f"bytes {start}-{stop - 1}/{opened.size}"
    headers["Content-Length"] = str(stop - start)
    if request.method == "HEAD":
        await run_in_threadpool(opened.file.close)
        return Response(status_code=status, headers=headers, media_type=opened.media_type)
    body = _chunks(opened.file, start, stop)
    return StreamingResponse(body, status, headers=headers, media_type=opened.media_type)


def span(request: Request, size: int, etag: str) -> tuple[int, int] | None:
    """First byte and the one after the last that are asked for; None for the whole file.

    Several ranges at once, or one that makes no sense, are answered with the whole, as the
    standard allows. A start at or past ``size`` means that nothing there can be sent.
    """
    condition = request.headers.get("if-range")
    match = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if match is None or (condition is not None and condition.strip() != etag):
        return None
    first, last = match.groups()
    if not first:
        return (max(0, size - int(last)) if int(last) else size, size) if last else None
    start, end = int(first), int(last) + 1 if last else size
    return None if last and end <= start else (start, min(end, size))


def sniff(head: bytes) -> str:
    """The media type a file's first 16 bytes show; never one a browser would run."""
    return next((kind for magic, kind in _MAGIC if magic.match(head)), _BINARY)


def _open(located: Located) -> _Opened:
    path = local_path(located.uri)
    try:
        # Before it is opened: opening a pipe would wait for somebody to write to it.
        if path is not None and not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116
            raise ImageNotFound("the original is no longer a file")
        file = open_uri(located.uri)
    except (ImageFault, OSError) as error:
        reason = error.message if isinstance(error, ImageFault) else "the file is gone"
        raise ImageNotFound(f"the original cannot be read: {reason}") from None
    try:
        size = file.seek(0, os.SEEK_END)
        mtime = os.fstat(file.fileno()).st_mtime_ns if path is not None else located.mtime
        file.seek(0)
        head = file.read(16)
    except (OSError, ValueError):
        file.close()
        raise ImageNotFound("the original cannot be read") from None
    return _Opened(file, size, f'"{size:x}-{mtime or 0!r}"', sniff(head))


def _headers(located: Located, opened: _Opened) -> dict[str, str]:
    path = local_path(located.uri) or located.uri
    name = quote(display(path.rsplit("/", 1)[-1]), safe="")
    return {
        "ETag": opened.etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": "private, max-age=0, must-revalidate",
        "Content-Disposition": f"inline; filename*=UTF-8''{name}",
        "X-Content-Type-Options": "nosniff",
        # Whatever it is, it must not act as a page of ours.
        "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    }


async def _chunks(file: IO[bytes], start: int, stop: int) -> AsyncIterator[bytes]:
    try:
        await run_in_threadpool(file.seek, start)
        while start < stop:
            chunk = await run_in_threadpool(file.read, min(_CHUNK_BYTES, stop - start))
            if not chunk:
                return
            start += len(chunk)
            yield chunk
    finally:
        # Not awaited: after a disconnect nothing may be, and closing does not wait.
        file.close()
