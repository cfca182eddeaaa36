"""The map in a browser and areas of it in a table: the page's own time, not a GPU's.

Chromium draws by software here, so how many frames come in a second says nothing about a GPU; how
long the page's own code takes for one does.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import json
import math
import os
import shutil
import tempfile
import threading
import time
from pathlib import Path

import lance
import numpy as np
import pyarrow as pa

from rayograph.where.area import to_sql
from rayograph_ui.shell import static_dir

CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
IN_PAGE = """async () => {
  const [{ readArrow }, { MapIndex, crowds }, { inside }, { MapPlot }, { palette }] =
    await Promise.all(["arrow", "mapindex", "area", "mapgl", "mapcolours"]
      .map((name) => import(`/${name}.js`)));
  const took = {};
  const timed = (name, act) => {
    const began = performance.now();
    const found = act();
    took[`${name}_ms`] = Math.round(10 * (performance.now() - began)) / 10;
    return found;
  };
  const bytes = await (await fetch("/map.arrow")).arrayBuffer();
  const { columns: { x, y, cluster } } = timed("parse", () => readArrow(bytes));
  const bounds = [-2, -2, 2, 2];
  const index = timed("index", () => new MapIndex(x, y, bounds));
  timed("names", () => crowds(x, y, cluster, 32, bounds));
  const canvas = document.body.appendChild(document.createElement("canvas"));
  Object.assign(canvas, { width: 1000, height: 800 });
  let drawn = null;
  const plot = new MapPlot(canvas, () => drawn?.());
  timed("upload", () => plot.points(x, y));
  plot.palette(palette(null));
  timed("hover_1000", () => {
    for (let i = 0; i < 1000; i += 1) index.nearest(Math.sin(i), Math.cos(7 * i), 0.03);
  });
  const corners = Array.from({ length: 64 }, (_, at) => {
    const [turn, far] = [(at / 32) * Math.PI, 0.8 + 0.2 * Math.sin((at / 32) * 5 * Math.PI)];
    return [far * Math.cos(turn), far * Math.sin(turn)];
  });
  timed("lasso_64", () => inside(x, y, corners));
  const frames = [];
  const began = performance.now();
  for (let at = 0; at < 20; at += 1) {
    const come = new Promise((resolve) => { drawn = resolve; });
    const look = { scale: 350, size: 2, strength: 0.2, faint: 1, ink: [1, 1, 1] };
    plot.draw({ ...look, middle: [at / 100, 0] });
    await come;
    frames.push(plot.took);
  }
  frames.sort((a, b) => a - b);
  took.frame_js_p50_ms = Math.round(100 * frames[10]) / 100;
  took.software_frames_s = Math.round((200_000 / (performance.now() - began))) / 10;
  return took;
}"""


class Files(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def places(count: int) -> pa.Table:
    rng = np.random.default_rng(0)
    crowd = rng.integers(0, 32, count)
    at = rng.normal(scale=0.5, size=(32, 2))[crowd] + rng.normal(scale=0.12, size=(count, 2))
    x, y = np.clip(at, -2, 2).astype(np.float32).T
    return pa.table({"x": x, "y": y, "cluster": crowd.astype(np.int32)})


def page(table: pa.Table) -> None:
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder:
        for path in static_dir().glob("*.js"):
            shutil.copy(path, folder)
        with pa.ipc.new_stream(f"{folder}/map.arrow", table.schema) as stream:
            stream.write_table(table, max_chunksize=65_536)
        print(f"{(Path(folder) / 'map.arrow').stat().st_size:,} bytes")
        (Path(folder) / "index.html").write_text("<!doctype html><body></body>")
        handler = functools.partial(Files, directory=folder)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        args = ["--headless", "--no-sandbox", "--use-angle=swiftshader"]
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=CHROMIUM, args=[*args, "--enable-unsafe-swiftshader"]
            )
            opened = browser.new_page()
            opened.goto(f"http://127.0.0.1:{server.server_address[1]}/")
            print("page:", json.dumps(opened.evaluate(IN_PAGE)))
            browser.close()
        server.shutdown()


def areas(table: pa.Table) -> None:
    """How long an area takes as a filter of the table, by its corners."""
    with tempfile.TemporaryDirectory() as folder:
        named = table.select(["x", "y"]).rename_columns(["map_x", "map_y"])
        made = lance.write_dataset(
            named, f"{folder}/rows.lance", max_rows_per_file=16_384, data_storage_version="2.2"
        )
        for corners in (2, 8, 64, 100):
            text = "-0.8,-0.8 0.8,0.8" if corners == 2 else _star(corners)
            sql, took = to_sql(text, "map_x", "map_y"), []
            for _ in range(5):
                began = time.perf_counter()
                found = made.count_rows(sql)
                took.append(time.perf_counter() - began)
            best = round(1000 * sorted(took)[2])
            print(f"area of {corners} corners: {best} ms for {found:,}, {len(sql):,} characters")


def _star(corners: int) -> str:
    turns = [2 * math.pi * at / corners for at in range(corners)]
    far = [0.8 + 0.2 * math.sin(5 * turn) for turn in turns]
    each = zip(turns, far, strict=True)
    return " ".join(f"{r * math.cos(turn):.4f},{r * math.sin(turn):.4f}" for turn, r in each)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1_000_000)
    table = places(parser.parse_args().count)
    print(f"{table.num_rows:,} images")
    page(table)
    areas(table)


if __name__ == "__main__":
    main()
