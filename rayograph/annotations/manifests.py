"""Manifests: CSV, Parquet or JSON lines with a ``uri`` column, read in batches, never whole.

A ``uri`` is relative to the manifest, absolute, or any address fsspec opens. Other columns are
kept: ``label`` or ``labels`` as labels, ``caption`` as a caption, the rest as ``extra``.
"""

from __future__ import annotations

import contextlib
import math
import os
import posixpath
import re
from collections.abc import Iterator
from csv import reader as csv_lines
from decimal import Decimal
from typing import IO, Any

import msgspec

from rayograph.annotations.extras import Seen
from rayograph.annotations.reports import Annotated, Notes, Reading
from rayograph.errors import SourceError
from rayograph.sources import file_uri, local_path

URI = "uri"
SUFFIXES = (".csv", ".parquet", ".jsonl", ".ndjson")
_ROWS = 4096
_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]*)://", re.IGNORECASE)
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,17})(\.\d+)?([eE][+-]?\d{1,3})?\Z")


def is_manifest(name: str) -> bool:
    return name.lower().endswith(SUFFIXES)


def addresses(manifest: str) -> Iterator[str | None]:
    """The canonical uri each row of a manifest names; None where it names none that can be read.

    Raises:
        SourceError: it cannot be read, or has no ``uri`` column.
    """
    base = manifest.rpartition("/")[0]
    for _, row in _rows(manifest, Notes(), only_uri=True):
        yield address(row.get(URI), base)


def address(text: object, base: str) -> str | None:
    """The canonical uri of what a row says; ``base`` is the uri of the manifest's folder."""
    if not isinstance(text, str) or not text.strip() or "\0" in text:
        return None
    text = text.strip()
    scheme = _SCHEME.match(text)
    if scheme and scheme[1].lower() == "file":
        path = local_path("file://" + text[7:])
        return file_uri(os.path.normpath(path)) if path else None
    if scheme:
        # Pictures by web address are downloaded one by one, as sources of their own; an address
        # of several parts (``zip://x::http://y``) may hide one.
        return None if scheme[1].lower() in ("http", "https") or "::" in text else text
    home = local_path(base)
    if home is not None:
        return file_uri(os.path.normpath(os.path.join(home, os.path.expanduser(text))))  # noqa: PTH118, PTH111
    return f"{base}/{posixpath.normpath(text)}"


def read(manifest: str, notes: Notes) -> Reading:
    """Every row with what it says besides its uri; of a uri named twice, the first row."""
    base, known, seen = manifest.rpartition("/")[0], set[str](), Seen()
    for line, row in _rows(manifest, notes):
        uri = address(row.get(URI), base)
        if uri is None:
            notes.bad(_name(manifest), "it names no file", line=line, field=URI)
        elif uri not in known:
            known.add(uri)
            yield _annotated(uri, row, seen)
    notes.columns = [each.model_dump() for each in seen.extras()]


def _annotated(uri: str, row: dict[str, Any], seen: Seen) -> Annotated:
    extra = {
        str(key): float(value) if isinstance(value, Decimal) else value
        for key, value in row.items()
        if key != URI and value is not None
    }
    labels = _labels(extra.pop("labels", None)) + _labels(extra.pop("label", None))
    caption = str(extra.pop("caption", "")).strip()
    seen.note(extra)
    return Annotated(
        uri,
        list(dict.fromkeys(labels)),
        0,
        described=caption or None,
        extra=msgspec.json.encode(extra, enc_hook=str).decode() if extra else None,
    )


def _labels(value: Any) -> list[str]:
    if isinstance(value, str) and value.startswith("["):
        # A list as JSON: so do CSV exports write it.
        with contextlib.suppress(msgspec.MsgspecError):
            return list(msgspec.json.decode(value, type=list[str]))
    if isinstance(value, str):
        return [part.strip() for part in value.split(";") if part.strip()]
    if isinstance(value, list):
        return [str(each) for each in value if each is not None]
    return [] if value is None else [str(value)]


