"""Model files from the local cache or a model hub, never waiting long for a hub that is silent."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from rayograph.errors import ModelUnavailable

ANSWER_S = 2.0
REMEMBER_S = 60.0
DEFAULT_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_answers: dict[str, tuple[float, int | None]] = {}


def cached_file(repo: str, files: Sequence[str] = DEFAULT_FILES) -> Path | None:
    """The first of the files that is in the local cache."""
    try:
        from huggingface_hub import try_to_load_from_cache
    except ImportError:
        return None
    for file in files:
        found = try_to_load_from_cache(repo, file)
        if isinstance(found, str) and Path(found).exists():
            return Path(found)
    return None


def available_file(repo: str, files: Sequence[str] = DEFAULT_FILES) -> str | None:
    """The first of the files that the hub says it has; None also when it does not answer."""
    try:
        from huggingface_hub import constants, hf_hub_url
    except ImportError:
        return None
    if constants.HF_HUB_OFFLINE:
        return None
    for file in files:
        status = answer(hf_hub_url(repo, file))
        if status is None:
            return None
        if status < 400:
            return file
    return None


def fetch(repo: str, files: Sequence[str], name: str) -> Path:
    """One of the files, downloaded if it must be.

    Raises:
        ModelUnavailable: it is not cached and no hub has it (or none answers in 2 s).
    """
    cached = cached_file(repo, files)
    if cached is not None:
        return cached
    file = available_file(repo, files)
    if file is None:
        raise ModelUnavailable(
            f"{name} is not in the model cache and no model hub offers it",
            hint="run once where the hub can be reached, or name a local checkpoint: "
            "ViT-B-32//path/to/weights.safetensors",
        )
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError

    try:
        return Path(hf_hub_download(repo, file, etag_timeout=ANSWER_S))
    except (OSError, ValueError, HfHubHTTPError) as error:
        raise ModelUnavailable(
            f"{name}: the download of {file} failed: {_one_line(error)}", hint="try again"
        ) from None


def answer(url: str) -> int | None:
    """HTTP status of a HEAD request, None when no answer came; remembered for a minute."""
    host = urlsplit(url).netloc
    for known in (url, host):
        if known in _answers:
            at, status = _answers[known]
            if time.monotonic() - at < REMEMBER_S:
                return status
    status = _head(url)
    _answers[host if status is None else url] = (time.monotonic(), status)
    return status


def _head(url: str) -> int | None:
    # A thread, because no timeout of an HTTP library bounds the look-up of a host's address.
    box: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    threading.Thread(target=lambda: box.put(_request(url)), daemon=True).start()
    try:
        return box.get(timeout=ANSWER_S)
    except queue.Empty:
        return None


def _request(url: str) -> int | None:
    import httpx
    from huggingface_hub import get_token

    token = get_token()
    headers = {"authorization": f"Bearer {token}"} if token else {}
    try:
        return httpx.head(url, headers=headers, timeout=ANSWER_S).status_code
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError):
        return None


def _one_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return (text[0] if text else type(error).__name__)[:200]
