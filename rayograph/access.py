"""Who may ask what: the rules every front door applies before anything is answered.

Three dangers, three rules. A page elsewhere that points its own name at this machine (DNS
rebinding) is stopped by the Host header; a page elsewhere that sends requests from the user's
browser is stopped by Origin and Sec-Fetch-Site; another machine needs the token. Nothing here
knows of a web framework, so that the boot front applies the same rules.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Mapping
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rayograph.errors import AccessDenied, ConfigurationError, OriginDenied

if TYPE_CHECKING:
    from rayograph.settings import ServerSettings

COOKIE = "rayograph_session"
COOKIE_AGE_S = 30 * 24 * 3600
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
# What the page needs before anybody has logged in. None of it says anything about a dataset;
# everything not named here needs the token, so a route added later is closed by default.
OPEN_PATHS = frozenset(
    {
        *("/", "/favicon.ico", "/theme.css", "/manifest.json"),
        *("/api/healthz", "/api/readyz", "/api/login"),
    }
)
OPEN_FOLDERS = ("/static/", "/assets/", "/svelte/")
_DATA_FOLDERS = ("/api/", "/sse/", "/ws/", "/metrics", "/openapi.json", "/gradio_api/")


def new_token() -> str:
    """A fresh bearer token: 32 random bytes, URL-safe."""
    return secrets.token_urlsafe(32)


def needs_token(host: str) -> bool:
    """Whether binding ``host`` lets other machines in."""
    return not _is_loopback(host.strip("[]"))


class Access:
    """Checks requests against the server's settings."""

    def __init__(self, settings: ServerSettings) -> None:
        if needs_token(settings.host) and not settings.token:
            raise ConfigurationError(
                f"listening on {settings.host} without a token would let anybody in",
                hint="set server.token, or bind 127.0.0.1",
            )
        self._token = settings.token.encode() if settings.token else None
        self._session = _session(settings.token) if settings.token else ""
        self._hosts = frozenset(
            name.strip("[]").lower() for name in (settings.host, *settings.allowed_hosts)
        )
        self._known_host = functools.lru_cache(maxsize=256)(self._is_known_host)

    def check(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        """Let a request pass or say why not.

        Args:
            method: the HTTP method, or ``WEBSOCKET`` for a handshake.
            path: the decoded path, without the query.
            headers: names in lower case, values decoded as Latin-1.

        Raises:
            OriginDenied: a foreign Host, or a request another site's page made.
            AccessDenied: the token is missing or wrong.
        """
        host = headers.get("host")
        # Only a browser can be rebound, and a browser always names the host.
        if host is not None and self._token is None and not self._known_host(host):
            raise OriginDenied(
                f"this server does not answer to the name {host[:200]!r}",
                hint="add it to server.allowed_hosts if it is yours",
            )
        self._check_site(method, path, headers)
        if self._token is not None and not is_open(path) and not self._knows(headers):
            raise AccessDenied(
                "a token is needed",
                hint="send `Authorization: Bearer TOKEN`, or log in on the page",
            )

    def login(self, token: str) -> str | None:
        """The session cookie's value for a token; None when this server needs none.

        Raises:
            AccessDenied: it is not the server's token.
        """
        if self._token is None:
            return None
        if not hmac.compare_digest(token.encode("utf-8", "replace"), self._token):
            raise AccessDenied("that is not this server's token")
        return self._session

    def _check_site(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        origin = headers.get("origin")
        if method not in SAFE_METHODS and origin is not None and not self._own(origin, headers):
            raise OriginDenied("requests from another site's pages are refused")
        if headers.get("sec-fetch-site") == "cross-site" and (
            method not in SAFE_METHODS or _is_data(path)
        ):
            raise OriginDenied("requests from another site's pages are refused")

    def _own(self, origin: str, headers: Mapping[str, str]) -> bool:
        """Whether an Origin is this server's own page (or one on a host it was told of)."""
        try:
            parts = urlsplit(origin)
            port = parts.port
        except ValueError:
            return False
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            return False
        default = 443 if parts.scheme == "https" else 80
        name, host_port = split_host(headers.get("host", ""))
        if (parts.hostname, port or default) == (name, host_port or default):
            return True
        return parts.hostname in self._hosts and not _is_loopback(parts.hostname)

    def _knows(self, headers: Mapping[str, str]) -> bool:
        assert self._token is not None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            # Headers arrive decoded byte by byte: this gives the bytes back.
            return hmac.compare_digest(given.strip().encode("latin-1", "replace"), self._token)
        cookie = _cookie(headers.get("cookie", ""))
        return hmac.compare_digest(cookie.encode("utf-8", "replace"), self._session.encode())

    def _is_known_host(self, host: str) -> bool:
        name, _ = split_host(host)
        return name in self._hosts or _is_loopback(name)


def is_open(path: str) -> bool:
    """Whether a path is answered without a token."""
    return path in OPEN_PATHS or path.startswith(OPEN_FOLDERS)


_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[^:]*)(?::([0-9]{1,5}))?")


def split_host(host: str) -> tuple[str, int | None]:
    """A Host header as a lower-case name without brackets, and its port."""
    match = _HOST.fullmatch(host.strip().lower())
    if match is None:
        return "", None
    name, port = match.groups()
    return name.strip("[]"), int(port) if port else None


def _is_data(path: str) -> bool:
    return path.startswith(_DATA_FOLDERS)


def _is_loopback(name: str) -> bool:
    name = name.lower().rstrip(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _session(token: str) -> str:
    """What the cookie holds: proves the token was known without showing it."""
    return hmac.new(token.encode(), b"rayograph session", hashlib.sha256).hexdigest()


def _cookie(header: str) -> str:
    # By hand: http.cookies drops every cookie when another program on this host set an odd one.
    for part in header.split(";"):
        name, _, value = part.partition("=")
        if name.strip() == COOKIE:
            return value.strip()
    return ""
