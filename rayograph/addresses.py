"""Web addresses that may be opened: http and https, and nothing inside private networks.

A name is judged by what it resolves to, and the connection goes to what was judged: whatever way
an address is written, and whatever its name points to a moment later, no connection leaves for a
private network. The exceptions are hosts that the configuration names.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rayograph.errors import ConfigurationError, FetchFailed, InvalidRequest, SourceForbidden

if TYPE_CHECKING:
    import httpx

# What it is asked for: a host name or an address literal, and a port. It answers with addresses.
Resolver = Callable[[str, int], Sequence[str]]

_PORTS = {"http": 80, "https": 443}
_NAME = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_HINT = "sources.allowed_hosts names the private hosts that may be reached"
# Python calls these global, or did until lately: protocol assignments (a cloud's metadata among
# them), the relays of 6to4, and the host's own services in Azure.
_CLOSED = tuple(map(ipaddress.IPv4Network, ("192.0.0.0/24", "192.88.99.0/24", "168.63.129.16/32")))
# IPv6 is open where unicast has been given out, less what is special in there: protocol
# assignments with Teredo, documentation (twice) and 6to4, which nobody serves any more.
_UNICAST = ipaddress.IPv6Network("2000::/3")
_SPECIAL = tuple(
    map(ipaddress.IPv6Network, ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20"))
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class WebAddress:
    """A checked http(s) URL: ``host`` in lower case ASCII, without brackets or a last dot."""

    scheme: str
    host: str
    port: int
    target: str

    @property
    def authority(self) -> str:
        """The host as a URL and a Host header write it, with its port unless that is implied."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.target}"

    def join(self, location: str) -> WebAddress:
        """Where a redirect leads.

        Raises:
            SourceForbidden, InvalidRequest: as ``web_address``.
        """
        return web_address(location, base=self)


def web_address(url: str, *, base: WebAddress | None = None) -> WebAddress:
    """A URL taken apart; nothing is looked up.

    Raises:
        SourceForbidden: another scheme, or a user name or password in it.
        InvalidRequest: it is no URL.
    """
    import httpx

    try:
        parts = httpx.URL(base.url).join(url) if base else httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise _nonsense() from None
    if parts.scheme not in _PORTS:
        raise SourceForbidden(
            f"addresses that begin with {parts.scheme[:20]}: are not opened",
            hint="give one that begins with https:// or http://",
        )
    if parts.userinfo:
        raise SourceForbidden(
            "addresses with a user name or a password are not opened",
            hint="remove what stands before the @",
        )
    port = _PORTS[parts.scheme] if parts.port is None else parts.port
    if not 1 <= port <= 65535:
        raise _nonsense()
    return WebAddress(parts.scheme, _host(parts), port, parts.raw_path.decode("ascii"))


def _host(parts: httpx.URL) -> str:
    host = parts.raw_host.decode("ascii").lower().removesuffix(".")
    if ":" in host and "%" not in host:
        try:
            return ipaddress.IPv6Address(host).compressed
        except ValueError:
            raise _nonsense() from None
    if len(host) > 253 or not _NAME.fullmatch(host):
        raise _nonsense()
    return host


def _nonsense() -> InvalidRequest:
    return InvalidRequest("that is not a web address", hint="like https://example.org/picture.tif")


def is_public(address: str) -> bool:
    """Whether an IP address lies in the open internet, also the one wrapped inside another."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        elif ip in _NAT64:
            ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        else:
            return ip.is_global and ip in _UNICAST and not any(ip in net for net in _SPECIAL)
    closed = ip.is_multicast or ip.is_reserved or any(ip in net for net in _CLOSED)
    return ip.is_global and not closed


def look_up(host: str, port: int) -> Sequence[str]:
    """Every address of a host, in the system's order.

    Raises:
        socket.gaierror: it cannot be found out; ``EAI_AGAIN`` where it may be later.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(info[4][0]) for info in found))


class AddressRule:
    """Which hosts may be connected to, and at which addresses."""

    def __init__(self, allowed_hosts: Iterable[str] = (), *, resolve: Resolver = look_up) -> None:
        """``allowed_hosts``: ``host`` or ``host:port``, as a URL would write them."""
        self._allowed = frozenset(map(_allowed, allowed_hosts))
        self._resolve = resolve

    def check(self, address: WebAddress) -> None:
        """Refuse what needs no look-up to be refused; for an answer at once.

        Raises:
            SourceForbidden: the host is written as an address of a private network.
        """
        literal = _literal(address.host)
        if literal and not self._allows(address.host, address.port) and not is_public(literal):
            raise _private(address.host)

    def addresses(self, host: str, port: int) -> Sequence[str]:
        """The addresses to connect to, every one of them checked.

        Raises:
            SourceForbidden: one of them lies in a private network.
            FetchFailed: there is no such host.
            socket.gaierror: it cannot be found out now.
        """
        try:
            found = self._resolve(host, port)
        except socket.gaierror as error:
            if error.errno == socket.EAI_AGAIN:
                raise
            found = ()
        except UnicodeError:
            found = ()
        if not found:
            raise FetchFailed(f"there is no host called {host}", fault="missing")
        if not self._allows(host, port) and not all(map(is_public, found)):
            raise _private(host)
        return found

    def _allows(self, host: str, port: int) -> bool:
        return (host, None) in self._allowed or (host, port) in self._allowed


def _allowed(entry: str) -> tuple[str, int | None]:
    """An entry of ``allowed_hosts``; an IPv6 address may come with or without brackets."""
    import httpx

    bare = entry.count(":") > 1 and "[" not in entry
    try:
        # A scheme of no standing has no port of its own that a written one would vanish into.
        parts = httpx.URL(f"any://[{entry}]" if bare else f"any://{entry}")
        if parts.userinfo or parts.raw_path not in {b"", b"/"}:
            raise _nonsense()
        return _host(parts), parts.port
    except (httpx.InvalidURL, ValueError, InvalidRequest):
        raise ConfigurationError(
            f"sources.allowed_hosts: {entry!r} is not a host",
            hint="like nas.local, 127.0.0.1:9000 or [::1]",
        ) from None


def _literal(host: str) -> str | None:
    """The address that a host spells out, in any spelling a system takes (127.1, 0x7f000001)."""
    if ":" in host:
        return host
    try:
        return socket.inet_ntoa(socket.inet_aton(host))
    except OSError:
        return None


def _private(host: str) -> SourceForbidden:
    return SourceForbidden(f"{host} lies in a private network and is not opened", hint=_HINT)
