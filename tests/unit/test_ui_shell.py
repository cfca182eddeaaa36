"""The page's markup: complete without Gradio, and nothing in it comes from elsewhere."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rayograph_ui import panels
from rayograph_ui.shell import STYLES, head_html, page_html, shell_html, static_dir

PINS = [
    line.split()
    for line in (Path(__file__).parents[2] / ".ci" / "vendored").read_text().splitlines()
    if not line.startswith("#")
]
VENDORED = [static_dir() / file for file, *_ in PINS]
MODULES = sorted(static_dir().glob("*.js"))
STATIC = re.compile(r'(?:href|src)="/static/([^"]+)"')


def test_shell_is_a_whole_document() -> None:
    html = shell_html()
    assert html.startswith("<!doctype html>")
    assert page_html() in html
    assert head_html() in html
    assert html.count('id="rayograph"') == 1


def test_everything_the_head_names_is_there() -> None:
    named = STATIC.findall(head_html())
    assert {f"css/{name}.css" for name in STYLES} <= set(named)
    assert {path.name for path in MODULES} <= set(named)
    missing = [name for name in named if not (static_dir() / name).is_file()]
    assert missing == []


def test_nothing_is_fetched_from_elsewhere() -> None:
    texts = [shell_html()]
    # What a library could fetch is seen in a browser: test_browser_viewer.py.
    ours = [path for path in static_dir().rglob("*.[cj]s*") if path not in VENDORED]
    texts += [path.read_text("utf-8") for path in ours]
    for text in texts:
        found = re.findall(r"https?://[^\s\"')]+", text)
        assert [url for url in found if not url.startswith("http://www.w3.org/")] == []


@pytest.mark.parametrize(("file", "package", "path", "checksum"), PINS)
def test_libraries_are_those_of_the_package(
    file: str, package: str, path: str, checksum: str
) -> None:
    data = (static_dir() / file).read_bytes()
    assert hashlib.sha256(data).hexdigest() == checksum
    if path.endswith(".js"):
        assert package.replace("@", " ") in data[:100].decode()


def test_each_library_comes_with_its_licence() -> None:
    packages = {package for _, package, *_ in PINS}
    licensed = {package for _, package, path, _ in PINS if path.startswith("LICENSE")}
    assert packages == licensed != set()


def test_ids_are_unique_and_labels_point_at_them() -> None:
    html = page_html()
    ids = re.findall(r'\sid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    pointed = re.findall(r'aria-(?:controls|labelledby|describedby)="([^"]+)"', html)
    assert set(pointed) <= set(ids)


def test_every_id_the_modules_use_is_in_the_markup() -> None:
    ids = set(re.findall(r'\sid="([^"]+)"', page_html()))
    used = {name for path in MODULES for name in re.findall(r'\$\("([^"]+)"\)', path.read_text())}
    assert used - ids == set()


def test_every_button_says_what_it_does() -> None:
    for tag, content in re.findall(r"<button([^>]*)>(.*?)</button>", page_html(), re.DOTALL):
        text = re.sub(r"<[^>]+>", "", content).strip()
        assert text or "aria-label" in tag, tag


@pytest.mark.parametrize("name", panels.__all__)
def test_panels_are_balanced(name: str) -> None:
    html = getattr(panels, name)()
    for tag in ("div", "section", "dialog", "form", "button", "ul", "dl", "label", "aside", "p"):
        assert len(re.findall(rf"<{tag}[\s>]", html)) == html.count(f"</{tag}>"), tag


def test_imports_between_modules_exist() -> None:
    for path in MODULES:
        for name in re.findall(r'from "\./([^"]+)"', path.read_text("utf-8")):
            assert (static_dir() / name).is_file(), f"{path.name} imports {name}"


def test_rooms_stay_small() -> None:
    files = [*MODULES, *static_dir().glob("css/*.css")]
    assert {path.name: n for path in files if (n := len(path.read_text().splitlines())) > 400} == {}


def test_the_shell_needs_nothing_heavy() -> None:
    code = (
        "import sys, rayograph_ui.shell as s; s.shell_html();"
        "sys.exit(bool({'gradio', 'fastapi', 'starlette', 'ray', 'torch'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
