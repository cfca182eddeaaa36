"""A giant's whole pyramid beside bare ``dzsave``, and its first tiles after the download."""

from __future__ import annotations

import json
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from benchmarks import common
from benchmarks.common import ratio, seconds
from rayograph.tiles import Shape

SIDES = {"100 megapixels": 10_240, "1 gigapixel": 32_000}
SHEET, CELL = 16, 320
TILE, QUALITY = 512, 85


def main() -> None:
    options = common.arguments(__doc__, 3, mbit=400, run="", src="", out="", small=False)
    if options.run:
        print(json.dumps(MEASURED[options.run](Path(options.src), Path(options.out))))
        return
    common.machine()
    names = list(SIDES)[:1] if options.small else list(SIDES)
    with common.scratch() as work:
        sheet = draw_sheet(work / "demo")
        whole, first = [], []
        for name in names:
            for suffix in (".jpg", ".tif"):
                path = draw(sheet, SIDES[name], work / f"{SIDES[name]}{suffix}")
                common.say(f"{name}, {suffix}: {path.stat().st_size / 1e6:,.0f} MB drawn")
                whole.append(pyramid_row(f"{name} {suffix}", path, work, options.count))
                if suffix == ".jpg":
                    first.append((name, *first_tiles(path, work / "catalog", options.mbit)))
                path.unlink()
    heads = ("whole pyramid", "ours", "dzsave", "time", "CPU", "ours, MB", "dzsave, MB", "memory")
    common.table((*heads, "tiles, MB"), whole)
    heads = ("over HTTP", "POST", "download", "then first tiles", "first regions", "all tiles")
    common.table(heads, first)


# -- pictures -------------------------------------------------------------------------------


def draw_sheet(folder: Path) -> Any:
    """Demo pictures side by side, in memory."""
    import pyvips

    from rayograph.demo.write import write_demo

    write_demo(folder, count=SHEET * SHEET, size=CELL)
    paths = [p for p in sorted(folder.rglob("*")) if p.suffix in {".jpg", ".png", ".webp"}]
    images = [pyvips.Image.new_from_file(str(p)).colourspace("srgb")[:3] for p in paths]
    return pyvips.Image.arrayjoin(images[: SHEET * SHEET], across=SHEET).copy_memory()


def draw(sheet: Any, side: int, path: Path) -> Path:
    """The sheet again and again, ``side`` px wide and high: a JPEG, or a tiled TIFF of JPEGs."""
    times = -(-side // sheet.width)
    options: dict[str, Any] = {"Q": 88}
    if path.suffix == ".tif":
        options |= {"compression": "jpeg", "tile": True, "tile_width": 512, "tile_height": 512}
        options |= {"bigtiff": True}
    sheet.replicate(times, times).crop(0, 0, side, side).write_to_file(str(path), **options)
    return path


# -- the whole pyramid ----------------------------------------------------------------------


def pyramid_row(name: str, path: Path, work: Path, times: int) -> tuple[str, ...]:
    """Medians of ``times`` runs of each, turn by turn, each in a process of its own."""
    found: dict[str, list[dict[str, float]]] = {"ours": [], "bare": []}
    for _ in range(times):
        for kind, results in found.items():
            with common.scratch() as out:
                command = [sys.executable, "-m", "benchmarks.giants", "--run", kind]
                command += ["--src", str(path), "--out", str(out / "tiles")]
                done = subprocess.run(command, check=True, capture_output=True, text=True)
                results.append(json.loads(done.stdout))

    def median(kind: str, what: str) -> float:
        return statistics.median(result[what] for result in found[kind])

    ours, bare = ({w: median(k, w) for w in found[k][0]} for k in ("ours", "bare"))
    return (
        name,
        seconds(ours["took_s"]),
        seconds(bare["took_s"]),
        ratio(ours["took_s"], bare["took_s"]),
        ratio(ours["cpu_s"], bare["cpu_s"]),
        f"{ours['peak_mb']:,.0f}",
        f"{bare['peak_mb']:,.0f}",
        ratio(ours["peak_mb"], bare["peak_mb"]),
        f"{ours['tiles_mb']:,.0f}",
    )


def ours(path: Path, out: Path) -> dict[str, float]:
    """What a giant's child does, in this process."""
    from rayograph.tiles.make import work
    from rayograph.tiles.steps import MakeConfig

    config = MakeConfig(str(out), str(path), TILE, QUALITY, 10**11)
    began = time.perf_counter()
    work(("probe", "1"), config)
    pyramid = work(("overview",), config)
    while not pyramid.is_done:
        pyramid = work(("advance",), config)
    return _spent(began, pyramid.size_bytes)


def bare(path: Path, out: Path) -> dict[str, float]:
    """libvips alone, with the same tiles."""
    import pyvips

    began = time.perf_counter()
    image = pyvips.Image.new_from_file(str(path), access="sequential")
    suffix = f".jpg[Q={QUALITY},keep=none]"
    image.dzsave(str(out), tile_size=TILE, overlap=0, suffix=suffix)
    return _spent(began, 0)


def _spent(began: float, tiles_bytes: int) -> dict[str, float]:
    took = time.perf_counter() - began
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "took_s": took,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "peak_mb": _peak_mb(),
        "tiles_mb": tiles_bytes / 1e6,
    }


