"""Downloads that succeed: streamed, gone on with, tried again, and never a mixture."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from downloads import LIMITS, OTHER, PICTURE, YESTERDAY, Waits, get, left, ranges

from rayograph import fetch as fetching
from rayograph.errors import Conflict, FetchFailed, FetchStopped
from rayograph.fetch import Fetched, FetchLimits, discard
from rayograph.settings import DownloadSettings
from tests.web_server import Answer, WebServer


@pytest.fixture(scope="module")
def server() -> Iterator[WebServer]:
    with WebServer() as server:
        yield server


@pytest.fixture
def web(server: WebServer) -> WebServer:
    server.requests.clear()
    return server


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "new" / "giant.jpg"


def test_a_picture_is_there_with_its_checksum(web: WebServer, target: Path) -> None:
    url = web.serve("/a.jpg", Answer(PICTURE, content_type="image/jpeg; x=y"))
    found = get(web, url, target)
    assert target.read_bytes() == PICTURE
    digest = hashlib.sha256(PICTURE).hexdigest()
    assert found == Fetched(target, len(PICTURE), digest, "image/jpeg; x=y", url, '"1"')
    headers = web.requests[0].headers
    assert headers["accept-encoding"] == "identity"
    assert headers["host"] == web.host
    assert headers["user-agent"].startswith("rayograph/")
    assert left(target) == ["giant.jpg.fetch.json"]


@pytest.mark.parametrize("chunked", [False, True])
def test_a_file_of_unknown_length_is_taken_whole(
    web: WebServer, target: Path, chunked: bool
) -> None:
    url = web.serve("/a.jpg", Answer(PICTURE, chunked=chunked, etag=None, content_type=None))
    found = get(web, url, target)
    assert (target.read_bytes(), found.content_type, found.etag) == (PICTURE, None, None)


def test_the_same_call_again_answers_from_what_is_there(web: WebServer, target: Path) -> None:
    url = web.serve("/a.jpg", Answer(PICTURE))
    first = get(web, url, target)
    seen: list[tuple[int, int | None]] = []
    assert get(web, url, target, on_progress=lambda *now: seen.append(now)) == first
    assert (len(web.requests), seen) == (1, [(len(PICTURE), len(PICTURE))])
    other = web.serve("/b.jpg", Answer(OTHER))
    get(web, other, target)
    assert target.read_bytes() == OTHER
    target.write_bytes(b"cut")
    get(web, other, target)
    assert target.read_bytes() == OTHER


def test_progress_is_told_at_its_beginning_and_end_and_not_at_each_byte(
    web: WebServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[int, int | None]] = []
    url = web.serve("/a.jpg", Answer(PICTURE, trickle_bytes=3000))
    monkeypatch.setattr(fetching, "_PROGRESS_S", 1e9)
    get(web, url, target, on_progress=lambda *now: seen.append(now))
    total = len(PICTURE)
    assert seen == [(0, total), (total, total)]
    seen.clear()
    monkeypatch.setattr(fetching, "_PROGRESS_S", 0.0)
    get(web, url, target.with_name("b.jpg"), on_progress=lambda *now: seen.append(now))
    assert (seen[0], seen[-1], len(seen) > 3) == ((0, total), (total, total), True)
    assert sorted(seen) == seen


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_followed(web: WebServer, target: Path, status: int) -> None:
    last = web.serve("/c.jpg", Answer(PICTURE))
    web.redirect("/b", "c.jpg")
    found = get(web, web.redirect("/a", "/b#part", status=status), target)
    assert (found.final_url, target.read_bytes()) == (last, PICTURE)


def test_a_redirect_may_be_written_in_any_letters(web: WebServer, target: Path) -> None:
    last = web.serve("/%C3%BC.jpg", Answer(PICTURE))
    url = web.redirect("/a", "/ü.jpg".encode().decode("latin-1"))
    assert get(web, url, target).final_url == last


@pytest.mark.parametrize(
    "answer",
    [
        Answer(PICTURE),
        Answer(PICTURE, etag=None, last_modified=YESTERDAY),
        Answer(PICTURE, etag='W/"1"', last_modified=YESTERDAY),
        Answer(PICTURE, chunked=True),
    ],
)
def test_a_broken_connection_goes_on_where_it_broke(
    web: WebServer, target: Path, answer: Answer
) -> None:
    breaks = [replace(answer, break_after=after) for after in (100_000, 50_000)]
    url = web.serve("/a.jpg", *breaks, answer)
    found = get(web, url, target)
    assert target.read_bytes() == PICTURE
    assert found.sha256 == hashlib.sha256(PICTURE).hexdigest()
    assert ranges(web) == [None, "bytes=100000-", "bytes=150000-"]


def test_breaks_without_end_are_borne_while_it_gets_on(
    web: WebServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "_GAIN_BYTES", 20_000)
    url = web.serve("/a.jpg", Answer(PICTURE, break_after=20_000))
    get(web, url, target, limits=replace(LIMITS, tries=2))
    assert target.read_bytes() == PICTURE
    with pytest.raises(FetchFailed, match=r"broke off \(given up after 2 tries\)"):
        get(
            web,
            web.serve("/b.jpg", Answer(PICTURE, break_after=19_999)),
            target,
            limits=replace(LIMITS, tries=2),
        )


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param(Answer(OTHER, etag='"2"'), id="another ETag"),
        pytest.param(Answer(OTHER, ranges=False), id="ranges ignored"),
        pytest.param(Answer(OTHER, ranges=False, etag=None, chunked=True), id="unknown length"),
    ],
)
def test_an_answer_in_full_begins_anew(web: WebServer, target: Path, rest: Answer) -> None:
    url = web.serve("/a.jpg", Answer(PICTURE, break_after=100_000), rest)
    found = get(web, url, target)
    assert target.read_bytes() == OTHER
    assert (found.sha256, found.etag) == (hashlib.sha256(OTHER).hexdigest(), rest.etag)
    assert ranges(web) == [None, "bytes=100000-"]


@pytest.mark.parametrize(
    "rest",
    [
        pytest.param(Answer(OTHER, range_from=1), id="from elsewhere"),
        pytest.param(Answer(OTHER, headers={"ETag": '"2"'}), id="of another version"),
        pytest.param(Answer(OTHER[:-9]), id="of another length"),
        pytest.param(Answer(OTHER, headers={"Content-Range": "bytes */*"}), id="nonsense"),
        pytest.param(Answer(OTHER, headers={"Content-Range": "items 1-2/3"}), id="no bytes"),
        pytest.param(Answer(OTHER, headers={"Content-Range": None}), id="unsaid"),
        pytest.param(Answer(OTHER[:90_000]), id="shorter than the part"),
    ],
)
def test_a_rest_that_does_not_fit_is_thrown_away_with_the_part(
    web: WebServer, target: Path, rest: Answer
) -> None:
    url = web.serve("/a.jpg", Answer(PICTURE, break_after=100_000), rest, Answer(OTHER))
    get(web, url, target)
    assert target.read_bytes() == OTHER
    assert ranges(web) == [None, "bytes=100000-", None]


@pytest.mark.parametrize("etag", [None, "", 'W/"1"', '"é"'])
def test_what_nothing_identifies_begins_anew(
    web: WebServer, target: Path, etag: str | None
) -> None:
    nameless = Answer(PICTURE, etag=etag)
    url = web.serve("/a.jpg", replace(nameless, break_after=100_000), nameless)
    get(web, url, target)
    assert target.read_bytes() == PICTURE
    assert ranges(web) == [None, None]


def test_a_part_in_parts_is_put_together(web: WebServer, target: Path) -> None:
    size = len(PICTURE)
    piece = Answer(
        PICTURE[100_000:200_000],
        status=206,
        headers={"Content-Range": f"bytes 100000-199999/{size}"},
    )
    url = web.serve("/a.jpg", Answer(PICTURE, break_after=100_000), piece, Answer(PICTURE))
    get(web, url, target)
    assert target.read_bytes() == PICTURE
    assert ranges(web) == [None, "bytes=100000-", "bytes=200000-"]


def test_a_stop_keeps_what_has_come(web: WebServer, target: Path) -> None:
    stop, more = threading.Event(), threading.Event()
    url = web.serve("/a.jpg", Answer(PICTURE, until=more, trickle_bytes=50_000), Answer(PICTURE))

    def on_progress(done: int, total: int | None) -> None:
        if done > 100_000:
            stop.set()

    fetching_progress = {"on_progress": on_progress, "stop": stop}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fetching, "_PROGRESS_S", 0.0)
        with pytest.raises(FetchStopped):
            get(web, url, target, **fetching_progress)
    assert not target.exists()
    there = target.with_name("giant.jpg.part").stat().st_size
    assert 100_000 < there < len(PICTURE)
    with pytest.raises(FetchStopped):
        get(web, url, target, stop=stop)
    seen: list[int] = []
    found = get(web, url, target, on_progress=lambda done, total: seen.append(done))
    assert target.read_bytes() == PICTURE
    assert found.sha256 == hashlib.sha256(PICTURE).hexdigest()
    assert (ranges(web), seen[0]) == ([None, f"bytes={there}-"], there)


class SetLater(threading.Event):
    """Set when it has been asked so many times."""

    def __init__(self, times: int) -> None:
        super().__init__()
        self.times = times

    def is_set(self) -> bool:
        self.times -= 1
        return self.times < 0


def test_a_stop_is_noticed_while_a_server_says_nothing(
    web: WebServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rayograph.wire._SLICE_S", 0.01)
    url = web.serve("/a.jpg", Answer(PICTURE, until=threading.Event(), trickle_bytes=150_000))
    with pytest.raises(FetchStopped):
        get(web, url, target, stop=SetLater(20))
    assert target.with_name("giant.jpg.part").stat().st_size < len(PICTURE)


KILLED = """
import os, sys
from pathlib import Path
from rayograph import fetch as f
from rayograph.settings import DownloadSettings
f._PROGRESS_S = 0.0
def die(done, total):
    if done > 100_000:
        os.kill(os.getpid(), 9)
