"""Downloads that fail: at once where they can, in one line, and with nothing left on the disk."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import trustme
from downloads import LIMITS, PICTURE, Waits, get, left, ranges

from rayograph.errors import FetchFailed, FetchStopped, ImageFault, InvalidRequest, SourceForbidden
from rayograph.fetch import fetch
from rayograph.headers import sniff_giant
from tests.web_server import Answer, WebServer

SIGNATURES = {
    "JPEG": [b"\xff\xd8\xff\xe0"],
    "PNG": [b"\x89PNG\r\n\x1a\n"],
    "GIF": [b"GIF87a", b"GIF89a"],
    "BMP": [b"BM\x36\0\0\0"],
    "WEBP": [b"RIFF\0\1\0\0WEBPVP8X"],
    "TIFF": [b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"II+\0\x08\0\0\0", b"MM\0+\0\x08\0\0"],
    "JP2": [b"\0\0\0\x0cjP  \r\n\x87\n"],
    "J2K": [b"\xff\x4f\xff\x51\0\x2f"],
    "AVIF": [b"\0\0\0\x1cftypavif\0\0\0\0mif1avifmiaf"],
    "HEIF": [b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"],
    "JXL": [b"\xff\x0a\xff\x07", b"\0\0\0\x0cJXL \r\n\x87\n"],
}
STRANGERS = {
    "an HTML page": [b"\n<!DOCTYPE html><html>", b"<HTML><body>Log in"],
    "text": [b'{"error": "no such picture"}', b"nothing here", b"<?xml version='1.0'?><Error/>"],
    "an SVG drawing": [b"<svg xmlns='http://www.w3.org/2000/svg'/>"],
    "a PDF document": [b"%PDF-1.7"],
    "a ZIP archive": [b"PK\3\4"],
    "a gzip archive": [b"\x1f\x8b\x08\0"],
    "a video": [b"\0\0\0\x18ftypmp42\0\0\0\0isommp42"],
    "a Photoshop file": [b"8BPS\0\1"],
    "of no image format": [b"\1\2\3\4" * 8],
}


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


def fails(
    web: WebServer,
    url: str,
    target: Path,
    match: str,
    *,
    kind: type[Exception] = FetchFailed,
    **kw: Any,
) -> Any:
    """The error of a download, after which nothing of it may be left."""
    with pytest.raises(kind, match=match) as caught:
        get(web, url, target, **kw)
    assert not target.exists()
    assert left(target) == []
    assert "\n" not in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    ("name", "head"), [(name, head) for name, row in SIGNATURES.items() for head in row]
)
def test_pictures_are_known_by_their_first_bytes(
    web: WebServer, target: Path, name: str, head: bytes
) -> None:
    assert sniff_giant(head + bytes(64)) == name
    get(web, web.serve("/a", Answer(head + bytes(64), content_type="text/plain")), target)
    assert target.exists()


@pytest.mark.parametrize(
    ("name", "head"), [(name, head) for name, row in STRANGERS.items() for head in row]
)
def test_what_is_no_picture_is_said(web: WebServer, target: Path, name: str, head: bytes) -> None:
    error = fails(web, web.serve("/a.jpg", Answer(head)), target, f"not a picture .*{name}")
    assert error.fault in {"not_an_image", "unsupported"}
    assert len(web.requests) == 1


def test_a_page_is_refused_long_before_its_end(web: WebServer, target: Path) -> None:
    never = threading.Event()
    page = Answer(b"<!doctype html>" + b" " * 20_000, trickle_bytes=5_000, until=never)
    fails(web, web.serve("/a.jpg", page), target, "an HTML page, not an image")
    assert not never.is_set()


@pytest.mark.parametrize("answer", [Answer(b""), Answer(b"", chunked=True), Answer(status=204)])
def test_nothing_is_no_picture(web: WebServer, target: Path, answer: Answer) -> None:
    fails(web, web.serve("/a.jpg", answer), target, "the file is empty|204 No Content")


@pytest.mark.parametrize(
    ("status", "said", "fault"),
    [
        (400, "400 Bad Request", "unreadable"),
        (401, "401 Unauthorized", "unreadable"),
        (403, "403 Forbidden", "unreadable"),
        (404, "404 Not Found", "missing"),
        (410, "410 Gone", "missing"),
        (451, "451 Unavailable", "unreadable"),
        (499, "answered 499$", "unreadable"),
    ],
)
def test_what_cannot_pass_is_not_tried_again(
    web: WebServer, target: Path, status: int, said: str, fault: str
) -> None:
    error = fails(web, web.serve("/a.jpg", Answer(PICTURE, status=status)), target, said)
    assert (error.fault, len(web.requests)) == (fault, 1)


def test_what_fails_in_the_middle_leaves_nothing(web: WebServer, target: Path) -> None:
    url = web.serve("/a.jpg", Answer(PICTURE, break_after=100_000), Answer(status=404))
    fails(web, url, target, "404 Not Found")


@pytest.mark.parametrize(
    "location",
    [
        *(
            "http://169.254.169.254/latest/meta-data",
            "http://localhost:{port}/b.jpg",
            "file:///etc/passwd",
        ),
        *("http://[::1]/", "//10.0.0.1/", "http://2130706433:{port}/b.jpg", "ftp://example.org/a"),
        *("http://user:secret@127.0.0.1:{port}/b.jpg", "http://127.0.0.1:1/"),
    ],
)
def test_a_redirect_to_where_nobody_may_go(web: WebServer, target: Path, location: str) -> None:
    port = web.host.partition(":")[2]
    web.serve("/b.jpg", Answer(PICTURE))
    url = web.redirect("/a.jpg", location.format(port=port))
    error = fails(web, url, target, "not opened", kind=SourceForbidden)
    assert "secret" not in f"{error}{error.hint}"
    assert [request.path for request in web.requests] == ["/a.jpg"]


def test_redirects_have_an_end(web: WebServer, target: Path) -> None:
    url = web.redirect("/a", "/b")
    web.redirect("/b", "/a")
    fails(web, url, target, "more than 5 redirects")
    assert len(web.requests) == 6
    fails(web, url, target, "more than 0 redirects", limits=replace(LIMITS, max_redirects=0))
    fails(web, web.serve("/c", Answer(status=302)), target, "redirects to nowhere")
    fails(web, web.redirect("/d", "http://%31/"), target, "redirects to nowhere")


@pytest.mark.parametrize("url", ["ftp://a/", "file:///etc/passwd", "http://a:b@c/d", "http://"])
def test_an_address_of_another_kind_is_refused(target: Path, url: str) -> None:
    with pytest.raises((SourceForbidden, InvalidRequest)):
        fetch(url, target, limits=LIMITS)
    assert not target.parent.exists()


def test_a_private_host_is_asked_only_where_the_configuration_names_it(
    web: WebServer, target: Path
) -> None:
    url = web.serve("/a.jpg", Answer(PICTURE))
    for hosts in ([], ["localhost"], ["127.0.0.1:1"], ["127.0.0.2"]):
        fails(
            web,
            url,
            target,
            "127.0.0.1 lies in a private",
            kind=SourceForbidden,
            allowed_hosts=hosts,
        )
    assert web.requests == []
    get(web, url, target, allowed_hosts=["127.0.0.1"])


class Names:
    """A resolver that answers for one name, differently each time; literals as ever."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, *answers: str | int) -> None:
        self.name = name
        self.answers = list(answers)
        self.real = socket.getaddrinfo
        self.asked: list[str] = []
        monkeypatch.setattr(socket, "getaddrinfo", self)

    def __call__(self, host: str, port: int, *args: Any, **kwargs: Any) -> Any:
        self.asked.append(host)
        if host != self.name:
            assert host.replace(".", "").isdigit(), "only literals are left to be resolved"
            return self.real(host, port, *args, **kwargs)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, int):
            raise socket.gaierror(answer, "no answer")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (answer, port))]


