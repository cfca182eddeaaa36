"""``rayograph up FOLDER`` -> the page with first thumbnails: nothing running, and attaching."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from benchmarks import bare_serve, common, load, peer
from benchmarks.common import ratio, seconds

SHOWN = 60


def main() -> None:
    options = common.arguments(__doc__, 10_000, no_peer=False)
    common.machine()
    with common.scratch() as work:
        folder = common.photographs(work / "photographs", options.count)
        other = common.photographs(work / "more", options.count, first=10_000_000)
        common.say(f"2 x {options.count:,} photographs made")
        found = None if options.no_peer else peer.add_images(folder, work / "peer")
        with bare_serve.running() as (floor, _):
            pass
        python = _command([sys.executable, "-m", "rayograph", "version"])
        with common.Server(work / "catalog", folder, ready=False, model="none") as server:
            cold = cold_start(server)
            for dataset in server.get("/api/datasets")["items"]:
                server.complete(dataset["dataset_id"])
            attached = attach(server, other)
            lines = [text for _, text in server.lines if text.startswith("[")]
    peer_s = found["whole_s"] if found else None
    bare_s = floor["first answer"]
    rows = [
        ("cold: address printed", seconds(cold["address"]), "", ""),
        ("cold: page answers", seconds(cold["page"]), "", ratio(cold["page"], peer_s)),
        (
            f"cold: {SHOWN} thumbnails",
            seconds(cold["shown"]),
            "<= 1 s",
            ratio(cold["shown"], peer_s),
        ),
        ("cold: Serve itself answers", seconds(cold["ready"]), "<= 7 s", ""),
        ("floor: bare ray.init + serve.run", seconds(bare_s), "", ratio(bare_s, peer_s)),
        ("peer: lightly-studio, start to loaded", seconds(peer_s), "", "1.00 x"),
        (f"attach: {SHOWN} thumbnails", seconds(attached), "<= 0.3 s", ratio(attached, peer_s)),
        ("floor: `rayograph version`", seconds(python), "", ""),
    ]
    common.table(("since the process was started", "took", "reach", "of the peer"), rows)
    print("where each second goes, as `rayograph up` says it:")
    print("\n".join(f"    {text}" for text in lines))
    print("and for bare Ray and Serve:")
    print("\n".join(f"    [{value:5.1f} s] {name}" for name, value in floor.items()))


def cold_start(server: common.Server) -> dict[str, float]:
    """Seconds since ``rayograph up`` was started, seen from outside."""
    found = {"address": time.perf_counter() - server.began}
    server.http.get("/").raise_for_status()
    found["page"] = time.perf_counter() - server.began
    _thumbnails(server, server.get("/api/datasets")["items"][0]["dataset_id"])
    found["shown"] = time.perf_counter() - server.began
    common.until(lambda: server.http.get("/api/readyz").status_code == 200 or None)
    found["ready"] = time.perf_counter() - server.began
    server.await_line("search engine is up")
    return found


def attach(server: common.Server, folder: Path) -> float:
    """Seconds from a second ``rayograph up`` to its folder's first thumbnails on the page."""
    known = {item["dataset_id"] for item in server.get("/api/datasets")["items"]}
    port = server.url.rsplit(":", 1)[1]
    command = [sys.executable, "-m", "rayograph", "up", str(folder), "--port", port]
    began = time.perf_counter()
    process = subprocess.Popen(
        [*command, "--no-browser"], stdout=subprocess.DEVNULL, env=common.environ()
    )

    def appeared() -> str | None:
        items = server.get("/api/datasets")["items"]
        return next((i["dataset_id"] for i in items if i["dataset_id"] not in known), None)

    try:
        _thumbnails(server, common.until(appeared, every_s=0.01, limit_s=60))
        return time.perf_counter() - began
    finally:
        code = process.wait(600)
        if code:
            raise RuntimeError(f"the attaching command ended with {code}")


def _thumbnails(server: common.Server, dataset: str) -> None:
    page = server.get(f"/api/datasets/{dataset}/images?limit=100")
    load.fetch(server.url, common.thumbnails_of(page)[:SHOWN])


def _command(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=common.environ())
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
