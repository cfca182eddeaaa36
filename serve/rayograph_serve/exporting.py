"""Exports for the API: each is made by a child process, noted on disk, and sent as it is read."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO, cast

from rayograph.errors import (
    ConfigurationError,
    InvalidRequest,
    NotFound,
    NotReady,
    RayographError,
    ServerError,
    error_from_json,
)
from rayograph.export import staging
from rayograph.export.formats import FORMATS, is_one_file, with_images
from rayograph.export.jobs import Job, Jobs, Spec
from rayograph.export.outcome import Archive
from rayograph.export.words import Export, ExportFormat, ExportList, ExportRequest
from rayograph.folders import folder_beside
from rayograph.settings import Settings
from rayograph.where import parse

log = logging.getLogger(__name__)
_CHUNK_BYTES = 256 * 1024
# Streams and archives under way at once; each is a child of its own.
_STREAMS = 8


@dataclass(frozen=True, slots=True)
class Sent:
    """A result on its way: a file as it lies, or what a child writes."""

    name: str
    file: Path | None = None
    chunks: AsyncIterator[bytes] | None = None


class Exports:
    """All exports of a catalog. Nothing is read or made before the first is asked for."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._turns = ThreadPoolExecutor(settings.exports.at_once, "export")
        self._children: set[subprocess.Popen[bytes]] = set()
        self._guard = threading.Lock()
        self._closed = False
        self._streams = asyncio.Semaphore(_STREAMS)

    # -- what routes ask --------------------------------------------------------------------

    def start(self, dataset_id: str, asked: ExportRequest) -> Export:
        """Begin an export, or let it wait for its turn.

        Raises:
            InvalidRequest: such an export cannot be made.
            InvalidFilter: the ``where`` makes no sense.
        """
        with_images(asked.format, asked.images)
        if asked.where is not None:
            parse(asked.where)
        options = self._settings.exports
        most = int(options.max_gb * 1e9)
        jobs = self._jobs()
        jobs.tidy(keep_s=options.keep_s, max_bytes=most)
        job, lock = jobs.create(
            {
                "catalog": self._settings.catalog.uri,
                "dataset_id": dataset_id,
                "form": asked.format,
                "where": asked.where,
                "ids": asked.ids,
                "vectors": "vectors" in asked.include,
                "labels": asked.labels,
                "images": asked.images,
                "one_file": is_one_file(asked.format, asked.images),
                "max_bytes": most,
            }
        )
        begun = job.record()
        self._turns.submit(self._make, job, lock)
        return begun

    def listed(self, dataset_id: str) -> ExportList:
        """A dataset's exports, newest first, and the formats there are."""
        jobs, options = self._jobs(), self._settings.exports
        jobs.tidy(keep_s=options.keep_s, max_bytes=int(options.max_gb * 1e9))
        found = []
        for job in jobs.of(dataset_id):
            with contextlib.suppress(OSError, ValueError):
                found.append(job.record())
        formats = [
            ExportFormat(name=f.name, about=f.about, images=f.images) for f in FORMATS.values()
        ]
        return ExportList(items=found, formats=formats)

    def one(self, dataset_id: str, export_id: str) -> Export:
        job = self._jobs().get(dataset_id, export_id)
        try:
            return job.record()
        except FileNotFoundError:
            raise NotFound("this export was removed") from None

    def remove(self, dataset_id: str, export_id: str) -> None:
        """Cancel an export, or remove its result."""
        self._jobs().get(dataset_id, export_id).remove()

    def forget(self, dataset_id: str) -> None:
        """Remove all exports of a dataset that is removed."""
        with contextlib.suppress(ConfigurationError):
            self._jobs().forget(dataset_id)

    async def sent(self, dataset_id: str, export_id: str, kind: Archive) -> Sent:
        """The result of an export that is done.

        Raises:
            NotReady: it is not done.
        """
        record = await asyncio.to_thread(self.one, dataset_id, export_id)
        job = self._jobs().get(dataset_id, export_id)
        if record.state != "done":
            raise NotReady(f"this export is {record.state}", hint=record.error or "ask again soon")
        if record.one_file:
            alone = await asyncio.to_thread(staging.single, job.made)
            assert alone is not None
            return Sent(alone.name, file=alone)
        suffix = "zip" if kind == "zip" else "tar"
        chunks = await self._stream("send", str(job.made), kind)
        return Sent(f"{record.file_name}.{suffix}", chunks=chunks)

    async def table(
        self,
        dataset_id: str,
        form: str,
        where: str | None,
        *,
        vectors: bool,
        labels: str | None = None,
    ) -> Sent:
        """One table, streamed while it is written; nothing is kept."""
        if form not in FORMATS or not FORMATS[form].table:
            tables = [f.name for f in FORMATS.values() if f.table]
            raise InvalidRequest(
                f"{form[:40]!r} cannot be streamed",
                hint=f"one of {', '.join(tables)}; others by POST .../exports",
            )
        if where is not None:
            parse(where)
        uri = self._settings.catalog.uri
        spec = Spec(uri, dataset_id, form, where, vectors=vectors, labels=labels)
        chunks = await self._stream("table", json.dumps(asdict(spec)))
        return Sent(f"{dataset_id}.{form}", chunks=chunks)

    def close(self) -> None:
        """End every child; what they were at is told as interrupted."""
        with self._guard:
            self._closed = True
            children = list(self._children)
        for child in children:
            child.kill()
        self._turns.shutdown(wait=True, cancel_futures=True)

    # -- children ---------------------------------------------------------------------------

    def _make(self, job: Job, lock: IO[str]) -> None:
        with lock:
            if not job.is_there():
                return
            try:
                child = self._child("make", str(job.folder), stdout=subprocess.DEVNULL)
                code = self._ended(child)
            except OSError:
                log.exception("an export could not be begun")
                code = 1
            with contextlib.suppress(OSError, ValueError):
                if job.is_there() and not self._closed and job.record().state in _UNDER_WAY:
                    job.note("failed", done=0, error=f"its process ended early ({code})")

    def _child(self, *arguments: str, stdout: int) -> subprocess.Popen[bytes]:
        with self._guard:
            if self._closed:
                raise OSError("closed")
            # -P: a user's own folder called rayograph must not be taken for this one.
            child = subprocess.Popen(
                [sys.executable, "-P", "-m", "rayograph.export", *arguments],
                stdin=subprocess.PIPE,
                stdout=stdout,
                stderr=None if stdout == subprocess.DEVNULL else subprocess.PIPE,
                # Lance warns of what we know; a pipe full of that would hold the child up.
                env={**os.environ, "LANCE_CPU_THREADS": "2", "LANCE_LOG": "error"},
            )
            self._children.add(child)
            return child

    def _ended(self, child: subprocess.Popen[bytes]) -> int:
        try:
            return child.wait()
        finally:
            self._let_go(child)

    def _let_go(self, child: subprocess.Popen[bytes]) -> None:
        if child.poll() is None:
            child.kill()
            child.wait()
        for pipe in (child.stdin, child.stdout, child.stderr):
            if pipe is not None:
                pipe.close()
        with self._guard:
            self._children.discard(child)

    async def _stream(self, *arguments: str) -> AsyncIterator[bytes]:
        """What a child writes; its first bytes are there, so an error still is an answer."""
        chunks = self._chunks(*arguments)
        # From here on the generator cleans up after itself, even if nobody ever reads it.
        await anext(chunks)
        return chunks

    async def _chunks(self, *arguments: str) -> AsyncGenerator[bytes, None]:
        async with self._streams:
            child = await asyncio.to_thread(self._child, *arguments, stdout=subprocess.PIPE)
            try:
                chunk = await asyncio.to_thread(_read, child)
                if not chunk:
                    await asyncio.to_thread(_check, child)
                yield b""
                while chunk:
                    yield chunk
                    chunk = await asyncio.to_thread(_read, child)
                # Half an answer cannot be taken back: the connection breaks off instead.
                await asyncio.to_thread(_check, child)
            finally:
                self._let_go(child)

    def _jobs(self) -> Jobs:
        return Jobs(exports_folder(self._settings))


