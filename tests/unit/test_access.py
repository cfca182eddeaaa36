"""Who is let in: hosts, other sites' pages, tokens."""

from __future__ import annotations

import pytest

from rayograph.access import COOKIE, Access, is_open, needs_token, new_token, split_host
from rayograph.errors import AccessDenied, ConfigurationError, OriginDenied
from rayograph.settings import ServerSettings

WIRE = "s3cret;ü".encode().decode("latin-1")  # as a header of that token arrives
HERE = {"host": "127.0.0.1:8000"}


@pytest.fixture
def local() -> Access:
    return Access(ServerSettings(allowed_hosts=("photos.example",)))


@pytest.fixture
def closed() -> Access:
    return Access(ServerSettings(host="0.0.0.0", token="s3cret;ü"))


@pytest.mark.parametrize(
    ("host", "parts"),
    [
        ("localhost", ("localhost", None)),
        ("LocalHost:8000", ("localhost", 8000)),
        ("[::1]:8000", ("::1", 8000)),
        ("[::1]", ("::1", None)),
        ("a:b:c", ("", None)),
        ("localhost:99999999", ("", None)),
        ("localhost:٣", ("", None)),
    ],
)
def test_a_host_header_is_split(host: str, parts: tuple[str, int | None]) -> None:
    assert split_host(host) == parts


@pytest.mark.parametrize(
    "host",
    ["localhost", "localhost:80", "127.0.0.9:1", "[::1]:8000", "a.localhost", "photos.example"],
)
def test_own_names_pass(local: Access, host: str) -> None:
    local.check("GET", "/api/datasets", {"host": host})


def test_no_host_at_all_passes_because_no_browser_sends_that(local: Access) -> None:
    local.check("GET", "/api/healthz", {})


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8000",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "0.0.0.0:8000",
        "",
        "[::1",
        "localhost:80:80",
        "photos.example.evil.example",
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/healthz", "/static/app.js"])
def test_foreign_names_are_refused_everywhere(local: Access, host: str, path: str) -> None:
    with pytest.raises(OriginDenied, match="does not answer to"):
        local.check("GET", path, {"host": host})


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "http://127.0.0.1:3000",
        "http://localhost:8000",
        "file://",
        "http://[::1",
        "http://127.0.0.1:99999",
        "chrome-extension://127.0.0.1:8000",
    ],
)
@pytest.mark.parametrize("method", ["POST", "DELETE", "PATCH", "WEBSOCKET"])
def test_a_foreign_origin_changes_nothing(local: Access, method: str, origin: str) -> None:
    with pytest.raises(OriginDenied, match="another site"):
        local.check(method, "/api/datasets", {**HERE, "origin": origin})


def test_the_own_origin_and_none_may_change_things(local: Access) -> None:
    local.check("POST", "/api/datasets", {**HERE, "origin": "http://127.0.0.1:8000"})
    local.check("POST", "/api/datasets", HERE)
    local.check("WEBSOCKET", "/ws/progress/x", {**HERE, "origin": "http://127.0.0.1:8000"})
    local.check("POST", "/api/x", {"host": "localhost", "origin": "http://localhost:80"})


def test_a_named_host_may_be_the_origin_behind_a_proxy(local: Access) -> None:
    local.check("POST", "/api/datasets", {**HERE, "origin": "https://photos.example"})


def test_cross_site_reads_reach_the_page_but_no_data(local: Access) -> None:
    foreign = {**HERE, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"}
    local.check("GET", "/", foreign)
    for path in ("/api/images/x/file", "/sse/progress/x", "/metrics", "/openapi.json"):
        with pytest.raises(OriginDenied):
            local.check("GET", path, foreign)
    with pytest.raises(OriginDenied):
        local.check("POST", "/", foreign)
    local.check("GET", "/api/datasets", {**HERE, "sec-fetch-site": "same-origin"})


@pytest.mark.parametrize(
    ("host", "needed"),
    [
        ("127.0.0.1", False),
        ("localhost", False),
        ("::1", False),
        ("[::1]", False),
        ("0.0.0.0", True),
        ("::", True),
        ("192.168.1.4", True),
        ("", True),
        ("photos.example", True),
    ],
)
def test_beyond_loopback_a_token_is_needed(host: str, needed: bool) -> None:
    assert needs_token(host) is needed


def test_an_open_door_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError, match="without a token"):
        Access(ServerSettings(host="0.0.0.0"))


def test_new_tokens_are_long_and_differ() -> None:
    assert len(new_token()) >= 40
    assert new_token() != new_token()


def test_a_token_opens_and_a_wrong_one_does_not(closed: Access) -> None:
    anywhere = {"host": "any.example"}
    for header in (f"Bearer {WIRE}", f"bearer  {WIRE} "):
        closed.check("GET", "/api/datasets", {**anywhere, "authorization": header})
    for header in ("", "Bearer", "Bearer ", "Bearer s3cret", "Basic s3cret;ü", "Bearer \udcff"):
        with pytest.raises(AccessDenied):
            closed.check("GET", "/api/datasets", {**anywhere, "authorization": header})
    with pytest.raises(AccessDenied):
        closed.check("WEBSOCKET", "/ws/progress/x", anywhere)


def test_a_login_gives_a_cookie_that_opens_but_does_not_show_the_token(closed: Access) -> None:
    session = closed.login("s3cret;ü")
    assert session is not None
    assert "s3cret" not in session
    cookie = f'odd="a b; x={{}}; {COOKIE}={session}; other=1'
    closed.check("GET", "/api/images/x/thumbnail", {"host": "h", "cookie": cookie})
    for wrong in (
        f"{COOKIE}=",
        f"{COOKIE}=s3cret;ü",
        f"{COOKIE}={session}0",
        f"x{COOKIE}={session}",
    ):
        with pytest.raises(AccessDenied):
            closed.check("GET", "/api/images/x/thumbnail", {"host": "h", "cookie": wrong})
    with pytest.raises(AccessDenied):
        closed.login("S3cret")


def test_without_a_token_there_is_nothing_to_log_in_to(local: Access) -> None:
    assert local.login("anything") is None


def test_what_needs_no_token_is_the_page_and_health(closed: Access) -> None:
    for path in ("/", "/static/app.js", "/api/healthz", "/api/readyz", "/api/login"):
        assert is_open(path)
        closed.check("GET", path, {"host": "h"})
    for path in ("/api/healthz/../datasets", "/docs", "/openapi.json", "/metrics", "/api", "//"):
        assert not is_open(path)


def test_the_session_does_not_excuse_a_foreign_page(closed: Access) -> None:
    headers = {"host": "h", "origin": "http://evil.example", "authorization": f"Bearer {WIRE}"}
    with pytest.raises(OriginDenied):
        closed.check("POST", "/api/datasets", headers)
