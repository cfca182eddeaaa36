"""Handing sources to the rayograph that already runs.

By the standard library alone: the client's own imports take longer than the answer, and the first
pictures should be on the page by then.
"""

from __future__ import annotations

import json
import socket
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from rayograph.errors import Unavailable, error_from_json
from rayograph.sources import where_is

_TIMEOUT_S = 60.0


def is_taken(host: str, port: int) -> bool:
    """Whether something listens there."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return port != 0 and probe.connect_ex((host, port)) == 0


def is_rayograph(url: str) -> bool:
    """Whether what listens there is one of ours."""
    try:
        return "version" in ask(url, "/api/healthz")
    except Exception:  # noqa: BLE001 (another program may answer anything at all)
        return False


def hand_over(
    url: str, token: str | None, source: str, model: str | None, annotations: str | None = None
) -> str:
    """Have the running one open a source, with this model if one is named; the dataset's id.

    Raises:
        RayographError: as the server says it.
    """
    body = where_is(source) | ({} if model is None else {"model": model})
    if annotations is not None:
        body["annotations"] = next(iter(where_is(annotations).values()))
    return str(ask(url, "/api/datasets", body, token=token)["dataset_id"])


def ask(url: str, path: str, body: object = None, *, token: str | None = None) -> dict[str, Any]:
    """One question to the API, a POST when there is a body."""
    headers = {"Content-Type": "application/json"}
    if token is not None:
        headers["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = Request(url + path, data, headers)
    try:
        with urlopen(request, timeout=_TIMEOUT_S) as answer:
            found: dict[str, Any] = json.load(answer)
            return found
    except HTTPError as error:
        with error:
            raise error_from_json(error.code, _json(error.read())) from None
    except (URLError, OSError) as error:
        raise Unavailable(f"{url} does not answer", hint="try again in a moment") from error


def _json(data: bytes) -> object:
    try:
        return json.loads(data)
    except ValueError:
        return None
