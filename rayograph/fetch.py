"""Downloads: any size, to disk, gone on with after a break or a kill, refused where unsafe.

Whatever a server does, the target is what one version of the file holds, whole, or is not there.
"""

from __future__ import annotations

import contextlib
import email.utils
import math
import random
import re
import shutil
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path

from rayograph import __version__
from rayograph.addresses import AddressRule, WebAddress, web_address
from rayograph.errors import (
    FetchFailed,
    FetchStopped,
    ImageFault,
    InvalidRequest,
    RayographError,
)
from rayograph.headers import sniff_giant
from rayograph.partial import HEAD_BYTES, Partial, Record, discard, finished
from rayograph.settings import DownloadSettings
from rayograph.wire import Answer, Broken, Watch, get

__all__ = ["FetchLimits", "Fetched", "discard", "fetch"]

Progress = Callable[[int, int | None], None]

_PROGRESS_S = 0.1
# A try that brought so much more than any before it begins the count of failures anew.
_GAIN_BYTES = 1 << 20
_REDIRECTS = {301, 302, 303, 307, 308}
_PASSING = {408, 425, 429}
_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")
_HEADERS = {
    "User-Agent": f"rayograph/{__version__}",
    "Accept": "image/*, */*;q=0.5",
    # Ranges and lengths are those of the file itself only where nothing packs it.
    "Accept-Encoding": "identity",
}


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """What one download must keep to; a server slower than the rate over the patience fails."""

    max_bytes: int
    tries: int
    connect_timeout_s: float
    patience_s: float
    min_rate_bytes_s: float
    max_redirects: int
    backoff_s: float
    max_wait_s: float

    @classmethod
    def of(cls, settings: DownloadSettings) -> FetchLimits:
        fields = settings.model_dump()
        return cls(max_bytes=int(fields.pop("max_gb") * 1e9), **fields)


@dataclass(frozen=True, slots=True)
class Fetched:
    """A download that is there; ``final_url`` is where redirects led."""

    path: Path
    size_bytes: int
    sha256: str
    content_type: str | None
    final_url: str
    etag: str | None


def _ignore(done: int, total: int | None) -> None:
    pass


def fetch(
    url: str,
    target: Path,
    *,
    limits: FetchLimits,
    allowed_hosts: Sequence[str] = (),
    on_progress: Progress = _ignore,
    stop: threading.Event | None = None,
) -> Fetched:
    """Download a picture; the same call again goes on, or answers at once when it is there.

    Args:
        target: where it will be; what has come so far lies beside it.
        allowed_hosts: hosts, or ``host:port``, that may lie in a private network.
        on_progress: called with (bytes there, bytes in all or None), ten times a second at most.
        stop: ends it soon, keeping what has come.

    Raises:
        SourceForbidden: the address, or one it redirects to, may not be opened.
        FetchFailed: it cannot be had or is no picture. As with any error that is final, nothing
            of it is left on the disk.
        FetchStopped: ``stop`` was set.
        Conflict: another call is at it.
    """
    address, rule = web_address(url), AddressRule(allowed_hosts)
    there = finished(url, target)
    if there is not None:
        on_progress(there.total_bytes or 0, there.total_bytes)
        return _fetched(there, target)
    stop = stop or threading.Event()
    watch = Watch(limits.connect_timeout_s, limits.patience_s, limits.min_rate_bytes_s, stop)
    partial = Partial(url, target, check=watch.check)
    try:
        record = _Download(address, partial, rule, watch, limits, on_progress).run()
    except FetchStopped:
        raise
    except RayographError:
        partial.discard()
        raise
    finally:
        partial.close()
    return _fetched(record, target)


def _fetched(record: Record, target: Path) -> Fetched:
    assert record.sha256 is not None and record.total_bytes is not None
    return Fetched(
        target,
        record.total_bytes,
        record.sha256,
        record.content_type,
        record.final_url,
        record.etag,
    )


