"""Sources: what a user may open, how its files are named, and how one is read.

A local file's uri is ``file://`` plus its percent-encoded bytes, so that any file name Linux
allows (newlines, not UTF-8) has one reversible, printable name.
"""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal, cast
from urllib.parse import quote_from_bytes, unquote, unquote_to_bytes, urlsplit

from rayograph.errors import (
    ImageFault,
    InvalidRequest,
    SourceEmpty,
    SourceNotFound,
)
from rayograph.storage import FarFile, told

IMAGE_SUFFIXES = frozenset(
    (
        *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif"),
        *(".bmp", ".dib", ".tif", ".tiff", ".avif", ".heic", ".heif"),
    )
)
Kind = Literal["folder", "file", "glob", "fsspec", "url", "giant", "manifest"]
MANIFESTS = (".csv", ".parquet", ".jsonl", ".ndjson")
_ANNOTATIONS = (".json", ".yaml", ".yml")
_PLAIN = re.compile(r"[A-Za-z0-9_.~/-]+")
_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_GLOB = re.compile(r"[*?\[]")


@dataclass(frozen=True, slots=True)
class Source:
    """A resolved source: ``uri`` is canonical, ``root`` is where folders are relative to.

    ``url`` is a picture to be downloaded, ``giant`` a local one to be tiled, ``manifest`` a table
    of addresses. ``annotations`` is the file or folder of them that somebody named.
    """

    kind: Kind
    uri: str
    root: str
    recursive: bool = True
    annotations: str | None = None

    @property
    def name(self) -> str:
        """What the dataset is called when nobody named it."""
        if self.kind == "url":
            return unquote(urlsplit(self.uri).path.rstrip("/").rsplit("/", 1)[-1]) or "picture"
        place = unquote(self.uri) if self.kind == "manifest" else self.root
        stem = place.rstrip("/").rsplit("/", 1)[-1]
        return display(stem) if stem else "images"

    @property
    def is_giant(self) -> bool:
        """Whether it is one picture that is looked at through its tiles."""
        return self.kind in {"url", "giant"}


def display(text: str) -> str:
    """A file-system string as valid text: bytes that are not UTF-8 become U+FFFD."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return os.fsencode(text).decode("utf-8", "replace")
    return text


def file_uri(path: str) -> str:
    """``file://`` uri of an absolute local path (as ``os.fsdecode`` gives it)."""
    return "file://" + quote_path(path)


def is_plain(path: str) -> bool:
    """Whether nothing in it is written otherwise in a uri."""
    return bool(_PLAIN.fullmatch(path))


def quote_path(path: str) -> str:
    if is_plain(path):
        return path
    return quote_from_bytes(os.fsencode(path), safe=b"/~")


def local_path(uri: str) -> str | None:
    """The local path of a ``file://`` uri, None for any other."""
    if not uri.startswith("file://"):
        return None
    path = uri[7:]
    return os.fsdecode(unquote_to_bytes(path)) if "%" in path else path


def is_image_name(name: str) -> bool:
    """Whether a file name says it is an image."""
    dot = name.rfind(".")
    return dot > 0 and name[dot:].lower() in IMAGE_SUFFIXES


def open_uri(uri: str) -> IO[bytes]:
    """Open an image's bytes for reading.

    Raises:
        ImageFault: ``missing``, ``unreadable``, or ``unavailable`` where that can pass.
    """
    path = local_path(uri)
    with told(far=path is None):
        if path is not None:
            return _open_regular(path)
        import fsspec

        return cast("IO[bytes]", FarFile(fsspec.open(uri, "rb").open()))


