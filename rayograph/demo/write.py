"""A folder of drawn pictures with their captions, written by all cores and finished if cut off."""

from __future__ import annotations

import fcntl
import json
import os
import re
import selectors
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from errno import EEXIST
from pathlib import Path

from rayograph.errors import SourceError

CAPTIONS = "captions.jsonl"
# Counts up when the same seed draws something else, so that old folders are drawn anew.
VERSION = 2
_MARKER, _STAGED, _PARTS, _LOCK = (".demo.json", ".demo-new", ".demo-part-{}.jsonl", ".demo.lock")
_INDEX = re.compile(r"-(\d+)\.\w+$")

Captions = dict[int, dict[str, str]]


def write_demo(
    folder: Path,
    *,
    count: int = 3000,
    seed: int = 7,
    size: int = 320,
    on_progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Draw ``count`` pictures of ``size`` px into ``folder/<family>/`` and return ``folder``.

    ``captions.jsonl`` holds ``{"file": path below folder, "caption": what was drawn}`` a line; a
    picture is in its place only once its line is there. A folder that is complete is left as it
    is; one that was cut off is finished. ``on_progress(done, count)`` is called meanwhile.
    """
    plan = {"count": count, "seed": seed, "size": size, "version": VERSION}
    with _locked(folder):
        _write_locked(folder, plan, on_progress or _silent)
    return folder


def start_demo(folder: Path, *, count: int = 64, seed: int = 7, size: int = 320) -> Path:
    """See that the first ``count`` pictures are there: at once where they were drawn before."""
    plan = {"count": count, "seed": seed, "size": size, "version": VERSION}
    # Looked at before the lock: whoever draws the rest holds that for seconds.
    if not _holds(folder, plan):
        with _locked(folder):
            if not _holds(folder, plan):
                _write_locked(folder, plan, _silent)
    return folder


def grow_demo(
    folder: Path, *, count: int = 3000, lot: int = 600, seed: int = 7, size: int = 320
) -> Iterator[int]:
    """Draw the pictures that are missing, a lot at a time; yields how many are there, each time.

    No one else adds pictures or captions between two lots, so what is listed then is consistent.
    """
    plan = {"count": count, "seed": seed, "size": size, "version": VERSION}
    with _locked(folder):
        marker = _read_marker(folder)
        done = len(_recorded(folder)) if _of_one_plan(marker, plan) else 0
        while marker != plan | {"done": True} and done + lot < count:
            done += lot
            _write_locked(folder, plan | {"count": done}, _silent)
            yield done
        _write_locked(folder, plan, _silent)
        yield count


def _silent(done: int, total: int) -> None:
    pass


def _of_one_plan(marker: dict[str, int], plan: dict[str, int]) -> bool:
    """Whether the same index is the same picture in both, however many there are."""
    return all(marker.get(key) == plan[key] for key in ("seed", "size", "version"))


def _holds(folder: Path, plan: dict[str, int]) -> bool:
    marker = _read_marker(folder)
    if not _of_one_plan(marker, plan) or marker["count"] < plan["count"]:
        return False
    there = _recorded(folder)
    return bool(marker["done"]) or all(index in there for index in range(plan["count"]))


def _write_locked(folder: Path, plan: dict[str, int], report: Callable[[int, int], None]) -> None:
    marker = _read_marker(folder)
    if marker != plan | {"done": True} or not (folder / CAPTIONS).is_file():
        _finish(folder, plan, marker, report)
    report(plan["count"], plan["count"])


def _finish(
    folder: Path,
    plan: dict[str, int],
    marker: dict[str, int],
    report: Callable[[int, int], None],
) -> None:
    if not marker and (folder / CAPTIONS).exists():
        raise FileExistsError(EEXIST, "somebody else's captions are there")
    same = _of_one_plan(marker, plan)
    if same:
        _publish(folder)
    kept = _recorded(folder)
    for index in [i for i in kept if not same or i >= plan["count"]]:
        (folder / kept.pop(index)["file"]).unlink(missing_ok=True)
    if marker:
        _write(folder / CAPTIONS, _lines(kept))
    shutil.rmtree(folder / _STAGED, ignore_errors=True)
    for part in folder.glob(_PARTS.format("*")):
        part.unlink()
    # What a killed run leaves behind from here on is known by the marker.
    _write(folder / _MARKER, json.dumps(plan | {"done": False}))
    if len(kept) < plan["count"]:
        _draw_all(folder, plan, len(kept), report)
        _publish(folder)
    drawn = _recorded(folder)
    if len(drawn) != plan["count"]:
        raise OSError(f"only {len(drawn)} of {plan['count']} pictures were written")
    _write(folder / _MARKER, json.dumps(plan | {"done": True}))


def _publish(folder: Path) -> None:
    """Captions first, then the pictures into their places: none is ever seen without its own."""
    fresh: Captions = {}
    for part in folder.glob(_PARTS.format("*")):
        fresh |= _parse(part)
    staged = {i: folder / _STAGED / line["file"] for i, line in fresh.items()}
    fresh = {i: line for i, line in fresh.items() if staged[i].is_file()}
    _write(folder / CAPTIONS, _lines(_recorded(folder) | fresh))
    for index, line in fresh.items():
        (folder / line["file"]).parent.mkdir(exist_ok=True)
        staged[index].replace(folder / line["file"])
    for part in folder.glob(_PARTS.format("*")):
        part.unlink()
    shutil.rmtree(folder / _STAGED, ignore_errors=True)


def _draw_all(
    folder: Path, plan: dict[str, int], done: int, report: Callable[[int, int], None]
) -> None:
    shards = max(1, min(len(os.sched_getaffinity(0)), (plan["count"] - done) // 8))
    env = os.environ | {
        "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry),
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
    shape = [str(plan[key]) for key in ("count", "seed", "size")]
    children = [
        subprocess.Popen(
            [
                sys.executable,
                "-P",
                "-m",
                "rayograph.demo",
                str(folder),
                *shape,
                str(n),
                str(shards),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=env,
        )
        for n in range(shards)
    ]
    try:
        _follow(children, done, plan["count"], report)
        for child in children:
            _, complaint = child.communicate()
            if child.returncode:
                lines = complaint.decode("utf-8", "replace").strip().splitlines()
                raise OSError(lines[-1] if lines else "a drawing process was ended")
    finally:
        for child in children:
            child.kill()
            child.communicate()


def _follow(
    children: list[subprocess.Popen[bytes]],
    done: int,
    count: int,
    report: Callable[[int, int], None],
) -> None:
    """Each child writes one byte a picture; ends when all have closed their pipes."""
    with selectors.DefaultSelector() as selector:
        for child in children:
            assert child.stdout is not None
            selector.register(child.stdout.fileno(), selectors.EVENT_READ)
        while selector.get_map():
            for key, _ in selector.select():
                drawn = len(os.read(key.fd, 4096))
                if not drawn:
                    selector.unregister(key.fd)
                done += drawn
            report(done, count)


def draw_shard(folder: Path, *, count: int, seed: int, size: int, shard: int, shards: int) -> None:
    """Draw every ``shards``-th picture that is not there yet (what a child process does)."""
    import numpy as np

    from rayograph.demo.families import FAMILIES, draw

    families = list(FAMILIES)
    kept = _recorded(folder)
    staged = folder / _STAGED
    # A killed run's children live until their next picture: two must not share a file.
    scratch = staged / str(os.getpid())
    for family in families:
        (staged / family).mkdir(parents=True, exist_ok=True)
    with (folder / _PARTS.format(shard)).open("w", encoding="utf-8") as part:
        for index in range(shard, count, shards):
            if index not in kept:
                family = families[index % len(families)]
                image, caption, _ = draw(np.random.default_rng([seed, index]), family, size=size)
                kind, suffix, options = _encoding(index)
                image.save(scratch, kind, **options)
                file = f"{family}/{slug(caption)}-{index:04d}{suffix}"
                scratch.replace(staged / file)
                part.write(json.dumps({"file": file, "caption": caption}) + "\n")
                part.flush()
            os.write(1, b".")


def _encoding(index: int) -> tuple[str, str, dict[str, int]]:
    # Prime strides, so that each family has some of each.
    if index % 23 == 11:
        return "PNG", ".png", {"compress_level": 3}
    if index % 29 == 13:
        return "WEBP", ".webp", {"quality": 86, "method": 2}
    return "JPEG", ".jpg", {"quality": 88}


def slug(caption: str) -> str:
    """A caption as a file name: its first words, at most 48 characters."""
    words = re.sub(r"[^a-z0-9]+", "-", caption.lower()).strip("-")
    return words if len(words) <= 48 else words[:49].rsplit("-", 1)[0]


def _recorded(folder: Path) -> Captions:
    """Every picture that is in its place, by its index."""
    found = _parse(folder / CAPTIONS)
    return {i: line for i, line in found.items() if (folder / line["file"]).is_file()}


def _parse(path: Path) -> Captions:
    found: Captions = {}
    try:
        lines = path.read_text("utf-8").splitlines()
    except FileNotFoundError:
        return found
    for line in lines:
        try:
            record = json.loads(line)
            match = _INDEX.search(record["file"])
        except (ValueError, KeyError, TypeError):
            continue  # A line that a killed run did not finish: its picture is drawn again.
        if match and ".." not in record["file"] and not record["file"].startswith("/"):
            found[int(match.group(1))] = record
    return found


def _lines(captions: Captions) -> str:
    return "".join(json.dumps(captions[index]) + "\n" for index in sorted(captions))


def _write(path: Path, text: str) -> None:
    scratch = path.with_name(path.name + ".new")
    scratch.write_text(text, "utf-8")
    scratch.replace(path)


def _read_marker(folder: Path) -> dict[str, int]:
    try:
        marker = json.loads((folder / _MARKER).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return marker if isinstance(marker, dict) else {}


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """One writer at a time; the second waits and finds the work done."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / _LOCK).open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
    except OSError as error:
        raise SourceError(
            f"cannot write the demo pictures: {error.strerror or error}",
            hint=f"is there room, and may {folder} be written to?",
        ) from None
