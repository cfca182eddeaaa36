"""The Ray Data chains: each reads as one line of stages; resources come from the settings.

Sources are in-memory blocks, never a read task that holds a CPU: with actors of a fraction of a
CPU beside it, that deadlocks on a small machine. They are made by ``from_blocks``: ``from_arrow``
first sends a task a block to have its rows counted, which starts a worker process a CPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyarrow as pa

from rayograph.quality import Rules
from rayograph.settings import Settings
from rayograph_pipelines.facts import ModelFacts
from rayograph_pipelines.stages.decode import Decode, DecodeConfig
from rayograph_pipelines.stages.embed import Embed, EmbedConfig
from rayograph_pipelines.stages.fingerprint import Fingerprint, FingerprintConfig
from rayograph_pipelines.stages.list_files import ListFiles, ListFilesConfig
from rayograph_pipelines.stages.measure import Measure, MeasureConfig
from rayograph_pipelines.stages.read_metadata import MetadataConfig, ReadMetadata

# How far bulk work steps back for the page and for what is on screen.
NICE = 10
_FIRST_BLOCKS = (128, 256, 512)
# Chunks of names a listing task takes: a task alone costs as much as listing thousands of files.
_LIST_CHUNKS = 8


def listing(chunks: list[str], config: ListFilesConfig, settings: Settings) -> Iterator[pa.Table]:
    """Packed chunks of names -> listing rows."""
    import ray

    tables = [
        pa.table({"chunk": chunks[at : at + _LIST_CHUNKS]})
        for at in range(0, len(chunks), _LIST_CHUNKS)
    ]
    files = ray.data.from_blocks(tables).map_batches(
        ListFiles(config),
        batch_format="pyarrow",
        batch_size=None,
        num_cpus=0.25,
        compute=ray.data.TaskPoolStrategy(size=settings.listing.workers),
    )
    yield from _batches(files)


def metadata(work: pa.Table, settings: Settings) -> Iterator[pa.Table]:
    """Rows with ``uri`` -> the metadata columns."""
    import ray

    options = settings.metadata
    found = ray.data.from_blocks(_blocks(work, 4 * options.batch_size)).map_batches(
        ReadMetadata,
        fn_constructor_args=(metadata_config(settings, nice=NICE),),
        batch_format="pyarrow",
        batch_size=options.batch_size,
        num_cpus=options.num_cpus,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=options.actors),
    )
    yield from _batches(found)


def embedding(
    work: pa.Table, model: str, facts: ModelFacts, settings: Settings
) -> Iterator[pa.Table]:
    """Rows with ``uri`` -> vectors, decoding beside the model."""
    import ray

    options = settings.embedding
    batch_size = batch_rows(settings)
    found = (
        ray.data.from_blocks(_blocks(work, 4 * batch_size))
        .map_batches(
            Decode,
            fn_constructor_args=(decode_config(facts, settings, nice=NICE),),
            batch_format="pyarrow",
            batch_size=batch_size,
            num_cpus=0.25,
            compute=ray.data.ActorPoolStrategy(size=options.decode_actors),
        )
        .map_batches(
            Embed,
            fn_constructor_args=(embed_config(model, settings, nice=NICE),),
            batch_format="pyarrow",
            batch_size=batch_size,
            num_cpus=options.num_cpus,
            num_gpus=gpus(settings) or None,
            compute=ray.data.ActorPoolStrategy(size=options.actors),
        )
    )
    yield from _batches(found)


def fingerprints(work: pa.Table, settings: Settings, *, decode: bool) -> Iterator[pa.Table]:
    """Rows with ``uri`` -> content and perceptual hashes."""
    import ray

    found = ray.data.from_blocks(_blocks(work, 1024)).map_batches(
        Fingerprint,
        fn_constructor_args=(fingerprint_config(settings, decode=decode),),
        batch_format="pyarrow",
        batch_size=256,
        num_cpus=0.25,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=settings.metadata.actors),
    )
    yield from _batches(found)


def measures(work: pa.Table, settings: Settings) -> Iterator[pa.Table]:
    """Rows with ``uri`` -> the quality columns."""
    import ray

    found = ray.data.from_blocks(_blocks(work, 1024)).map_batches(
        Measure,
        fn_constructor_args=(measure_config(settings),),
        batch_format="pyarrow",
        batch_size=256,
        num_cpus=0.25,
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=settings.metadata.actors),
    )
    yield from _batches(found)


def metadata_config(settings: Settings, *, nice: int = 0) -> MetadataConfig:
    images = settings.images
    return MetadataConfig(max_pixels=images.max_pixels, timeout_s=images.timeout_s, nice=nice)


def decode_config(facts: ModelFacts, settings: Settings, *, nice: int = 0) -> DecodeConfig:
    images = settings.images
    return DecodeConfig(
        image_size=facts.image_size,
        resize_mode=facts.resize_mode,
        max_pixels=images.max_pixels,
        timeout_s=images.timeout_s,
        nice=nice,
        rules=rules_of(settings),
    )


def rules_of(settings: Settings) -> Rules:
    """What a picture's quality is called."""
    return Rules(**settings.quality.model_dump(exclude={"without_model"}))


def measure_config(settings: Settings) -> MeasureConfig:
    images = settings.images
    return MeasureConfig(images.max_pixels, images.timeout_s, nice=NICE, rules=rules_of(settings))


def fingerprint_config(settings: Settings, *, decode: bool) -> FingerprintConfig:
    images = settings.images
    return FingerprintConfig(decode, images.max_pixels, images.timeout_s, nice=NICE)


def embed_config(model: str, settings: Settings, *, nice: int = 0) -> EmbedConfig:
    options = settings.embedding
    return EmbedConfig(
        model=model,
        precision=options.precision,
        threads=options.threads,
        device="cuda" if gpus(settings) else "cpu",
        batch_size=batch_rows(settings),
        nice=nice,
    )


def gpus(settings: Settings) -> float:
    """GPUs a model actor asks for: one where the cluster has any."""
    import ray

    if settings.embedding.num_gpus != "auto":
        return float(settings.embedding.num_gpus)
    return 1.0 if ray.cluster_resources().get("GPU", 0) >= 1 else 0.0


def batch_rows(settings: Settings) -> int:
    """Images the model takes at once."""
    if settings.embedding.batch_size != "auto":
        return int(settings.embedding.batch_size)
    return 256 if gpus(settings) else 32


def _blocks(work: pa.Table, rows: int) -> list[pa.Table]:
    """The work in blocks, small ones first, so that the first results come soon."""
    blocks, at = [], 0
    for size in _FIRST_BLOCKS:
        if at < work.num_rows and size < rows:
            blocks.append(work.slice(at, size))
            at += size
    blocks.extend(work.slice(start, rows) for start in range(at, work.num_rows, rows))
    return blocks


def _batches(dataset: Any) -> Iterator[pa.Table]:
    for batch in dataset.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=1):
        if batch.num_rows:
            yield batch
