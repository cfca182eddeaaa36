"""Mounting the page: it takes ``/`` and nothing that was there before."""

from __future__ import annotations

import fastapi
import pytest
from starlette.testclient import TestClient

from rayograph_ui.shell import mount_static


@pytest.fixture
def api() -> fastapi.FastAPI:
    app = fastapi.FastAPI()

    @app.get("/api/healthz")
    def healthz() -> dict[str, str]:
        return {"status": "ok"}

    return app


def test_static_files_are_asked_for_again(api: fastapi.FastAPI) -> None:
    mount_static(api)
    client = TestClient(api)
    answer = client.get("/static/app.js")
    assert answer.status_code == 200
    assert "javascript" in answer.headers["content-type"]
    assert answer.headers["cache-control"] == "no-cache"
    tag = {"If-None-Match": answer.headers["etag"]}
    assert client.get("/static/app.js", headers=tag).status_code == 304
    assert client.get("/static/../app.py").status_code == 404