def _peak_mb() -> float:
    """The largest resident size of this very program; ``ru_maxrss`` begins with its parent's."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


MEASURED = {"ours": ours, "bare": bare}


# -- through a server -----------------------------------------------------------------------


class _Slow(SimpleHTTPRequestHandler):
    """Sends files at a line's speed."""

    bytes_s = 0.0

    def copyfile(self, source: Any, outputfile: Any) -> None:
        pause, began, sent = threading.Event(), time.monotonic(), 0
        while block := source.read(1 << 18):
            outputfile.write(block)
            sent += len(block)
            pause.wait(max(0.0, sent / self.bytes_s - (time.monotonic() - began)))

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def web(folder: Path, mbit: int) -> Iterator[str]:
    """The folder on loopback, at ``mbit`` megabits a second."""
    handler = type("Handler", (_Slow,), {"bytes_s": mbit * 1e6 / 8})
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def first_tiles(path: Path, catalog: Path, mbit: int) -> tuple[str, ...]:
    """What a viewer asks for first, from the moment the last byte has come."""
    allowed = {"sources__allowed_hosts": json.dumps(["127.0.0.1"])}
    with web(path.parent, mbit) as url, common.Server(catalog, model="fake", **allowed) as server:
        # So that the workers are up, as they are on a server that runs.
        server.complete(_add(server, f"{url}/{path.name}", "first"))
        began = time.perf_counter()
        dataset = _add(server, f"{url}/{path.name}", "measured")
        answered = time.perf_counter()
        glob = f"tiles/{dataset}-*/original/{path.name}"
        common.until(lambda: next(catalog.glob(glob), None), every_s=0.005)
        downloaded = time.perf_counter()
        common.until(lambda: _shown(server, dataset))
        shown = time.perf_counter()
        common.until(lambda: server.get(f"/api/progress/{dataset}")["total"] > 1 or None)
        regions = time.perf_counter()
        common.until(lambda: _info(server, dataset).get("status") == "ready" or None)
        ready = time.perf_counter()
    return (
        seconds(answered - began),
        seconds(downloaded - began),
        seconds(shown - downloaded),
        seconds(regions - downloaded),
        seconds(ready - downloaded),
    )


def _add(server: common.Server, url: str, name: str) -> str:
    answer = server.http.post("/api/datasets", json={"url": url, "name": name})
    return str(answer.json()["dataset_id"])


def _info(server: common.Server, dataset: str) -> dict[str, Any]:
    return server.get(f"/api/datasets/{dataset}/status").get("tile_info") or {}


def _shown(server: common.Server, dataset: str) -> bool | None:
    """Whether the whole picture, two levels and a part of the third are there for good."""
    info = _info(server, dataset)
    if not info:
        return None
    shape = Shape(info["width"], info["height"], info["tile_size"])
    for z in range(shape.top, shape.top + 3):
        columns, rows = shape.grid(z)
        for x, y in ((x, y) for x in range(columns) for y in range(min(2, rows))):
            tile = server.http.get(f"/api/tiles/{info['tile_id']}_files/{z}/{x}_{y}.jpg")
            if tile.status_code != 200 or tile.headers["x-tile"] != "final":
                return None
    return True


if __name__ == "__main__":
    main()