_UNDER_WAY = ("queued", "running")


def _read(child: subprocess.Popen[bytes]) -> bytes:
    pipe = cast("BufferedReader", child.stdout)
    return pipe.read1(_CHUNK_BYTES)


def _check(child: subprocess.Popen[bytes]) -> None:
    assert child.stderr is not None
    said = child.stderr.read().decode("utf-8", "replace")
    if child.wait() == 0:
        return
    for line in _last_lines(said):
        with contextlib.suppress(ValueError):
            raise _of(json.loads(line))
    log.error("an export failed: %s", said)
    raise ServerError("the export failed", hint="the server's log says why")


def _of(body: object) -> RayographError:
    return error_from_json(500, body)


def _last_lines(text: str) -> Iterator[str]:
    return reversed(text.strip().splitlines()[-3:])


def exports_folder(settings: Settings) -> Path:
    """``exports.folder``, or ``exports`` in the cache or beside the tables.

    Raises:
        ConfigurationError: the catalog lies in a bucket and no folder was named.
    """
    if settings.exports.folder:
        return Path(settings.exports.folder).expanduser()
    folder = folder_beside(settings, "exports")
    if folder is None:
        raise ConfigurationError(
            "there is no folder for exports: the catalog lies in a bucket",
            hint="set exports.folder to one that all API replicas share",
        )
    return folder
