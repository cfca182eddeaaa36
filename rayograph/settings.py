"""Typed settings: YAML < environment < flags. Nothing is read when this module is imported.

``load`` returns the settings and, for ``rayograph config show``, where each value came from.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from rayograph.errors import ConfigurationError

ENV_PREFIX = "RAYOGRAPH_"
CONFIGS = (Path(__file__).parent / "configs", Path(__file__).parent.parent / "configs")


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class ServerSettings(Section):
    """Where the page and the API answer."""

    host: str = Field("127.0.0.1", description="address to bind; beyond loopback needs a token")
    port: int = Field(8000, ge=0, le=65535, description="port to bind; 0 picks a free one")
    token: str | None = Field(None, description="bearer token; made up when needed and not given")
    allowed_hosts: tuple[str, ...] = Field((), description="further Host names to answer to")
    replicas: int = Field(1, ge=1, description="API replicas behind Ray Serve")
    ha_proxy: bool = Field(True, description="let Ray Serve use its HAProxy front")


class CatalogSettings(Section):
    """Where the tables live."""

    uri: str = Field("~/.rayograph", description="a folder or an fsspec URL such as s3://bucket/x")
    cache: str | None = Field(None, description="local folder for thumbnails; default in catalog")
    keep_versions_s: float = Field(300.0, ge=0, description="age at which old versions go, s")


class SourceSettings(Section):
    """What may be opened."""

    allowed_hosts: tuple[str, ...] = Field((), description="private hosts http sources may reach")
    follow_symlinks: bool = Field(True, description="follow folder links (loops are detected)")


class DownloadSettings(Section):
    """Pictures by URL."""

    max_gb: float = Field(32.0, gt=0, description="larger downloads fail as too_large, GB")
    tries: int = Field(6, ge=1, description="tries in a row that may fail")
    connect_timeout_s: float = Field(10.0, gt=0, description="time a connection may take, s")
    patience_s: float = Field(30.0, gt=0, description="time over which slowness is judged, s")
    min_rate_bytes_s: int = Field(10_000, ge=1, description="a slower server fails, bytes/s")
    max_redirects: int = Field(5, ge=0, description="redirects followed")
    backoff_s: float = Field(1.0, ge=0, description="longest first pause; each next doubles, s")
    max_wait_s: float = Field(120.0, ge=0, description="longest pause between two tries, s")


class ListingSettings(Section):
    """Finding files; none is opened."""

    first_page: int = Field(512, ge=1, description="rows listed before the request is answered")
    fragment_rows: int = Field(16384, ge=256, description="rows a table fragment holds")
    workers: int = Field(2, ge=1, description="folders listed at once")


class WatchSettings(Section):
    """Noticing what happens to files."""

    enabled: bool = Field(True, description="watch the local folders that are open")
    polling: bool = Field(False, description="look again and again, never wait to be told")
    poll_s: float = Field(30.0, gt=0, description="time between two looks where it is polled, s")
    debounce_s: float = Field(1.0, gt=0, description="longest time changes are gathered for, s")
    burst: int = Field(5000, ge=1, description="more changes at once: look at the whole folder")


class ImageSettings(Section):
    """Limits one picture must keep to."""

    max_pixels: int = Field(500_000_000, ge=1, description="larger pictures fail as too_large")
    timeout_s: float = Field(20.0, gt=0, description="time one picture may take in a stage, s")


class RetrySettings(Section):
    """Trying again by itself what storage or a network made fail; never a broken file."""

    tries: int = Field(6, ge=0, description="tries after the first one; 0: none by itself")
    first_s: float = Field(2.0, gt=0, description="pause before the first; each next is 4 times, s")
    most_s: float = Field(600.0, gt=0, description="longest pause between two tries, s")


class MetadataSettings(Section):
    """Header reads on CPU actors."""

    actors: int = Field(2, ge=1, description="actors at most")
    num_cpus: float = Field(0.4, gt=0, description="Ray CPUs an actor asks for")
    batch_size: int = Field(4096, ge=1, description="images a batch at most")


class EmbeddingSettings(Section):
    """The model over every image."""

    enabled: bool = Field(True, description="false: never embed")
    actors: int = Field(1, ge=1, description="model actors; one a GPU")
    num_cpus: float = Field(0.9, gt=0, description="Ray CPUs a model actor asks for")
    num_gpus: float | Literal["auto"] = Field("auto", description="GPUs a model actor asks for")
    batch_size: int | Literal["auto"] = Field("auto", description="auto: 256 on a GPU, 32 on CPU")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field("auto", description="arithmetic")
    threads: int | Literal["auto"] = Field("auto", description="CPU threads of the model")
    decode_actors: int = Field(1, ge=1, description="decoding actors")
    publish_s: float = Field(1.0, gt=0, description="shortest time between two commits, s")


class ThumbnailSettings(Section):
    """Small pictures for the page."""

    sizes: tuple[int, ...] = Field((128, 256, 512), description="widths kept, px")
    quality: int = Field(78, ge=1, le=100, description="WebP quality")
    memory_mb: int = Field(128, ge=0, description="memory for recently served ones, MB")


class TileSettings(Section):
    """Giants: pictures that are tiled."""

    folder: str | None = Field(None, description="folder for tiles; default in catalog")
    min_pixels: int = Field(100_000_000, ge=1, description="a file so large is opened as a giant")
    max_pixels: int = Field(100_000_000_000, ge=1, description="larger giants fail as too_large")
    size: int = Field(512, ge=64, le=4096, description="side of a tile, px")
    quality: int = Field(85, ge=1, le=100, description="JPEG quality of tiles")
    max_regions: int = Field(1500, ge=0, description="regions of a giant that can be searched")
    max_disk_gb: float = Field(100.0, gt=0, description="disk for all tiles and downloads, GB")
    memory_mb: int = Field(8192, ge=512, description="address space a giant's worker may use, MB")
    timeout_s: float = Field(600.0, gt=0, description="time without a new tile before it fails, s")
    at_once: int = Field(2, ge=1, description="giants tiled at once")


class ExportSettings(Section):
    """Exports made by the server."""

    folder: str | None = Field(None, description="folder for exports; default in catalog")
    keep_s: float = Field(86_400.0, ge=0, description="age at which exports go, s")
    max_gb: float = Field(50.0, gt=0, description="disk for one export and for all finished, GB")
    at_once: int = Field(1, ge=1, description="exports made at once; others wait")


class IndexSettings(Section):
    """The vector index."""

    min_rows: int = Field(50_000, ge=256, description="vectors before an index pays")
    grow: float = Field(0.1, gt=0, description="share of new vectors that triggers an extension")
    refine: int = Field(
        10, ge=1, description="candidates re-ranked with full vectors, times k; fewer past 10"
    )
    min_recall: float = Field(0.97, gt=0, le=1, description="a lower recall@10 rebuilds it")


class QualitySettings(Section):
    """What makes a picture blurred, dark, bright, plain or odd, and which are looked at."""

    without_model: bool = Field(False, description="decode pictures for it that no model looks at")
    blurred_below: float = Field(0.2, ge=0, description="blurred: of less sharpness")
    dark_below: float = Field(0.2, ge=0, le=1, description="dark: its highlights lie lower")
    bright_above: float = Field(0.75, ge=0, le=1, description="bright: its shadows lie higher")
    plain_entropy: float = Field(2.0, ge=0, le=8, description="plain: of less entropy, bits, and")
    plain_contrast: float = Field(
        0.06, ge=0, le=1, description="highlights no further from shadows"
    )
    odd_beyond: float = Field(
        3.0, ge=1, description="odd: so many times as wide as high, or as high"
    )


class RaySettings(Section):
    """The Ray cluster."""

    address: str | None = Field(None, description="cluster to attach to; none: a private local one")
    num_cpus: int | None = Field(None, ge=1, description="CPUs of the private cluster")
    object_store_mb: int = Field(512, ge=80, description="object store of the private cluster, MB")


class Settings(Section):
    """Everything that can be configured."""

    model: str = Field("auto", description="auto, none, or an open_clip model/pretrained name")
    server: ServerSettings = ServerSettings()
    catalog: CatalogSettings = CatalogSettings()
    sources: SourceSettings = SourceSettings()
    download: DownloadSettings = DownloadSettings()
    listing: ListingSettings = ListingSettings()
    watch: WatchSettings = WatchSettings()
    images: ImageSettings = ImageSettings()
    retries: RetrySettings = RetrySettings()
    metadata: MetadataSettings = MetadataSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    thumbnails: ThumbnailSettings = ThumbnailSettings()
    tiles: TileSettings = TileSettings()
    exports: ExportSettings = ExportSettings()
    index: IndexSettings = IndexSettings()
    quality: QualitySettings = QualitySettings()
    ray: RaySettings = RaySettings()
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="log level")


def known_keys() -> dict[str, Any]:
    """Dotted key -> default, for every setting there is."""
    return _flatten(Settings().model_dump())


def load(
    config: str | Path | None = None,
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> tuple[Settings, dict[str, str]]:
    """Settings and the origin of each dotted key (``default``, a file, a variable or a flag).

    Args:
        config: a YAML file, or the name of one in ``configs/``; default ``RAYOGRAPH_CONFIG``
            or ``local``.
        flags: dotted key -> value; None values are ignored.
    """
    environ = os.environ if environ is None else environ
    origins = dict.fromkeys(known_keys(), "default")
    values: dict[str, Any] = {}
    path = _config_path(config or environ.get(ENV_PREFIX + "CONFIG") or "local")
    for key, value in _flatten(_read_yaml(path)).items():
        _check_key(key, f"in {path}")
        values[key], origins[key] = value, str(path)
    for name, text in environ.items():
        if name.startswith(ENV_PREFIX) and name != ENV_PREFIX + "CONFIG":
            key = name.removeprefix(ENV_PREFIX).lower().replace("__", ".")
            _check_key(key, f"from {name}")
            values[key], origins[key] = _parse_env(text), name
    for key, value in (flags or {}).items():
        if value is not None:
            _check_key(key, "from a flag")
            values[key], origins[key] = value, "flag"
    try:
        return Settings.model_validate(_nest(values)), origins
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise ConfigurationError(
            f"{key}: {first['msg']} (got {first['input']!r}, {origins.get(key, 'from the file')})",
            hint="`rayograph config show` lists every setting and where it comes from",
        ) from None


def _config_path(config: str | Path) -> Path:
    given = Path(config).expanduser()
    if given.suffix in {".yaml", ".yml"}:
        if given.is_file():
            return given
        raise ConfigurationError(f"no configuration file {given}")
    for folder in CONFIGS:
        path = folder / f"{given}.yaml"
        if path.is_file():
            return path
    names = sorted(p.stem for folder in CONFIGS for p in folder.glob("*.yaml"))
    raise ConfigurationError(
        f"no configuration called {str(config)!r}",
        hint=f"known: {', '.join(dict.fromkeys(names))}, or the path of a .yaml file",
    )


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        data = yaml.safe_load(path.read_text("utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise ConfigurationError(f"cannot read {path}: {error}") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        raise ConfigurationError(f"{path} must hold a mapping of settings")
    return data


def _parse_env(text: str) -> Any:
    """A variable's text as YAML reads it (which JSON is part of)."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return text


def _check_key(key: str, where: str) -> None:
    known = known_keys()
    if key in known:
        return
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else "`rayograph config show` lists every setting"
    raise ConfigurationError(f"unknown setting {key!r} {where}", hint=hint)


def _flatten(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in data.items():
        dotted = f"{prefix}{key}"
        if isinstance(value, Mapping):
            flat.update(_flatten(value, dotted + "."))
        else:
            flat[dotted] = value
    return flat


def _nest(flat: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in flat.items():
        *parents, leaf = key.split(".")
        room = nested
        for part in parents:
            room = room.setdefault(part, {})
        room[leaf] = value
    return nested


def describe() -> list[tuple[str, Any, str]]:
    """(dotted key, default, description) of every setting, for the docs and their test."""
    rows: list[tuple[str, Any, str]] = []
    for name, field in Settings.model_fields.items():
        if isinstance(field.default, Section):
            for leaf, sub in type(field.default).model_fields.items():
                rows.append((f"{name}.{leaf}", sub.default, sub.description or ""))
        else:
            rows.append((name, field.default, field.description or ""))
    return rows


def dump(settings: Settings) -> dict[str, Any]:
    """Dotted key -> value."""
    return _flatten(TypeAdapter(Settings).dump_python(settings))