def _open_regular(path: str) -> IO[bytes]:
    """A pipe or a device with an image's name must not be waited for: only files are opened."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        kind = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(kind):
            raise IsADirectoryError
        if not stat.S_ISREG(kind):
            raise ImageFault("a pipe or a device, not a file", fault="not_an_image")
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def where_is(source: str | os.PathLike[str]) -> dict[str, str]:
    """``{"path"}`` or ``{"url"}`` of a source: local paths absolute, as the client sees them."""
    text = os.fspath(source)
    if _SCHEME.match(text):
        return {"url": text}
    if text == "demo":
        return {"path": text}
    if not text:
        raise SourceNotFound("the source is empty", hint="give a folder, a file or a URL")
    path = os.path.abspath(os.path.expanduser(text))  # noqa: PTH100, PTH111 (bytes survive)
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        # JSON cannot carry bytes that are not UTF-8; a percent-encoded uri can.
        return {"url": file_uri(path)}
    return {"path": path}


def resolve(text: str, *, recursive: bool = True) -> Source:
    """Resolve what the user typed: a folder, a file, a glob or an fsspec URL.

    Raises:
        SourceNotFound: nothing is there; the hint names the nearest existing folder.
    """
    if "\0" in text:
        raise InvalidRequest("a source cannot contain a NUL character")
    scheme = _SCHEME.match(text)
    if scheme and scheme.group(1).lower() == "file":
        text = local_path("file://" + text[7:]) or "/"
    elif scheme:
        return _resolve_url(text, scheme.group(1).lower(), recursive)
    path = os.path.abspath(os.path.expanduser(text))  # noqa: PTH100, PTH111 (bytes survive)
    if os.path.isdir(path):  # noqa: PTH112
        return Source("folder", file_uri(path), path, recursive)
    if os.path.isfile(path):  # noqa: PTH113
        if path.lower().endswith(MANIFESTS):
            return Source("manifest", file_uri(path), os.path.dirname(path), recursive)  # noqa: PTH120
        if path.lower().endswith(_ANNOTATIONS):
            return _annotated(path, recursive)
        if not is_image_name(path):
            raise SourceEmpty(
                f"{display(path)} is not an image rayograph knows by its name",
                hint=f"known: {' '.join(sorted(IMAGE_SUFFIXES))}; {' '.join(_ANNOTATIONS)} as "
                f"annotations; {' '.join(MANIFESTS)} as manifests",
            )
        return Source("file", file_uri(path), os.path.dirname(path), recursive)  # noqa: PTH120
    if _GLOB.search(path):
        return Source("glob", file_uri(path), _glob_root(path), recursive)
    raise SourceNotFound(f"no file or folder {display(path)}", hint=_nearest(path))


def _annotated(path: str, recursive: bool) -> Source:
    """The folder of the pictures that an annotation file is about."""
    from rayograph.annotations.found import home_of

    root = str(home_of(Path(path)))
    return Source("folder", file_uri(root), root, recursive, path)


def _resolve_url(text: str, scheme: str, recursive: bool) -> Source:
    if scheme in {"http", "https"}:
        from rayograph.addresses import web_address

        address = web_address(text).url
        return Source("url", address, address, recursive)
    import fsspec

    if scheme not in fsspec.available_protocols():
        raise SourceNotFound(
            f"unknown kind of address {scheme}://", hint="try s3://, gs:// or a folder"
        )
    try:
        fsspec.get_filesystem_class(scheme)
    except ImportError:
        extra = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}.get(scheme)
        package = f"'rayograph[{extra}]'" if extra else f"what fsspec needs for {scheme}://"
        raise SourceNotFound(
            f"{scheme}:// cannot be opened here", hint=f"pip install {package}"
        ) from None
    if text.lower().endswith(MANIFESTS):
        return Source("manifest", text, text.rpartition("/")[0], recursive)
    return Source("fsspec", text.rstrip("/"), text.rstrip("/"), recursive)


def _glob_root(pattern: str) -> str:
    fixed = _GLOB.split(pattern, maxsplit=1)[0]
    return fixed.rsplit("/", 1)[0] or "/"


def _nearest(path: str) -> str:
    folder = Path(path)
    while folder != folder.parent and not folder.is_dir():
        folder = folder.parent
    return f"the nearest folder that exists is {display(str(folder))}"


def describe(source: Source) -> dict[str, Any]:
    """The source as the catalog keeps it."""
    return {
        "kind": source.kind,
        "uri": source.uri,
        "root": quote_path(source.root),
        "recursive": source.recursive,
        "annotations": None if source.annotations is None else quote_path(source.annotations),
    }


def restore(data: dict[str, Any]) -> Source:
    """The inverse of ``describe``."""
    root, named = data["root"], data.get("annotations")
    return Source(
        data["kind"],
        data["uri"],
        os.fsdecode(unquote_to_bytes(root)) if "%" in root else root,
        data["recursive"],
        None if named is None else os.fsdecode(unquote_to_bytes(named)),
    )
