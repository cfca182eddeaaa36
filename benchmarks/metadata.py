"""Metadata: images a second up to the commit, against the same reads in a bare process pool; and
what reading details costs of plain pictures, of cameras' and of those that AI tools make."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

from benchmarks import common
from benchmarks.common import ratio, seconds
from rayograph.imaging import read_header
from tests import described

CHUNK = 512
FIRST = 10_000
READS, ROUNDS = 2_000, 7
A1111 = (
    "a lighthouse at dusk, calm sea, detailed, 4k, <lora:grain:0.8>\n"
    "Negative prompt: blurry, low quality, watermark\n"
    "Steps: 28, Sampler: DPM++ 2M Karras, CFG scale: 6.5, Seed: 4294967295, Size: 832x1216, "
    "Model hash: 31e35c80fc, Model: sdxl_base_1.0, Version: v1.9.4"
)


def main() -> None:
    options = common.arguments(__doc__, 100_000)
    common.machine()
    few = min(FIRST, options.count)
    with common.scratch() as work:
        folder = common.photographs(work / "many", options.count)
        small = common.photographs(work / "few", few, first=10_000_000)
        common.say(f"{options.count:,} and {few:,} photographs made")
        pool_s = bare_pool(folder)
        with common.Server(work / "catalog", model="none") as server:
            server.warm(work / "warm")
            first_s, few_s = timed(server, small)
            _, many_s = timed(server, folder)
    rate, floor = options.count / many_s, options.count / pool_s
    rows = [
        ("first metadata on the page", seconds(first_s), "", "<= 2 s", ""),
        (f"{few:,} complete", seconds(few_s), f"{few / few_s:,.0f}", "<= 3 s", ""),
        (
            f"{options.count:,} complete",
            seconds(many_s),
            f"{rate:,.0f}",
            ">= 0.6 x",
            ratio(rate, floor),
        ),
        ("floor: bare pool, reads alone", seconds(pool_s), f"{floor:,.0f}", "", "1.00 x"),
    ]
    common.table(("since the POST", "took", "images/s", "reach", "of the floor"), rows)
    heads = ("one core, from memory", "size alone, images/s", "with details, images/s", "ratio")
    common.table(heads, [details(*kind) for kind in kinds()])


def details(name: str, data: bytes) -> tuple[str, str, str, str]:
    """Reads of one picture's header, without its details and with them, turn about.

    By processor time: microseconds each, they would measure who else is at work.
    """
    took = {False: float("inf"), True: float("inf")}
    for _ in range(ROUNDS):
        for wanted in (False, True):
            began = time.process_time()
            for _ in range(READS):
                read_header(io.BytesIO(data), max_pixels=500_000_000, details=wanted)
            took[wanted] = min(took[wanted], time.process_time() - began)
    bare, full = (READS / took[wanted] for wanted in (False, True))
    return name, f"{bare:,.0f}", f"{full:,.0f}", ratio(full, bare)


def kinds() -> list[tuple[str, bytes]]:
    """A picture of each kind, by name."""
    camera = described.picture("JPEG", exif=described.exif(**described.CAMERA))
    text = described.user_comment(A1111)
    return [
        ("plain JPEG", described.picture("JPEG")),
        ("plain PNG", described.picture("PNG")),
        ("JPEG of a camera", camera),
        ("PNG by A1111", described.png(parameters=A1111)),
        ("JPEG by A1111", described.picture("JPEG", exif=text)),
        ("PNG by ComfyUI", described.png(prompt=graph(), workflow=graph() * 4)),
    ]


def graph() -> str:
    """A ComfyUI graph of usual size."""
    nodes: dict[str, Any] = {
        str(n): {
            "class_type": "CLIPTextEncode",
            "inputs": {"text": f"a hill {n}", "clip": ["0", 1]},
        }
        for n in range(1, 40)
    }
    nodes["0"] = {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.safetensors"}}
    links = {
        "model": ["0", 0],
        "positive": ["1", 0],
        "negative": ["2", 0],
        "latent_image": ["3", 0],
    }
    settings = {"seed": 2**60, "steps": 20, "cfg": 7.0, "sampler_name": "euler"}
    nodes["99"] = {"class_type": "KSampler", "inputs": links | settings}
    return json.dumps(nodes)


def timed(server: common.Server, folder: Path) -> tuple[float, float]:
    """Seconds from the POST to the first width on the page, and to the last commit."""
    began = time.perf_counter()
    key = server.add(folder)

    def first() -> bool | None:
        page = server.get(f"/api/datasets/{key}/images?limit=10")
        return any(item["width"] is not None for item in page["items"]) or None

    common.until(first)
    first_s = time.perf_counter() - began
    progress = server.stage_done(key, "metadata")
    took = time.perf_counter() - began
    done = progress["stages"]["metadata"]
    if done["failed"] or done["done"] != progress["total"]:
        raise RuntimeError(f"not every photograph was read: {done}")
    return first_s, took


def bare_pool(folder: Path) -> float:
    """The same header reads on every core: no listing, no table, no commit, pool already up."""
    paths = [os.path.join(home, n) for home, _, names in os.walk(folder) for n in names]  # noqa: PTH118
    chunks = [paths[at : at + CHUNK] for at in range(0, len(paths), CHUNK)]
    with multiprocessing.get_context("spawn").Pool() as pool:
        pool.map(read, chunks[: 2 * (os.cpu_count() or 1)], chunksize=1)
        began = time.perf_counter()
        found = sum(pool.imap_unordered(read, chunks))
        took = time.perf_counter() - began
    if found != len(paths):
        raise RuntimeError(f"{found} of {len(paths)} headers read")
    return took


def read(paths: list[str]) -> int:
    """Read these headers; how many."""
    for path in paths:
        with open(path, "rb") as file:  # noqa: PTH123
            read_header(file, max_pixels=500_000_000, details=True)
    return len(paths)


if __name__ == "__main__":
    main()
