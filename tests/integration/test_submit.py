"""``rayograph submit`` against a real Ray head of its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from rayograph.catalog import open_catalog

pytestmark = pytest.mark.ray
BIN = Path(sys.executable).parent


def free_ports(count: int) -> list[int]:
    """Ports below those Ray's workers take (10002-19999) or above."""
    opened = [socket.socket() for _ in range(count)]
    try:
        for one in opened:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in opened]
    finally:
        for one in opened:
            one.close()


def wait_until_up(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    """Ray tells nobody when its dashboard listens."""
    pause = threading.Event()
    for _ in range(600):
        assert process.poll() is None, log.read_text()
        try:
            with urllib.request.urlopen(f"{url}/api/version", timeout=5):
                return
        except OSError:
            pause.wait(0.1)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """The dashboard's url of a fresh head, and the environment its clients need."""
    port, client_port, dashboard, agent = free_ports(4)
    home = tmp_path_factory.mktemp("home")
    # A head's sockets must have short paths.
    folder = Path("/tmp") / f"rg-{os.getpid()}"
    environment = {**os.environ, "HOME": str(home), "RAY_AUTH_MODE": "disabled"}
    for name in [name for name in environment if name.startswith("RAYOGRAPH_")]:
        del environment[name]
    command = [str(BIN / "ray"), "start", "--head", "--block", "--disable-usage-stats"]
    command += [f"--port={port}", f"--ray-client-server-port={client_port}"]
    command += [f"--dashboard-port={dashboard}", f"--dashboard-agent-listen-port={agent}"]
    command += ["--num-cpus=4", f"--temp-dir={folder}"]
    log = home / "head.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        url = f"http://127.0.0.1:{dashboard}"
        wait_until_up(url, process, log)
        yield url, environment
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "some pictures"
    folder.mkdir()
    for number in range(20):
        Image.new("RGB", (40 + number, 30)).save(folder / f"{number}.jpg")
    return folder


def submit(head: tuple[str, dict[str, str]], *args: str) -> subprocess.CompletedProcess[str]:
    command = [str(BIN / "rayograph"), "submit", "--address", head[0], "--model", "none", *args]
    return subprocess.run(
        command, env=head[1], capture_output=True, text=True, timeout=200, check=False
    )


def test_a_job_fills_the_catalog_and_its_exit_code_says_what_failed(
    head: tuple[str, dict[str, str]], pictures: Path, tmp_path: Path
) -> None:
    catalog = str(tmp_path / "catalog")
    done = submit(head, str(pictures), "--name", "jobbed", "--catalog", catalog)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "20 of 20 images ready" in done.stdout
    row = open_catalog(catalog).dataset("jobbed")
    counts = open_catalog(catalog).reader(row.dataset_id).counts()
    assert counts.total == 20

    (pictures / "bad.jpg").write_bytes(b"not an image")
    failed = submit(head, str(pictures), "--name", "again", "--catalog", catalog)
    assert failed.returncode == 1, failed.stdout + failed.stderr
    assert "1 failed: 1 not_an_image" in failed.stdout
    assert "bad.jpg: " in failed.stdout


def test_a_source_that_is_not_there_is_code_2(
    head: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    done = submit(head, str(tmp_path / "nothing"), "--catalog", str(tmp_path / "catalog"))
    assert done.returncode == 2
    assert "error: no file or folder" in done.stdout