def _rows(
    manifest: str, notes: Notes, *, only_uri: bool = False
) -> Iterator[tuple[int, dict[str, Any]]]:
    """(line or row number, values) of each row."""
    with _opened(manifest) as file:
        try:
            if manifest.lower().endswith(".csv"):
                yield from _csv(file, manifest, notes, only_uri=only_uri)
            elif manifest.lower().endswith(".parquet"):
                yield from _parquet(file, manifest, only_uri=only_uri)
            else:
                yield from _json_lines(file, manifest, notes)
        except (ValueError, OSError) as error:
            reason = str(error).splitlines()[0][:200] if str(error) else "it cannot be read"
            raise SourceError(f"{_name(manifest)}: {reason}") from None


@contextlib.contextmanager
def _opened(uri: str) -> Iterator[IO[bytes]]:
    path = local_path(uri)
    try:
        if path is not None:
            with open(path, "rb") as file:  # noqa: PTH123 (bytes survive)
                yield file
        else:
            import fsspec

            with fsspec.open(uri, "rb") as file:
                yield file
    except OSError as error:
        raise SourceError(f"{_name(uri)}: {error.strerror or 'it cannot be read'}") from None


def _csv(
    file: IO[bytes], manifest: str, notes: Notes, *, only_uri: bool
) -> Iterator[tuple[int, dict[str, Any]]]:
    import pyarrow as pa
    from pyarrow import csv

    head = file.readline().decode("utf-8-sig", "replace")
    names = next(csv_lines([head]), [])
    _require_uri(names, manifest)

    left_out = set[int]()

    def skip(row: Any) -> str:
        left_out.add(row.number)
        reason = f"{row.actual_columns} values for {row.expected_columns} columns"
        notes.bad(_name(manifest), reason, line=row.number + 1)
        return "skip"

    reader = csv.open_csv(
        file,
        read_options=csv.ReadOptions(column_names=names, use_threads=False),
        parse_options=csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
        convert_options=csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.string()),
            include_columns=[URI] if only_uri else None,
            strings_can_be_null=True,
            check_utf8=False,
        ),
    )
    number = 0
    for batch in reader:
        for row in batch.to_pylist():
            number += 1
            while number in left_out:
                number += 1
            # The first line is the names'.
            yield (
                number + 1,
                {key: _plain(value) if key != URI else value for key, value in row.items()},
            )


def _plain(text: Any) -> Any:
    """A number where a text is one."""
    if not isinstance(text, str) or not _NUMBER.match(text):
        return text
    return float(text) if set(text) & set(".eE") else int(text)


def _parquet(
    file: IO[bytes], manifest: str, *, only_uri: bool
) -> Iterator[tuple[int, dict[str, Any]]]:
    from pyarrow import parquet

    source = parquet.ParquetFile(file)
    _require_uri(source.schema_arrow.names, manifest)
    line = 0
    for batch in source.iter_batches(_ROWS, columns=[URI] if only_uri else None):
        for row in batch.to_pylist():
            line += 1
            yield (
                line,
                {
                    key: None if isinstance(value, float) and math.isnan(value) else value
                    for key, value in row.items()
                },
            )


def _json_lines(
    file: IO[bytes], manifest: str, notes: Notes
) -> Iterator[tuple[int, dict[str, Any]]]:
    known = False
    for line, text in enumerate(file, 1):
        if not text.strip():
            continue
        try:
            row = msgspec.json.decode(text, type=dict[str, Any])
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            reason = str(error).removeprefix("JSON is malformed: ") or "it is no JSON"
            notes.bad(_name(manifest), reason, line=line)
            continue
        known = known or URI in row
        yield line, row
    if not known:
        _require_uri([], manifest)


def _require_uri(names: list[str], manifest: str) -> None:
    if URI not in names:
        has = f"it has {', '.join(names[:10])}" if names else "no row has one"
        raise SourceError(f"{_name(manifest)} has no column `uri`", hint=has)


def _name(uri: str) -> str:
    return (local_path(uri) or uri).rpartition("/")[2]
