"""A library of AI-made pictures at the sizes of its predecessor's published table, and at ten times
the largest: start, first scan, search, rescan and memory."""

from __future__ import annotations

import io
import itertools
import random
import time
from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from benchmarks import common
from benchmarks.common import median, percentile, seconds
from benchmarks.memory import MB, by_name

SIZES = (10_000, 50_000, 100_000, 1_000_000)
# What the predecessor says of itself: start, first scan, search, rescan in s; memory in MB.
PREDECESSOR = {
    10_000: (2.0, 120.0, 0.350, 10.0, 350),
    50_000: (4.0, 600.0, 0.450, 30.0, 550),
    100_000: (7.0, 1_500.0, 0.550, 60.0, 800),
}
SUBJECTS = ("lighthouse", "castle", "harbour", "forest", "robot", "portrait", "market", "glacier")
MOODS = ("at dusk", "in thick fog", "after rain", "at noon", "by candlelight", "in snow")
STYLES = ("oil painting", "photograph", "line drawing", "watercolour", "render")
SAMPLERS = ("Euler a", "DPM++ 2M Karras", "DDIM", "UniPC")
MODELS = tuple(f"{family}_{n}" for family in ("sdxl", "pony", "flux", "sd15") for n in range(9))
FILTERS = (
    'prompt:"lighthouse dusk"',
    'prompt:glacier and model:"flux*"',
    "sampler:karras and steps>40",
    "cfg<4 and not prompt:portrait",
    "seed=123456",
    'name:"00123*"',
    "folder:0007",
    "model_hash:4f",
)
TEXTS = ("castle candlelight", "robot watercolour", "market after rain")
ROUNDS = 5
_turn = itertools.count()
FOLDER = 1_000


@dataclass(frozen=True, slots=True)
class Found:
    """One size's figures, in seconds and bytes."""

    start: float
    scan: float
    filters: list[float]
    words: list[float]
    rescan: float
    again: float
    memory: float


def main() -> None:
    options = common.arguments(__doc__, SIZES[-1])
    common.machine()
    for size in (size for size in SIZES if size <= options.count):
        with common.scratch() as work:
            draw(work / "library", size)
            common.say(f"{size:,} pictures with prompts made")
            found = measured(work, size)
        print_out(size, found)


def draw(folder: Path, count: int) -> None:
    """PNGs of 32 x 32 px as A1111 writes them, each with a prompt and a seed of its own."""
    rng = random.Random(3)
    picture = Image.new("RGB", (32, 32), (90, 120, 150))
    for number in range(count):
        home = folder / f"{number // FOLDER:04d}"
        if number % FOLDER == 0:
            home.mkdir(parents=True)
        about = PngInfo()
        about.add_text("parameters", parameters(rng, number))
        body = io.BytesIO()
        picture.save(body, "PNG", pnginfo=about, compress_level=0)
        (home / f"{number:07d}.png").write_bytes(body.getvalue())


def parameters(rng: random.Random, number: int) -> str:
    return (
        f"{rng.choice(STYLES)} of a {rng.choice(SUBJECTS)} {rng.choice(MOODS)}, detailed\n"
        "Negative prompt: blurry, low quality\n"
        f"Steps: {rng.randint(10, 60)}, Sampler: {rng.choice(SAMPLERS)}, "
        f"CFG scale: {rng.randint(2, 24) / 2}, Seed: {number}, Size: 512x512, "
        f"Model hash: {rng.randrange(16**10):010x}, Model: {rng.choice(MODELS)}"
    )


def measured(work: Path, size: int) -> Found:
    folder, catalog = work / "library", work / "catalog"
    with common.Server(catalog, folder, ready=False, model="none") as server:
        page = common.until(lambda: first_page(server))
        start = time.perf_counter() - server.began
        done = server.complete(page)
        if done["ready"] != size:
            raise RuntimeError(f"{done['ready']} of {size} are ready")
        scan = time.perf_counter() - server.began - start
        server.await_line("search engine is up")
        filters = [look(server, page, where) for where in FILTERS for _ in range(ROUNDS)]
        words = [say_words(server, page, text) for text in TEXTS for _ in range(ROUNDS)]
        rescan = rescanned(server, page)
        memory = sum(pss for _, pss, _ in by_name(server.processes()).values())
    with common.Server(catalog, folder, ready=False, model="none") as server:
        common.until(lambda: first_page(server))
        again = time.perf_counter() - server.began
    return Found(start, scan, filters, words, rescan, again, memory)


def first_page(server: common.Server) -> str | None:
    """The dataset, once it shows its first rows."""
    items = server.get("/api/datasets")["items"]
    if not items:
        return None
    key = str(items[0]["dataset_id"])
    return key if server.get(f"/api/datasets/{key}/images?limit=60")["items"] else None


def look(server: common.Server, key: str, where: str) -> float:
    # Never the same filter twice: what was found before must not answer.
    asked: dict[str, str | int] = {
        "where": f"({where}) and height<{40 + next(_turn)}",
        "limit": 100,
    }
    began = time.perf_counter()
    server.http.get(f"/api/datasets/{key}/images", params=asked).raise_for_status()
    return time.perf_counter() - began


def say_words(server: common.Server, key: str, text: str) -> float:
    asked = {"text": text, "by": "words", "k": 60}
    began = time.perf_counter()
    answer = server.http.post(f"/api/datasets/{key}/search", json=asked)
    took = time.perf_counter() - began
    answer.raise_for_status()
    if not answer.json()["items"]:
        raise RuntimeError(f"nothing is found for {text!r}")
    return took


def rescanned(server: common.Server, key: str) -> float:
    began = time.perf_counter()
    server.http.post(f"/api/datasets/{key}/rescan").raise_for_status()
    server.stage_done(key, "listing")
    server.complete(key)
    return time.perf_counter() - began


def print_out(size: int, found: Found) -> None:
    start, scan, search, rescan, memory = PREDECESSOR.get(size, (None,) * 5)
    rows = [
        ("start, nothing known yet", seconds(found.start), seconds(start)),
        ("start again", seconds(found.again), seconds(start)),
        ("first scan, with all metadata", seconds(found.scan), seconds(scan)),
        ("a filter's first page and total, p50", seconds(median(found.filters)), seconds(search)),
        ("... p95", seconds(percentile(found.filters, 0.95)), seconds(search)),
        ("words in prompts and names, p50", seconds(median(found.words)), seconds(search)),
        ("... p95", seconds(percentile(found.words, 0.95)), seconds(search)),
        ("rescan, nothing changed", seconds(found.rescan), seconds(rescan)),
        (
            "memory of all processes",
            f"{found.memory / MB:,.0f} MB",
            f"{memory} MB" if memory else "-",
        ),
    ]
    common.table((f"{size:,} pictures", "took", "predecessor's table"), rows)


if __name__ == "__main__":
    main()
