"""The backend process without Ray: its protocol, its environment, and its end."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from rayograph import backend
from rayograph.settings import Settings

WAIT_S = 30.0
# Everything but Ray itself: a start that prints where it must not, and a stop that leaves a mark.
PROGRAM = """
import pathlib, sys
from rayograph import backend

def start(settings, scratch, say, over):
    pathlib.Path(scratch, "left.behind").touch()
    print("noise of some library", flush=True)
    say(step="starting ray")
    if settings.model == "broken":
        raise RuntimeError("no ray today")
    return 4711

backend.start = start
backend.stop = lambda settings: pathlib.Path(sys.argv[1]).touch()
raise SystemExit(backend.main())
"""


def launch(home: Path, model: str) -> subprocess.Popen[str]:
    scratch = home / "scratch"
    scratch.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(home / "stopped")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(scratch)},
    )
    assert process.stdin is not None
    process.stdin.write(Settings(model=model).model_dump_json() + "\n")
    process.stdin.flush()
    return process


def test_it_says_how_far_it_is_and_ends_with_its_parent(tmp_path: Path) -> None:
    with launch(tmp_path, "fake") as process:
        assert process.stdout is not None and process.stdin is not None
        lines = [json.loads(process.stdout.readline()) for _ in range(2)]
        assert lines == [{"step": "starting ray"}, {"ready": 4711}]
        out, errors = process.communicate(timeout=WAIT_S)  # closes its input, as a dead parent does
    assert (process.returncode, out) == (0, "")
    assert "noise of some library" in errors
    assert (tmp_path / "stopped").exists()
    assert list((tmp_path / "scratch").iterdir()) == []


def test_a_start_that_fails_is_cleaned_up_after(tmp_path: Path) -> None:
    with launch(tmp_path, "broken") as process:
        out, errors = process.communicate(timeout=WAIT_S)
    assert process.returncode != 0
    assert "no ray today" in errors and "ready" not in out
    assert (tmp_path / "stopped").exists()
    assert list((tmp_path / "scratch").iterdir()) == []


def test_waiting_for_an_answer_ends_when_nobody_waits_any_more() -> None:
    over = threading.Event()
    port = backend.free_port()
    waiting = threading.Thread(target=backend._wait_until_answering, args=(port, over))
    waiting.start()
    over.set()
    waiting.join(WAIT_S)
    assert not waiting.is_alive()


def test_only_an_answer_of_the_application_counts() -> None:
    answers = iter([503, 404, 200])
    asked: list[str] = []

    class Proxy(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(next(answers))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *args: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Proxy) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        backend._wait_until_answering(server.server_port, threading.Event())
        server.shutdown()
        serving.join(WAIT_S)
    assert asked == ["/api/healthz"] * 3


def test_what_the_user_set_for_ray_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"RAY_AUTH_MODE": "disabled", "PATH": os.environ["PATH"]}
    monkeypatch.setattr(os, "environ", given)
    settings = Settings.model_validate({"server": {"ha_proxy": False}})
    backend._environment(settings, "/nowhere")
    assert given["RAY_AUTH_MODE"] == "disabled"
    assert given["RAY_USAGE_STATS_ENABLED"] == "0"
    assert not [name for name in given if "HAPROXY" in name]


def test_two_proxies_share_neither_files_nor_ports(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.model_validate({"server": {"ha_proxy": True}})
    homes: list[dict[str, str]] = []
    for scratch in ("/one", "/two"):
        homes.append({})
        monkeypatch.setattr(os, "environ", homes[-1])
        backend._environment(settings, scratch)
    names = [name for name in homes[0] if "HAPROXY" in name or name.endswith("_PORT")]
    files = [name for name in names if not name.endswith("_PORT")]
    assert files and all(homes[0][name].startswith("/one") for name in files)
    assert not {homes[0][name] for name in files} & {homes[1][name] for name in files}
    ports = [int(homes[0][name]) for name in names if name.endswith("_PORT")]
    assert ports and all(1024 <= port <= 65535 for port in ports)