def test_a_name_is_resolved_once_and_named_to_the_server(
    web: WebServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names(monkeypatch, "nas.example", "127.0.0.1", "127.0.0.9")
    port = web.host.partition(":")[2]
    web.serve("/a.jpg", Answer(PICTURE))
    found = get(web, f"http://NAS.example:{port}/a.jpg", target, allowed_hosts=["nas.example"])
    assert names.asked == ["nas.example", "127.0.0.1"]
    assert web.requests[0].headers["host"] == f"nas.example:{port}"
    assert found.final_url == f"http://nas.example:{port}/a.jpg"


def test_a_name_that_turns_to_a_private_address_is_refused(
    web: WebServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names(monkeypatch, "rebound.example", "127.0.0.1")
    port = web.host.partition(":")[2]
    url = f"http://rebound.example:{port}/a.jpg"
    fails(web, url, target, "rebound.example lies in a private network", kind=SourceForbidden)
    assert names.asked == ["rebound.example"]
    assert web.requests == []


def test_a_name_that_nobody_knows_is_final_and_a_silent_resolver_is_not(
    web: WebServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = "http://gone.example/a.jpg"
    names = Names(monkeypatch, "gone.example", socket.EAI_NONAME)
    assert fails(web, url, target, "no host called gone.example").fault == "missing"
    assert names.asked == ["gone.example"]
    names = Names(monkeypatch, "gone.example", socket.EAI_AGAIN, socket.EAI_AGAIN)
    fails(web, url, target, "cannot connect to gone.example .given up after 6 tries")
    assert names.asked == ["gone.example"] * 6


def test_proxies_of_the_environment_are_not_asked(
    web: WebServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    get(web, web.serve("/a.jpg", Answer(PICTURE)), target)


def test_more_than_the_limit_is_refused_before_it_comes(web: WebServer, target: Path) -> None:
    limits = replace(LIMITS, max_bytes=len(PICTURE) - 1)
    url = web.serve("/a.jpg", Answer(PICTURE))
    error = fails(web, url, target, "larger than the limit of 300,003 bytes", limits=limits)
    assert (error.fault, "download.max_gb" in error.hint) == ("too_large", True)
    get(web, url, target, limits=replace(limits, max_bytes=len(PICTURE)))


def test_more_than_the_limit_is_refused_while_it_comes(web: WebServer, target: Path) -> None:
    limits = replace(LIMITS, max_bytes=100_000)
    never = threading.Event()
    endless = Answer(PICTURE, chunked=True, until=never, trickle_bytes=50_000)
    fails(web, web.serve("/a.jpg", endless), target, "larger than the limit", limits=limits)
    assert not never.is_set()


def test_more_than_the_limit_is_refused_on_the_way_on(web: WebServer, target: Path) -> None:
    limits = replace(LIMITS, max_bytes=150_000)
    first = Answer(PICTURE, chunked=True, break_after=100_000)
    url = web.serve("/a.jpg", first, Answer(PICTURE))
    fails(web, url, target, "larger than the limit", limits=limits)
    assert ranges(web) == [None, "bytes=100000-"]


def test_more_than_the_disk_holds_is_refused(
    web: WebServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = web.serve("/a.jpg", Answer(PICTURE))
    with monkeypatch.context() as patch:
        patch.setattr("shutil.disk_usage", lambda folder: type("Usage", (), {"free": 1000}))
        fails(web, url, target, "300,004 bytes are to come, 1,000 are free")
    with monkeypatch.context() as patch:

        def full(descriptor: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        patch.setattr(os, "fsync", full)
        fails(web, url, target, "cannot be kept on the disk: No space left on device")
    target.mkdir()
    with pytest.raises(FetchFailed, match="cannot be kept on the disk: Is a directory"):
        get(web, url, target)


@pytest.mark.parametrize("ranges_heard", [True, False])
def test_a_server_that_announces_too_much(web: WebServer, target: Path, ranges_heard: bool) -> None:
    liar = Answer(PICTURE, declare=1000, ranges=ranges_heard)
    url = web.serve("/a.jpg", liar)
    said = "announced more bytes than the 300,004 it has" if ranges_heard else "broke off"
    fails(web, url, target, rf"{said} \(given up after 6 tries\)")


@pytest.mark.parametrize("size", [20_000, len(PICTURE)])
@pytest.mark.parametrize("more", [1, 200_000])
def test_a_server_that_announces_too_little(
    web: WebServer, target: Path, size: int, more: int
) -> None:
    liar = Answer(PICTURE[:size], surplus=b"x" * more, headers={"Server": "liar"})
    error = fails(
        web, web.serve("/a.jpg", liar), target, rf"more bytes than the {size:,} it announced"
    )
    assert (error.fault, len(web.requests)) == ("corrupt", 1)


def test_what_comes_behind_the_last_chunk_is_of_no_account(web: WebServer, target: Path) -> None:
    get(web, web.serve("/a.jpg", Answer(PICTURE, chunked=True, surplus=b"x")), target)
    assert target.read_bytes() == PICTURE


def test_a_length_beside_chunks_is_of_no_account(web: WebServer, target: Path) -> None:
    odd = Answer(PICTURE, chunked=True, headers={"Content-Length": "7"})
    get(web, web.serve("/a.jpg", odd), target)
    assert target.read_bytes() == PICTURE


@pytest.mark.parametrize("packing", ["gzip", "br", "GZIP, identity"])
def test_what_is_packed_is_refused(web: WebServer, target: Path, packing: str) -> None:
    packed = Answer(PICTURE, headers={"Content-Encoding": packing})
    fails(web, web.serve("/a.jpg", packed), target, "sends it packed as ")


def test_a_server_that_trickles_is_given_up(web: WebServer, target: Path) -> None:
    slow = Answer(PICTURE, trickle_bytes=10, trickle_s=0.001)
    limits = replace(LIMITS, tries=2, patience_s=0.3, min_rate_bytes_s=1_000_000)
    error = fails(
        web, web.serve("/a.jpg", slow), target, "sends too slowly or not at all", limits=limits
    )
    assert (error.fault, len(web.requests)) == ("timeout", 2)


def test_a_server_that_falls_silent_is_asked_for_the_rest(
    web: WebServer, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr("rayograph.wire.monotonic", clock)
    monkeypatch.setattr("rayograph.wire._SLICE_S", 0.01)
    monkeypatch.setattr("rayograph.fetch._PROGRESS_S", 0.0)
    silent = Answer(PICTURE, until=threading.Event(), trickle_bytes=100_000)
    url = web.serve("/a.jpg", silent, Answer(PICTURE))
    get(web, url, target, on_progress=lambda done, total: clock.run(done >= 200_000))
    assert target.read_bytes() == PICTURE
    assert ranges(web) == [None, "bytes=200000-"]


class Clock:
    """Stands still, or goes on a second each time it is looked at."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.step_s = 0.0

    def run(self, runs: bool) -> None:
        self.step_s = float(runs)

    def __call__(self) -> float:
        self.now_s += self.step_s
        return self.now_s


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A bare socket on loopback that takes connections and says nothing by itself."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def bare(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}/a.jpg"


def test_a_server_that_says_nothing_at_all(
    web: WebServer, target: Path, listener: socket.socket
) -> None:
    limits = replace(LIMITS, tries=1, patience_s=0.02)
    fails(
        web,
        bare(listener),
        target,
        "too slowly or not at all",
        limits=limits,
        allowed_hosts=["127.0.0.1"],
    )


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (b"SSH-2.0-OpenSSH_9.9\r\n", "broke off"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000, "endless headers"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 60_000, "broke off"),
    ],
)
def test_a_server_that_speaks_no_http(
    web: WebServer, target: Path, listener: socket.socket, said: bytes, reason: str
) -> None:
    def speak() -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.recv(1 << 16)
            connection.sendall(said)

    speaker = threading.Thread(target=speak)
    speaker.start()
    limits = replace(LIMITS, tries=1)
    fails(web, bare(listener), target, reason, limits=limits, allowed_hosts=["127.0.0.1"])
    speaker.join()


def test_nobody_there(web: WebServer, target: Path, listener: socket.socket) -> None:
    url = bare(listener)
    listener.close()
    waits = Waits()
    fails(web, url, target, "cannot connect to 127.0.0.1", stop=waits, allowed_hosts=["127.0.0.1"])
    assert len(waits.asked) == 5


def test_tls_is_asked_for_by_name_and_verified(
    target: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    names: list[str | None] = []
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("nas.example").configure_cert(tls)
    tls.sni_callback = lambda _, name, __: names.append(name)
    trust = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(trust))
    with WebServer(tls) as web:
        web.serve("/a.jpg", Answer(PICTURE))
        port = web.host.partition(":")[2]
        for host in ("nas.example", "other.example"):
            Names(monkeypatch, host, "127.0.0.1")
            url, allowed = f"https://{host}:{port}/a.jpg", {"allowed_hosts": [host]}
            fails(web, url, target, rf"{host} cannot prove who it is", **allowed)
            with monkeypatch.context() as patch:
                patch.setenv("SSL_CERT_FILE", str(trust))
                if host == "other.example":
                    fails(web, url, target, f"{host} cannot prove who it is", **allowed)
                else:
                    get(web, url, target, **allowed)
                    target.unlink()
        assert set(names) == {"nas.example", "other.example"}
        assert [request.headers["host"] for request in web.requests] == [f"nas.example:{port}"]


def test_a_stop_before_the_first_byte(web: WebServer, target: Path) -> None:
    stop = threading.Event()
    stop.set()
    with pytest.raises(FetchStopped):
        get(web, web.serve("/a.jpg", Answer(PICTURE)), target, stop=stop)
    assert web.requests == []


def test_the_fault_is_one_that_a_row_can_have() -> None:
    text = ImageFault.__doc__ or ""
    for fault in ("missing", "unreadable", "timeout", "corrupt", "truncated", "too_large"):
        assert f"``{fault}``" in text
