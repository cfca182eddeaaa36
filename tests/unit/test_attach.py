"""Handing sources to a running rayograph: what is sent, and what is no rayograph at all."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from rayograph.cli.attach import hand_over, is_rayograph, is_taken
from rayograph.errors import AccessDenied, Unavailable


class Running:
    """A server that answers as told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, tuple[int, Any]] = {}
        self.asked: list[tuple[str, str, Any, str | None]] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                sent = json.loads(body) if body else None
                outer.asked.append((self.command, self.path, sent, self.headers["Authorization"]))
                status, answer = outer.answers[self.path]
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_POST = do_GET

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"


@pytest.fixture
def running() -> Iterator[Running]:
    made = Running()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def test_sends_the_source_and_the_token(running: Running) -> None:
    running.answers["/api/datasets"] = (202, {"dataset_id": "abcdefghij"})
    assert hand_over(running.url, "secret", "/pictures", None) == "abcdefghij"
    assert running.asked == [("POST", "/api/datasets", {"path": "/pictures"}, "Bearer secret")]


def test_a_named_model_goes_with_the_source(running: Running) -> None:
    running.answers["/api/datasets"] = (202, {"dataset_id": "abcdefghij"})
    hand_over(running.url, None, "/pictures", "rayograph-mini")
    assert running.asked[0][2] == {"path": "/pictures", "model": "rayograph-mini"}


def test_annotations_go_with_the_source_by_their_whole_path(
    running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.answers["/api/datasets"] = (202, {"dataset_id": "abcdefghij"})
    monkeypatch.chdir(tmp_path)
    hand_over(running.url, None, "/pictures", None, "boxes.json")
    named = {"path": "/pictures", "annotations": str(tmp_path / "boxes.json")}
    assert running.asked[0][2] == named


def test_a_refusal_is_said_as_the_server_said_it(running: Running) -> None:
    error = {"code": "access_denied", "message": "no token", "hint": "give --token"}
    running.answers["/api/datasets"] = (401, {"error": error})
    with pytest.raises(AccessDenied, match="no token"):
        hand_over(running.url, None, "/pictures", None)


@pytest.mark.parametrize("answer", [b"<html>", b"[1]", b'{"hello": 1}'])
def test_another_program_is_no_rayograph(running: Running, answer: bytes) -> None:
    running.answers["/api/healthz"] = (200, answer)
    assert not is_rayograph(running.url)


def test_ours_is_known_by_its_version(running: Running) -> None:
    running.answers["/api/healthz"] = (200, {"status": "ok", "version": "0.1.0"})
    assert is_rayograph(running.url)
    assert is_taken("127.0.0.1", running.port)


def test_nobody_there(running: Running) -> None:
    running.server.server_close()
    assert not is_taken("127.0.0.1", 0)
    with pytest.raises(Unavailable):
        hand_over(running.url, None, "/pictures", None)
