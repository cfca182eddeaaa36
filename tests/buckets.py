"""A bucket on this machine, behind a real S3 protocol."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from moto.server import ThreadedMotoServer

BUCKET = "pictures"
# Any signature will do, but there must be one.
_SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request, "
    "SignedHeaders=host, Signature=none"
}


class Bucket:
    """The one bucket of a server of its own."""

    def __init__(self) -> None:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
        self._server.start()
        host, port = self._server.get_host_and_port()
        self.address = f"http://{host}:{port}"
        # All servers of a process share what they hold.
        httpx.post(f"{self.address}/moto-api/reset").raise_for_status()
        self._send("PUT", "")

    def put(self, key: str, body: bytes) -> None:
        self._send("PUT", f"/{key}", body)

    def delete(self, key: str) -> None:
        self._send("DELETE", f"/{key}")

    def _send(self, method: str, path: str, body: bytes = b"") -> None:
        url = f"{self.address}/{BUCKET}{path}"
        httpx.request(method, url, content=body, headers=_SIGNED).raise_for_status()

    def stop(self) -> None:
        self._server.stop()


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bucket]:
    made = Bucket()
    for name, value in {
        "AWS_ENDPOINT_URL": made.address,
        "AWS_ALLOW_HTTP": "true",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    yield made
    made.stop()