f.fetch(sys.argv[1], Path(sys.argv[2]), limits=f.FetchLimits.of(DownloadSettings()),
        allowed_hosts=["127.0.0.1"], on_progress=die)
"""


def test_a_killed_process_is_gone_on_with(web: WebServer, target: Path) -> None:
    url = web.serve("/a.jpg", Answer(PICTURE, trickle_bytes=30_000))
    killed = subprocess.run([sys.executable, "-c", KILLED, url, str(target)], check=False)
    assert killed.returncode == -9
    there = target.with_name("giant.jpg.part").stat().st_size
    assert 90_000 < there < len(PICTURE)
    found = get(web, url, target)
    assert target.read_bytes() == PICTURE
    assert found.sha256 == hashlib.sha256(PICTURE).hexdigest()
    assert ranges(web) == [None, f"bytes={there}-"]
    assert left(target) == ["giant.jpg.fetch.json"]


def stopped_at(web: WebServer, target: Path, size: int, **record: object) -> str:
    """A part of ``size`` bytes with its record, as a killed process leaves it."""
    url = web.serve("/a.jpg", Answer(PICTURE))
    fields = {"url": url, "final_url": url, "etag": '"1"', "total_bytes": len(PICTURE), **record}
    target.parent.mkdir()
    target.with_name("giant.jpg.part").write_bytes(PICTURE[:size])
    target.with_name("giant.jpg.fetch.json").write_text(json.dumps(fields))
    return url


def test_a_part_that_is_whole_already_is_asked_for_no_more(web: WebServer, target: Path) -> None:
    url = stopped_at(web, target, len(PICTURE))
    assert get(web, url, target).sha256 == hashlib.sha256(PICTURE).hexdigest()
    assert (target.read_bytes(), web.requests) == (PICTURE, [])


def test_a_kill_before_the_last_step_costs_nothing(web: WebServer, target: Path) -> None:
    digest = hashlib.sha256(PICTURE).hexdigest()
    url = stopped_at(web, target, len(PICTURE), sha256=digest)
    assert get(web, url, target).sha256 == digest
    assert (target.read_bytes(), web.requests) == (PICTURE, [])


@pytest.mark.parametrize(
    "record",
    [
        pytest.param({"url": "http://other.example/a.jpg"}, id="of another address"),
        pytest.param({"etag": None}, id="that nothing identifies"),
        pytest.param({"total_bytes": 10}, id="longer than its whole"),
        pytest.param({"sha256": "0" * 64}, id="with another checksum"),
        pytest.param({"colour": 1}, id="with a record of another form"),
    ],
)
def test_a_part_that_cannot_be_gone_on_with_is_begun_anew(
    web: WebServer, target: Path, record: dict[str, object]
) -> None:
    url = stopped_at(web, target, 100_000, **record)
    get(web, url, target)
    assert target.read_bytes() == PICTURE
    assert ranges(web) == [None]


def test_a_part_without_its_record_is_begun_anew(web: WebServer, target: Path) -> None:
    url = stopped_at(web, target, 100_000)
    target.with_name("giant.jpg.fetch.json").write_text("{")
    get(web, url, target)
    assert (target.read_bytes(), ranges(web)) == (PICTURE, [None])


def test_one_download_at_a_time_writes_to_a_target(web: WebServer, target: Path) -> None:
    url = web.serve("/a.jpg", Answer(PICTURE))

    def again(done: int, total: int | None) -> None:
        if done < len(PICTURE):
            with pytest.raises(Conflict, match=r"giant\.jpg is being downloaded already"):
                get(web, url, target)

    get(web, url, target, on_progress=again)
    assert (target.read_bytes(), len(web.requests)) == (PICTURE, 1)


def test_what_is_left_of_a_download_can_be_thrown_away(web: WebServer, target: Path) -> None:
    stopped_at(web, target, 1000)
    discard(target)
    discard(target)
    assert left(target) == []


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599])
def test_what_may_pass_is_tried_again(web: WebServer, target: Path, status: int) -> None:
    busy = Answer(status=status)
    waits = Waits()
    url = web.serve("/a.jpg", busy, busy, Answer(PICTURE))
    get(web, url, target, stop=waits)
    assert target.read_bytes() == PICTURE
    assert waits.asked == [0.0, 0.0]


def test_pauses_double_up_to_a_limit_and_are_scattered(
    web: WebServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans: list[tuple[float, float]] = []
    monkeypatch.setattr("random.uniform", lambda low, high: spans.append((low, high)) or high)
    limits = replace(LIMITS, backoff_s=2.0, max_wait_s=10.0, tries=6)
    waits = Waits()
    with pytest.raises(FetchFailed, match=r"answered 503 Service Unavailable \(given up after 6"):
        get(web, web.serve("/a.jpg", Answer(status=503)), target, limits=limits, stop=waits)
    assert spans == [(0, 2.0), (0, 4.0), (0, 8.0), (0, 10.0), (0, 10.0)]
    assert waits.asked == [2.0, 4.0, 8.0, 10.0, 10.0]
    assert len(web.requests) == 6


def test_a_server_is_given_the_time_it_asks_for(web: WebServer, target: Path) -> None:
    waits = Waits()
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
    said = ["7", soon, YESTERDAY, "nonsense", "-5"]
    busy = [Answer(status=503, headers={"Retry-After": text}) for text in said]
    get(web, web.serve("/a.jpg", *busy, Answer(PICTURE)), target, stop=waits)
    assert waits.asked[0] == 7.0
    assert 60 < waits.asked[1] <= 90
    assert waits.asked[2:] == [0.0, 0.0, 0.0]


def test_a_server_that_asks_for_too_much_time_is_given_up(web: WebServer, target: Path) -> None:
    waits = Waits()
    busy = Answer(status=429, headers={"Retry-After": "121"})
    with pytest.raises(FetchFailed, match=r"429 Too Many Requests \(given up after one try"):
        get(web, web.serve("/a.jpg", busy), target, stop=waits)
    assert waits.asked == []


def test_a_stop_ends_a_pause(web: WebServer, target: Path) -> None:
    stop = Waits()
    busy = Answer(status=503, headers={"Retry-After": "100"})
    url = web.serve("/a.jpg", Answer(PICTURE, break_after=100_000), busy)

    def waited(timeout: float | None = None) -> bool:
        if timeout == 100:
            stop.set()
        return stop.is_set()

    stop.wait = waited  # type: ignore[method-assign]
    with pytest.raises(FetchStopped):
        get(web, url, target, stop=stop)
    assert target.with_name("giant.jpg.part").stat().st_size == 100_000


def test_the_limits_are_the_settings() -> None:
    limits = FetchLimits.of(DownloadSettings(max_gb=1.5, tries=3))
    assert (limits.max_bytes, limits.tries, limits.patience_s) == (1_500_000_000, 3, 30.0)
