"""Web addresses: how they are read, and which lie in private networks, in any disguise."""

from __future__ import annotations

import socket
import threading
from collections.abc import Sequence

import httpcore
import pytest

from rayograph import wire
from rayograph.addresses import AddressRule, is_public, web_address
from rayograph.errors import ConfigurationError, FetchFailed, InvalidRequest, SourceForbidden

PUBLIC = ["8.8.8.8", "1.1.1.1", "2606:4700::1111", "2a00:1450::1", "::ffff:8.8.8.8"]
PUBLIC += ["64:ff9b::808:808"]
PRIVATE = {
    "unspecified": ["0.0.0.0", "0.1.2.3", "::"],
    "loopback": ["127.0.0.1", "127.255.0.9", "::1"],
    "private": ["10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"],
    "shared": ["100.64.0.1", "100.100.100.200"],
    "link local": ["169.254.169.254", "169.254.0.1", "fe80::1", "fe80::1%2", "febf::1"],
    "unique local": ["fc00::1", "fd00:ec2::254", "fdff::1"],
    "site local": ["fec0::1"],
    "multicast": ["224.0.0.1", "239.255.255.250", "ff02::1", "ff0e::1"],
    "reserved": ["240.0.0.1", "255.255.255.255", "4000::1", "1::1", "5f00::1", "100::1"],
    "metadata": ["192.0.0.192", "168.63.129.16"],
    "relays": ["192.88.99.1", "192.0.0.9"],
    "examples": [
        "192.0.2.1",
        "198.51.100.1",
        "203.0.113.1",
        "198.18.0.1",
        "2001:db8::1",
        "3fff::1",
    ],
    "mapped": ["::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"],
    "compatible": ["::127.0.0.1", "::8.8.8.8"],
    "6to4": ["2002:7f00:1::", "2002:a00:1::1", "2002:808:808::1"],
    "teredo": ["2001:0:4136:e378:8000:63bf:3fff:fdd2"],
    "NAT64": ["64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808"],
    "no address": ["", "example.org", "127.1"],
}


def resolver(*found: str) -> AddressRule:
    return AddressRule(resolve=lambda host, port: found)


@pytest.mark.parametrize("address", PUBLIC)
def test_the_open_internet_is_open(address: str) -> None:
    assert is_public(address)
    assert list(resolver(address).addresses("example.org", 443)) == [address]


@pytest.mark.parametrize(
    "address", [pytest.param(a, id=f"{kind} {a}") for kind, row in PRIVATE.items() for a in row]
)
def test_private_networks_are_closed_in_any_disguise(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(SourceForbidden, match=r"^example\.org lies in a private network") as caught:
        resolver("8.8.8.8", address).addresses("example.org", 443)
    assert "sources.allowed_hosts" in (caught.value.hint or "")
    assert not address or address == "example.org" or address not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("http://example.org", "http://example.org/"),
        ("HTTPS://EXAMPLE.Org:443/A.jpg", "https://example.org/A.jpg"),
        ("https://example.org.:8443/a?b=c#d", "https://example.org:8443/a?b=c"),
        ("http://bücher.example/ü b.jpg", "http://xn--bcher-kva.example/%C3%BC%20b.jpg"),
        ("http://127。0。0。1/", "http://127.0.0.1/"),
        ("http://[2606:4700:0::1111]:81/x", "http://[2606:4700::1111]:81/x"),
        ("http://a_b-c.example/%zz", "http://a_b-c.example/%zz"),
    ],
)
def test_an_address_has_one_spelling(url: str, read: str) -> None:
    assert web_address(url).url == read
    assert web_address(read) == web_address(url)


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "example.org/a.jpg",
            "//example.org/a.jpg",
            "file:///etc/passwd",
            "ftp://example.org/",
        ),
        *("gopher://127.0.0.1:6379/_x", "data:image/png;base64,AA", "s3://bucket/key"),
        *("http://user@example.org/", "http://user:secret@example.org/", "http://a\\@127.0.0.1/"),
        *("http://:pw@127.0.0.1/", "http://8.8.8.8@127.0.0.1/"),
    ],
)
def test_other_schemes_and_user_names_are_forbidden(url: str) -> None:
    with pytest.raises(SourceForbidden) as caught:
        web_address(url)
    assert "secret" not in str(caught.value)
    assert caught.value.hint


@pytest.mark.parametrize(
    "url",
    [
        *("http://", "http:///a", "http:/a", "http://a..b/", "http://ex ample/", "http://a:0/"),
        *("http://a:99999/", "http://a:x/", "http://[::1/", "http://[::1%25lo]/", "http://[1]/"),
        *(
            "http://%31%32%37.0.0.1/",
            "http://a\nb/",
            "http://a/\r\nHost: b",
            "http://１２７.0.0.1/",
        ),
        *("http://*.example.org/", f"http://{'a' * 64}.example/", f"http://{'a.' * 127}a/"),
    ],
)
def test_what_is_no_address_is_said(url: str) -> None:
    with pytest.raises(InvalidRequest, match="not a web address"):
        web_address(url)


@pytest.mark.parametrize(
    ("location", "url"),
    [
        ("/b.jpg", "https://example.org:81/b.jpg"),
        ("c.jpg?x", "https://example.org:81/a/c.jpg?x"),
        ("//other.example/d", "https://other.example/d"),
        ("http://other.example/e", "http://other.example/e"),
    ],
)
def test_a_redirect_is_followed_from_where_it_was(location: str, url: str) -> None:
    assert web_address("https://example.org:81/a/b").join(location).url == url


