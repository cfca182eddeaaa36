"""Embedding: images a second through the real chain, against the bare model on ready tensors."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa

from benchmarks import common
from benchmarks.common import ratio, seconds

BATCHES = 8


def main() -> None:
    options = common.arguments(__doc__, 600, model="random:ViT-B-32", precision="bf16", floor="")
    if options.floor:
        bare_model(options.floor, options.precision, int(options.count))
        return
    common.machine()
    with common.scratch() as work:
        folder = common.photographs(work / "photographs", options.count)
        floor = _bare_in_a_process(options.model, options.precision)
        common.say("bare model measured")
        first_s, whole_s = through_the_server(work, folder, options.model, options.precision)
        common.say("server measured")
        steady, chain_s = through_the_chain(folder, options.model, options.precision)
        again = _bare_in_a_process(options.model, options.precision)
    # The machine may have slowed down or sped up meanwhile: the floor is taken on both sides.
    floor = (floor + again) / 2
    whole = options.count / whole_s
    rows = [
        ("chain, from the model's first batch to its last", f"{steady:.1f}", ">= 0.9 x", steady),
        (f"chain, with its start and model, {seconds(chain_s)}", "", "", options.count / chain_s),
        (f"POST to last commit, {seconds(whole_s)}", "", "", whole),
        ("floor: bare model, ready tensors", "", "", floor),
    ]
    lines = [(name, f"{rate:.1f}", reach, ratio(rate, floor)) for name, _, reach, rate in rows]
    common.table((options.model, "images/s", "reach", "of the floor"), lines)
    print(f"first vectors visible {seconds(first_s)} after the POST, model loaded (reach <= 5 s)")


def through_the_server(work: Path, folder: Path, model: str, precision: str) -> tuple[float, float]:
    """Seconds from a POST to the first vectors and to the last, with the model loaded."""
    with common.Server(work / "catalog", model=model, embedding__precision=precision) as server:
        server.warm(work / "warm")
        began = time.perf_counter()
        key = server.add(folder)

        def first() -> bool | None:
            return server.progress(key)["stages"]["embedding"]["done"] > 0 or None

        common.until(first)
        first_s = time.perf_counter() - began
        progress = server.stage_done(key, "embedding")
        took = time.perf_counter() - began
    if progress["ready"] != progress["total"]:
        raise RuntimeError(f"not every photograph was embedded: {progress}")
    return first_s, took


def through_the_chain(folder: Path, model: str, precision: str) -> tuple[float, float]:
    """Images a second between the model's first and last batch, and the chain's whole time, s."""
    # As the backend starts Ray: workers keep their priority, and nothing is drawn.
    os.environ |= {"RAY_worker_niceness": "0", "RAY_DATA_DISABLE_PROGRESS_BARS": "1"}
    import ray

    logging.getLogger("ray.data").setLevel(logging.WARNING)
    from rayograph.backend import init_ray
    from rayograph.encoders.names import model_shape
    from rayograph.settings import load
    from rayograph.sources import file_uri

    settings, _ = load(flags={"model": model, "embedding.precision": precision})
    shape = model_shape(model)
    if shape is None:
        raise RuntimeError(f"{model}: only loading tells its picture size")
    uris = [file_uri(str(path)) for path in sorted(folder.rglob("*.jpg"))]
    work = pa.table({"id": uris, "uri": uris, "_rowaddr": pa.array(range(len(uris)), pa.uint64())})
    init_ray(settings)
    try:
        from rayograph_pipelines import chains
        from rayograph_pipelines.facts import ModelFacts

        facts = ModelFacts("", shape.dim, shape.image_size, shape.resize_mode)

        chains.Embed = _clocked(chains.Embed)  # type: ignore[attr-defined]
        began = time.perf_counter()
        ended: Counter[float] = Counter()
        for block in chains.embedding(work, model, facts, settings):
            if block["embed_state"].null_count or block["vector"].null_count:
                raise RuntimeError("a photograph was not embedded")
            ended.update(block["ended_at"].to_pylist())
        took = time.perf_counter() - began
    finally:
        ray.shutdown()
    if ended.total() != len(uris) or len(ended) < 3:
        raise RuntimeError(f"{ended.total()} vectors in {len(ended)} batches: a larger --count")
    first, last = min(ended), max(ended)
    return (ended.total() - ended[first]) / (last - first), took


def _clocked(stage: type[Any]) -> type[Any]:
    """The stage, each row saying when its batch left the model: blocks reach us bundled, later."""

    class Clocked(stage):  # type: ignore[misc]
        def __call__(self, batch: pa.Table) -> pa.Table:
            done = super().__call__(batch)
            return done.append_column("ended_at", pa.array([time.monotonic()] * done.num_rows))

    return Clocked


def _bare_in_a_process(model: str, precision: str) -> float:
    command = [sys.executable, "-m", "benchmarks.embedding", "--floor", model]
    command += ["--precision", precision]
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=common.environ())
    return float(json.loads(done.stdout.splitlines()[-1])["rate"])


def bare_model(model: str, precision: str, _: int) -> None:
    """Print the images a second of the model alone, on all cores, over normalised tensors."""
    import open_clip
    import torch

    from rayograph.encoders.base import pick_precision

    device = "cuda" if torch.cuda.is_available() else "cpu"
    kinds = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
    kind = kinds[pick_precision(precision, device)]  # type: ignore[arg-type]
    bare = open_clip.create_model(model.removeprefix("random:"), load_weights=False)
    bare = bare.eval().to(device=device, dtype=kind)
    side, batch = bare.visual.image_size, 32 if device == "cpu" else 256
    height, width = side if isinstance(side, tuple) else (side, side)
    tensors = torch.randn(batch, 3, height, width, device=device).to(kind)
    with torch.inference_mode():
        for _ in range(2):
            bare.encode_image(tensors).float().sum().item()
        began = time.perf_counter()
        for _ in range(BATCHES):
            bare.encode_image(tensors).float().sum().item()
        took = time.perf_counter() - began
    print(json.dumps({"rate": BATCHES * batch / took}))


if __name__ == "__main__":
    main()