@dataclass
class _Download:
    address: WebAddress
    partial: Partial
    rule: AddressRule
    watch: Watch
    limits: FetchLimits
    on_progress: Progress
    told_at: float = -math.inf

    def run(self) -> Record:
        failures, most = 0, self.partial.size
        while not self._is_whole():
            try:
                self._try()
                break
            except Broken as broken:
                if self.partial.size >= most + _GAIN_BYTES:
                    failures = 0
                most = max(most, self.partial.size)
                failures += 1
                self._pause(broken, failures)
        self._look(at_end=True)
        record = self.partial.finish()
        self.on_progress(self.partial.size, self.partial.size)
        return record

    def _is_whole(self) -> bool:
        return self.partial.size == self.partial.record.total_bytes

    def _pause(self, broken: Broken, failures: int) -> None:
        """Full jitter, so that many downloads broken by one event do not come back together."""
        asked_s, limits = broken.retry_after_s, self.limits
        if failures >= limits.tries or asked_s > limits.max_wait_s:
            tried = f"{failures} tries" if failures > 1 else "one try"
            raise FetchFailed(
                f"{broken.reason} (given up after {tried})",
                hint="`retry` begins it anew",
                fault=broken.fault,
            )
        most_s = min(limits.max_wait_s, limits.backoff_s * 2 ** (failures - 1))
        self.watch.stop.wait(max(asked_s, random.uniform(0, most_s)))
        self.watch.check()

    def _try(self) -> None:
        address, headers = self.address, {**_HEADERS, **self._range()}
        for _ in range(self.limits.max_redirects + 1):
            self.rule.check(address)
            with get(address, headers, rule=self.rule, watch=self.watch) as answer:
                if answer.status not in _REDIRECTS:
                    self._receive(answer, address)
                    return
                location = answer.headers.get("location")
            address = _redirected(address, location)
        raise FetchFailed(f"more than {self.limits.max_redirects} redirects")

    def _range(self) -> dict[str, str]:
        """The rest only, and only of the version that the part is of."""
        validator = self.partial.record.validator
        if not self.partial.size or not validator:
            return {}
        return {"Range": f"bytes={self.partial.size}-", "If-Range": validator}

    def _receive(self, answer: Answer, address: WebAddress) -> None:
        length = self._begin(answer, address)
        begun = self.partial.size
        self._tell()
        for chunk in answer.chunks():
            self._check_size(self.partial.size + len(chunk))
            self.partial.add(chunk)
            self._look()
            self._tell()
        if length is not None and answer.has_more_than(length):
            raise FetchFailed(
                f"{address.host} sent more bytes than the {length:,} it announced", fault="corrupt"
            )
        total = self.partial.record.total_bytes
        if total is not None and self.partial.size < total:
            if self.partial.size == begun:
                raise Broken(f"{address.host} announced more bytes than it sends", fault="corrupt")
            raise Broken(f"{address.host} sent only a part", fault="truncated")

    def _begin(self, answer: Answer, address: WebAddress) -> int | None:
        """Judge an answer's head and make the part ready for its body, whose length it gives."""
        _check_status(answer, address.host)
        packing = answer.headers.get("content-encoding", "identity").lower()
        if packing != "identity":
            raise FetchFailed(f"{address.host} sends it packed as {packing[:20]}", fault="corrupt")
        # Chunks have a framing of their own, whatever length is announced beside it.
        chunked = "transfer-encoding" in answer.headers
        length = None if chunked else _number(answer.headers.get("content-length"))
        offered = Record(
            self.partial.record.url,
            address.url,
            answer.headers.get("content-type"),
            answer.headers.get("etag"),
            answer.headers.get("last-modified"),
            length,
        )
        if answer.status == HTTPStatus.OK:
            self.partial.begin(offered)
        else:
            self._go_on(answer, offered, length, address.host)
        self._check_size(self.partial.record.total_bytes or 0)
        self._check_room(length or 0)
        return length

    def _go_on(self, answer: Answer, offered: Record, length: int | None, host: str) -> None:
        """A 206 or a 416: the rest of the very version the part is of, or nothing of both."""
        record = self.partial.record
        first, last, total = _content_range(answer.headers.get("content-range", ""))
        if answer.status == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE and total is not None:
            self.partial.begin(Record(record.url))
            raise Broken(f"{host} announced more bytes than the {total:,} it has", fault="corrupt")
        offered = replace(offered, total_bytes=total)
        fits = (
            answer.status == HTTPStatus.PARTIAL_CONTENT
            and first == self.partial.size > 0
            and last is not None
            and length in {None, last + 1 - first}
            and (total is None or last < total)
            and record.is_same_version(offered)
        )
        if not fits:
            self.partial.begin(Record(record.url))
            raise Broken(f"{host} did not go on where it had broken off")
        if record.total_bytes is None and total is not None:
            self.partial.note(replace(record, total_bytes=total))

    def _look(self, *, at_end: bool = False) -> None:
        """Say at once, not after gigabytes, that it is no picture."""
        seen = len(self.partial.head)
        if not at_end and seen < HEAD_BYTES:
            return
        try:
            sniff_giant(self.partial.head)
        except ImageFault as fault:
            raise FetchFailed(
                f"what came is not a picture that can be opened: {fault.message}",
                hint="give the address of the picture itself, not of a page that shows it",
                fault=fault.fault,
            ) from None

    def _check_size(self, size_bytes: int) -> None:
        if size_bytes > self.limits.max_bytes:
            raise FetchFailed(
                f"the picture is larger than the limit of {self.limits.max_bytes:,} bytes",
                hint="download.max_gb raises the limit",
                fault="too_large",
            )

    def _check_room(self, needed_bytes: int) -> None:
        free = shutil.disk_usage(self.partial.folder).free
        if needed_bytes > free:
            raise FetchFailed(
                f"no room on the disk: {needed_bytes:,} bytes are to come, {free:,} are free",
                hint="free some, or move the catalog",
            )

    def _tell(self) -> None:
        now = time.monotonic()
        if now - self.told_at >= _PROGRESS_S:
            self.told_at = now
            self.on_progress(self.partial.size, self.partial.record.total_bytes)


def _redirected(address: WebAddress, location: str | None) -> WebAddress:
    if location:
        with contextlib.suppress(InvalidRequest):
            return address.join(location)
    raise FetchFailed(f"{address.host} redirects to nowhere")


def _check_status(answer: Answer, host: str) -> None:
    status = answer.status
    if status in {200, 206, 416}:
        return
    try:
        said = f"{host} answered {status} {HTTPStatus(status).phrase}"
    except ValueError:
        said = f"{host} answered {status}"
    if status in _PASSING or status >= 500:
        raise Broken(said, retry_after_s=_retry_after_s(answer.headers.get("retry-after", "")))
    if status in {404, 410}:
        raise FetchFailed(said, hint="check the address", fault="missing")
    raise FetchFailed(said)


def _retry_after_s(text: str) -> float:
    """Seconds from a Retry-After: a number or a date; 0 where it makes no sense."""
    number = _number(text)
    if number is not None:
        return float(number)
    try:
        when = email.utils.parsedate_to_datetime(text)
    except ValueError:
        return 0.0
    return max(0.0, (when.replace(tzinfo=when.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 19 else None


def _content_range(text: str) -> tuple[int | None, int | None, int | None]:
    """(first, last, total) of a Content-Range; all None where it is none."""
    match = _RANGE.fullmatch(text.strip())
    if match is None:
        return None, None, None
    first, last, total = match.groups()
    return _number(first), _number(last), _number(total)
