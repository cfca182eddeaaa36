"""Listing: every image once, nothing opened, oddities counted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rayograph import first_look, ids, listing, sources
from rayograph.errors import SourceEmpty, SourceForbidden, SourceNotFound

KEY = "abcdefghij"


def tree(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not even an image")
    return root


def walk(root: Path, **options: bool) -> tuple[list[str], dict[str, int]]:
    walked = listing.Walk(sources.resolve(str(root), **options))
    found = [f"{chunk.folder}/{name}" for chunk in walked for name in chunk.names]
    return sorted(os.path.relpath(path, root) for path in found), dict(walked.skipped)


def test_images_by_name_in_every_folder(tmp_path: Path) -> None:
    tree(
        tmp_path,
        "a.jpg",
        "b.PNG",
        "notes.txt",
        "x/c.webp",
        "x/y/d.heic",
        ".hidden/e.jpg",
        ".jpg",
        "captions.jsonl",
    )
    found, skipped = walk(tmp_path)
    assert found == ["a.jpg", "b.PNG", "x/c.webp", "x/y/d.heic"]
    # Hidden files that are no images, and captions, are nothing anybody misses.
    assert skipped == {"not_an_image": 1}
    assert walk(tmp_path, recursive=False)[0] == ["a.jpg", "b.PNG"]


def test_link_loops_end_and_are_counted(tmp_path: Path) -> None:
    tree(tmp_path, "a/one.jpg", "b/two.jpg")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    (tmp_path / "b" / "twin").symlink_to(tmp_path / "a")
    found, skipped = walk(tmp_path)
    assert found == ["a/one.jpg", "b/two.jpg"]
    assert skipped == {"link_loop": 2}


def test_a_link_out_of_the_source_is_followed_once(tmp_path: Path) -> None:
    outside = tree(tmp_path / "outside", "far.jpg")
    root = tree(tmp_path / "root", "near.jpg")
    (root / "one").symlink_to(outside)
    (root / "two").symlink_to(outside)
    found, skipped = walk(root)
    assert found == ["near.jpg", "one/far.jpg"]
    assert skipped == {"link_loop": 1}


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_unreadable_folders_are_counted(tmp_path: Path) -> None:
    tree(tmp_path, "ok.jpg", "secret/no.jpg")
    (tmp_path / "secret").chmod(0)
    found, skipped = walk(tmp_path)
    assert (found, skipped) == (["ok.jpg"], {"unreadable_folder": 1})
    (tmp_path / "secret").chmod(0o700)


def test_a_folder_that_goes_while_walking_is_counted(tmp_path: Path) -> None:
    tree(tmp_path, "ok.jpg")
    walked = listing.Walk(sources.resolve(str(tmp_path)))
    assert walked._scan(str(tmp_path / "gone")).names == []
    assert walked.skipped == {"unreadable_folder": 1}


ODD = [
    "with space.jpg",
    "new\nline.jpg",
    "100%.jpg",
    "тест.jpg",
    "quote'\".jpg",
    "n" * 250 + ".jpg",
]


def test_odd_names_have_one_reversible_uri(tmp_path: Path) -> None:
    tree(tmp_path, *ODD)
    raw = os.fsencode(tmp_path) + b"/\xff\xfe.jpg"
    with open(raw, "wb") as file:  # noqa: PTH123 (a name pathlib cannot print)
        file.write(b"x")
    columns, complete = first_look.first_page(sources.resolve(str(tmp_path)), KEY, 100)
    assert len(set(columns["id"])) == len(ODD) + 1
    paths = [sources.local_path(uri) for uri in columns["uri"]]
    assert all(path is not None and os.path.isfile(path) for path in paths)  # noqa: PTH113
    assert os.fsdecode(raw) in paths
    for text in (*columns["uri"], *columns["file_name"]):
        text.encode("utf-8")
    assert not complete


def test_pack_survives_names_that_are_not_utf8() -> None:
    from rayograph_pipelines.stages.list_files import pack, unpack

    chunk = listing.Chunk("/x", [os.fsdecode(b"\xff.jpg")], [1], [None])
    assert unpack(pack(chunk)) == chunk


def test_rows_skip_what_is_no_file(tmp_path: Path) -> None:
    tree(tmp_path, "ok.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    (tmp_path / "broken.jpg").symlink_to(tmp_path / "nowhere.jpg")
    columns, skipped = listing.rows(
        listing.Chunk(str(tmp_path), ["broken.jpg", "ok.jpg", "pipe.jpg"]), KEY, str(tmp_path)
    )
    assert columns["file_name"] == ["ok.jpg"]
    assert skipped == {"not_a_file": 1, "broken_link": 1}


def test_ids_are_the_same_however_a_file_is_found(tmp_path: Path) -> None:
    tree(tmp_path, "x/a.jpg", "x/b.jpg")
    source = sources.resolve(str(tmp_path))
    page, _ = first_look.first_page(source, KEY, 10)
    chunks = list(listing.Walk(source))
    full = [i for chunk in chunks for i in listing.rows(chunk, KEY, source.root)[0]["id"]]
    assert sorted(page["id"]) == sorted(full)
    assert all(ids.dataset_of(key) == KEY for key in full)
    assert page["folder"] == ["x", "x"]


def test_first_page_is_bounded(tmp_path: Path) -> None:
    tree(tmp_path, *(f"{i:03d}.jpg" for i in range(50)))
    source = sources.resolve(str(tmp_path))
    assert len(first_look.first_page(source, KEY, 10)[0]["id"]) == 10
    assert len(first_look.first_page(source, KEY, 100, budget=20)[0]["id"]) == 20


def test_globs_and_single_files(tmp_path: Path) -> None:
    tree(tmp_path, "a/1.jpg", "a/2.png", "b/3.jpg")
    source = sources.resolve(f"{tmp_path}/**/*.jpg")
    columns, _ = first_look.first_page(source, KEY, 10)
    assert sorted(columns["file_name"]) == ["1.jpg", "3.jpg"]
    twice = [n for c in listing.Walk(sources.resolve(f"{tmp_path}/**/**/*.jpg")) for n in c.names]
    assert sorted(twice) == ["1.jpg", "3.jpg"]
    columns, _ = first_look.first_page(sources.resolve(f"{tmp_path}/a/2.png"), KEY, 10)
    assert columns["file_name"] == ["2.png"]


def test_a_remote_source_lists_sizes_without_opening(tmp_path: Path) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe("/bucket/a/one.jpg", b"123")
    memory.pipe("/bucket/readme.txt", b"")
    columns, _ = first_look.first_page(sources.resolve("memory://bucket"), KEY, 10)
    assert (columns["size"], columns["file_name"], columns["folder"]) == ([3], ["one.jpg"], ["a"])
    with sources.open_uri(columns["uri"][0]) as file:
        assert file.read() == b"123"


def test_captions_are_read_and_bad_lines_left_out(tmp_path: Path) -> None:
    tree(tmp_path, "x/a b.jpg")
    (tmp_path / "captions.jsonl").write_text(
        '{"file": "x/a b.jpg", "caption": "a red dot"}\nnonsense\n{"file": 3}\n[]\n'
    )
    source = sources.resolve(str(tmp_path))
    uri = first_look.first_page(source, KEY, 5)[0]["uri"][0]
    assert listing.read_captions(source) == {uri: "a red dot"}


def test_sources_that_cannot_be_opened_say_why(tmp_path: Path) -> None:
    with pytest.raises(SourceNotFound) as caught:
        sources.resolve(str(tmp_path / "no" / "where"))
    assert str(tmp_path) in str(caught.value.hint)
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(SourceEmpty):
        sources.resolve(str(tmp_path / "notes.txt"))
    with pytest.raises(SourceForbidden):
        sources.resolve("http://user:secret@example.org/x.jpg")
    with pytest.raises(SourceNotFound):
        sources.resolve("warp://x")
    restored = sources.restore(sources.describe(sources.resolve(str(tmp_path))))
    assert restored == sources.resolve(str(tmp_path))
