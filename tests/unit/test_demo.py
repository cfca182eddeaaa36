"""Drawn pictures: repeatable, varied, captioned; a folder of them survives being cut off."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rayograph.demo import FAMILIES, draw, grow_demo, start_demo, write_demo
from rayograph.demo.write import slug
from rayograph.errors import SourceError


@pytest.mark.parametrize("family", FAMILIES)
def test_a_family_draws_varied_captioned_pictures(family: str) -> None:
    drawn = [draw(np.random.default_rng([1, n]), family, size=64) for n in range(12)]
    for image, caption, name in drawn:
        assert (image.size, image.mode, name) == ((64, 64), "RGB", family)
        assert len(caption.split()) >= 2
        assert caption.isascii()
        assert max(high - low for low, high in image.getextrema()) > 25
    assert len({caption for _, caption, _ in drawn}) >= 8
    assert len({image.tobytes() for image, _, _ in drawn}) == 12


def test_the_same_seed_draws_the_same() -> None:
    for seed in range(6):
        first = draw(np.random.default_rng(seed), size=64)
        second = draw(np.random.default_rng(seed), size=64)
        assert first[0].tobytes() == second[0].tobytes()
        assert first[1:] == second[1:]


def test_captions_say_what_is_there() -> None:
    for seed in range(40):
        image, caption, _ = draw(np.random.default_rng(seed), "shapes", size=64)
        if caption.endswith("on a white background"):
            assert np.asarray(image).reshape(-1, 3).mean() > 150
        if caption.endswith("on a black background"):
            assert np.asarray(image).reshape(-1, 3).mean() < 130


def captions(folder: Path) -> dict[str, str]:
    lines = (folder / "captions.jsonl").read_text().splitlines()
    return {line["file"]: line["caption"] for line in map(json.loads, lines)}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_demo(tmp_path_factory.mktemp("demo"), count=40, seed=3, size=48)


def test_a_folder_of_pictures(demo: Path) -> None:
    found = captions(demo)
    files = {str(p.relative_to(demo)) for p in demo.rglob("*") if p.parent != demo}
    assert set(found) == files
    assert len(files) == 40
    assert {Path(file).parts[0] for file in files} == set(FAMILIES)
    assert {Path(file).suffix for file in files} == {".jpg", ".png", ".webp"}
    for file in files:
        with Image.open(demo / file) as image:
            assert image.size == (48, 48)
    assert not [p for p in demo.iterdir() if p.name.startswith(".demo-")]


def test_a_complete_folder_is_left_alone(demo: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in demo.rglob("*.jpg")}
    seen: list[tuple[int, int]] = []
    write_demo(demo, count=40, seed=3, size=48, on_progress=lambda *at: seen.append(at))
    assert seen == [(40, 40)]
    assert {p: p.stat().st_mtime_ns for p in demo.rglob("*.jpg")} == before


def test_what_was_cut_off_is_finished(demo: Path, tmp_path: Path) -> None:
    plan = {"count": 40, "seed": 3, "size": 48, "version": 2, "done": False}
    (tmp_path / ".demo.json").write_text(json.dumps(plan))
    there = dict(list(captions(demo).items())[:25])
    part = [json.dumps({"file": f, "caption": c}) for f, c in there.items()]
    (tmp_path / ".demo-part-0.jsonl").write_text("\n".join(part) + '\n{"file": "shapes/tor')
    for file in list(there)[:24]:
        staged = tmp_path / ".demo-new" / file
        staged.parent.mkdir(parents=True, exist_ok=True)
        staged.write_bytes(b"kept")
    seen: list[int] = []
    write_demo(tmp_path, count=40, seed=3, size=48, on_progress=lambda n, _: seen.append(n))
    assert seen[0] > 24
    assert captions(tmp_path) == captions(demo)
    for n, file in enumerate(captions(demo)):
        wanted = b"kept" if n < 24 else (demo / file).read_bytes()
        assert (tmp_path / file).read_bytes() == wanted


def content(folder: Path) -> dict[str, bytes]:
    """The pictures that are in their places."""
    found = [*folder.glob("*.jpg"), *folder.glob("[a-z]*/*.*")]
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found}


def test_a_first_lot_and_growth_end_where_one_go_does(demo: Path, tmp_path: Path) -> None:
    plan = {"seed": 3, "size": 48}
    start_demo(tmp_path, count=8, **plan)
    assert len(captions(tmp_path)) == len(content(tmp_path)) == 8
    growing = grow_demo(tmp_path, count=40, lot=20, **plan)
    assert next(growing) == 28
    # Whoever asks meanwhile neither waits for the rest nor throws it away.
    start_demo(tmp_path, count=8, **plan)
    assert len(captions(tmp_path)) == len(content(tmp_path)) == 28
    growing.close()
    assert list(grow_demo(tmp_path, count=40, lot=20, **plan)) == [40]
    assert captions(tmp_path) == captions(demo)
    assert content(tmp_path) == content(demo)
    (tmp_path / next(iter(captions(demo)))).unlink()
    start_demo(tmp_path, count=8, **plan)
    assert list(grow_demo(tmp_path, count=40, lot=20, **plan)) == [40]
    assert len(content(tmp_path)) == 39


def test_a_killed_lot_leaves_no_picture_without_its_caption(demo: Path, tmp_path: Path) -> None:
    start_demo(tmp_path, count=8, seed=3, size=48)
    code = (
        "import os, sys; from pathlib import Path; from rayograph.demo import write_demo\n"
        "write_demo(Path(sys.argv[1]), count=40, seed=3, size=48,"
        " on_progress=lambda done, _: done > 15 and os.kill(os.getpid(), 9))"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert killed.returncode == -9
    assert set(content(tmp_path)) == set(captions(tmp_path))
    assert list(grow_demo(tmp_path, count=40, lot=20, seed=3, size=48))[-1] == 40
    assert captions(tmp_path) == captions(demo)
    assert content(tmp_path) == content(demo)


def test_a_folder_that_is_not_a_demo_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "captions.jsonl").write_text('{"file": "car-0001.jpg", "caption": "mine"}\n')
    (tmp_path / "car-0001.jpg").write_bytes(b"mine")
    with pytest.raises(SourceError, match="somebody else's captions"):
        start_demo(tmp_path, count=2)
    assert content(tmp_path) == {"car-0001.jpg": b"mine"}


def test_another_plan_replaces_only_what_it_drew(tmp_path: Path) -> None:
    own = tmp_path / "shapes" / "mine.jpg"
    write_demo(tmp_path, count=4, seed=1, size=32)
    own.write_bytes(b"mine")
    write_demo(tmp_path, count=2, seed=1, size=32)
    assert len(captions(tmp_path)) == 2
    write_demo(tmp_path, count=3, seed=2, size=32)
    files = {str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*.*") if p.parent != tmp_path}
    assert files == {*captions(tmp_path), "shapes/mine.jpg"}


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SourceError, match="cannot write the demo pictures"):
        write_demo(tmp_path / "file" / "demo", count=2)


def test_importing_the_writer_is_light() -> None:
    code = "import sys, rayograph.demo; print('numpy' in sys.modules, 'ray' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split() == ["False", "False"]


def test_slugs() -> None:
    assert slug('the word "hi" in red') == "the-word-hi-in-red"
    assert slug("a " * 60) == "-".join(["a"] * 24)