@pytest.mark.parametrize("location", ["file:///etc/passwd", "http://a:b@c/", "javascript:alert(1)"])
def test_a_redirect_elsewhere_is_forbidden(location: str) -> None:
    with pytest.raises(SourceForbidden):
        web_address("https://example.org/").join(location)


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0x7f.1", "127.0.0.1."),
        *("[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "0", "10.0.0.1", "169.254.169.254"),
    ],
)
def test_a_private_address_in_any_spelling_needs_no_look_up(host: str) -> None:
    def resolve(host: str, port: int) -> Sequence[str]:
        raise AssertionError("looked up")

    address = web_address(f"http://{host}/")
    with pytest.raises(SourceForbidden, match="private network"):
        AddressRule(["localhost", "127.0.0.2"], resolve=resolve).check(address)
    AddressRule([address.authority], resolve=resolve).check(address)


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST.", "127.1", "2130706433", "0x7f.1", "[::1]"]
)
def test_the_system_s_own_resolver_lets_none_slip_through(host: str) -> None:
    address = web_address(f"http://{host}/")
    with pytest.raises(SourceForbidden, match="private network"):
        AddressRule().addresses(address.host, address.port)


@pytest.mark.parametrize(
    ("allowed", "url"),
    [
        ("nas", "http://nas/a"),
        ("NAS.local.", "http://nas.LOCAL/a"),
        ("nas:8080", "http://nas:8080/"),
        ("nas:80", "http://nas/"),
        ("127.0.0.1", "http://127.0.0.1:9000/"),
        ("[::1]:81", "http://[::1]:81/"),
        ("::1", "http://[::1]/"),
        ("[0:0::1]", "http://[::1]/"),
        ("bücher.lan", "http://xn--bcher-kva.lan/"),
    ],
)
def test_the_configuration_names_private_hosts(allowed: str, url: str) -> None:
    address = web_address(url)
    rule = AddressRule([allowed], resolve=lambda host, port: ["192.168.1.2"])
    rule.check(address)
    assert list(rule.addresses(address.host, address.port)) == ["192.168.1.2"]


@pytest.mark.parametrize(
    ("allowed", "url"),
    [
        ("nas:8080", "http://nas/"),
        ("nas", "http://nas.example/"),
        ("nas", "http://my.nas/"),
        ("127.0.0.1", "http://127.1/"),
        ("127.0.0.1", "http://localhost/"),
        ("localhost", "http://127.0.0.1/"),
        ("::1", "http://127.0.0.1/"),
    ],
)
def test_an_exception_is_for_the_name_alone(allowed: str, url: str) -> None:
    address = web_address(url)
    with pytest.raises(SourceForbidden):
        AddressRule([allowed], resolve=lambda host, port: ["127.0.0.1"]).addresses(
            address.host, address.port
        )


@pytest.mark.parametrize("entry", ["", "http://nas", "nas/x", "a b", "u@nas", "nas:x", "*", "[::"])
def test_a_wrong_exception_is_a_wrong_setting(entry: str) -> None:
    with pytest.raises(ConfigurationError, match=r"sources\.allowed_hosts"):
        AddressRule([entry])


def failing(error: Exception) -> AddressRule:
    def resolve(host: str, port: int) -> Sequence[str]:
        raise error

    return AddressRule(resolve=resolve)


def test_a_host_that_does_not_exist_is_final_and_a_silent_resolver_is_not() -> None:
    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    for rule in (failing(unknown), failing(UnicodeError("label too long")), resolver()):
        with pytest.raises(FetchFailed, match="no host called nowhere") as caught:
            rule.addresses("nowhere", 80)
        assert caught.value.fault == "missing"
    with pytest.raises(socket.gaierror):
        failing(socket.gaierror(socket.EAI_AGAIN, "later")).addresses("nowhere", 80)


@pytest.fixture
def watch() -> wire.Watch:
    return wire.Watch(1.0, 1.0, 1.0, threading.Event())


class Network(httpcore.NetworkBackend):
    """Connects to nothing, and notes to where it should have."""

    def __init__(self, *dead: str) -> None:
        self.dead = dead
        self.asked: list[tuple[str, int]] = []

    def connect_tcp(
        self, host: str, port: int, *args: object, **kwargs: object
    ) -> httpcore.NetworkStream:
        self.asked.append((host, port))
        if host in self.dead:
            raise httpcore.ConnectError(host)
        return httpcore.MockStream([])


def backend(rule: AddressRule, network: Network, watch: wire.Watch) -> httpcore.NetworkBackend:
    return wire.CheckedBackend(rule, watch, network)


def test_the_connection_goes_to_what_was_checked(watch: wire.Watch) -> None:
    answers = iter([["8.8.8.8"], ["127.0.0.1"]])
    rule = AddressRule(resolve=lambda host, port: next(answers))
    network = Network()
    checked = backend(rule, network, watch)
    checked.connect_tcp("rebound.example", 443)
    assert network.asked == [("8.8.8.8", 443)]
    with pytest.raises(SourceForbidden):
        checked.connect_tcp("rebound.example", 443)
    assert network.asked == [("8.8.8.8", 443)]


def test_a_host_s_addresses_are_tried_in_turn_and_not_for_ever(watch: wire.Watch) -> None:
    found = [f"8.8.8.{number}" for number in range(9)]
    rule = resolver(*found)
    network = Network("8.8.8.0", "8.8.8.1")
    backend(rule, network, watch).connect_tcp("example.org", 80)
    assert [host for host, _ in network.asked] == found[:3]
    network = Network(*found)
    with pytest.raises(httpcore.ConnectError):
        backend(rule, network, watch).connect_tcp("example.org", 80)
    assert [host for host, _ in network.asked] == found[:4]


def test_nothing_but_tcp_is_connected_to(watch: wire.Watch) -> None:
    with pytest.raises(NotImplementedError):
        backend(resolver(), Network(), watch).connect_unix_socket("/var/run/docker.sock")
