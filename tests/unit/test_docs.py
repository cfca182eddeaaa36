"""What the documents show exists and works: commands, make targets, snippets, links."""

from __future__ import annotations

import ast
import asyncio
import inspect
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from fake_api import FakeApi, serving

from rayograph.catalog import Catalog
from rayograph.cli import main
from rayograph.client import Dataset
from rayograph.datasets import open_dataset
from rayograph.schema import NewDataset
from rayograph.settings import load
from tests.pictures import write_pictures

ROOT = Path(__file__).parents[2]
PAGES = {
    str(path.relative_to(ROOT)): path.read_text()
    for path in (
        ROOT / "README.md",
        ROOT / "CONTRIBUTING.md",
        *sorted((ROOT / "docs").rglob("*.md")),
    )
}
_FENCE = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def shown(text: str) -> list[str]:
    """Lines of a page's shell blocks, without what is said about them beside or behind a pipe."""
    fenced = [body for language, body in _FENCE.findall(text) if language in ("sh", "bash")]
    indented = re.findall(r"^ {4}(\S.*)$", _FENCE.sub("", text), re.MULTILINE)
    lines = [*indented, *"".join(fenced).splitlines()]
    return [re.split(r"\s{2,}|\s[|#]\s", line.strip())[0] for line in lines]


def rayograph_lines() -> Iterator[tuple[str, str]]:
    for page, text in PAGES.items():
        for line in shown(text):
            command = re.sub(r"^(RAYOGRAPH_\w+=('[^']*'|\S+) )+", "", line)
            if command.startswith("rayograph "):
                yield page, command


def leaves(group: click.Group = main) -> Iterator[click.Command]:
    for command in group.commands.values():
        if isinstance(command, click.Group):
            yield from leaves(command)
        else:
            yield command


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every command parses its line as ever and, in place of its work, leaves its name here."""
    names: list[str] = []
    for command in leaves():
        name = str(command.name)
        monkeypatch.setattr(command, "callback", lambda name=name, **_: names.append(name))
    return names


@pytest.mark.parametrize(("page", "line"), sorted(set(rayograph_lines())))
def test_every_command_shown_is_accepted(
    page: str, line: str, ran: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "car.jpg").touch()
    result = CliRunner().invoke(main, shlex.split(line)[1:])
    assert (result.exit_code, len(ran)) == (0, 1), (page, result.output)


def test_the_readme_shows_the_main_commands() -> None:
    there = " ".join(line for page, line in rayograph_lines() if page == "README.md")
    for name in ("up", "add", "search", "progress", "submit", "doctor"):
        assert f" {name} " in f"{there} ", name


def test_a_wrong_line_would_be_noticed(ran: list[str]) -> None:
    for line in ("rayograph up --nothing", "rayograph nothing", "rayograph search"):
        assert CliRunner().invoke(main, shlex.split(line)[1:]).exit_code == 2
    assert ran == []


@pytest.mark.parametrize("page", PAGES)
def test_commands_named_in_passing_exist(page: str) -> None:
    for words in re.findall(r"`rayograph ([a-z]+)\b", PAGES[page]):
        assert words in main.commands, words


@pytest.mark.parametrize("page", PAGES)
def test_make_targets_exist(page: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))
    lines = [*shown(PAGES[page]), *re.findall(r"`([^`\n]*)`", PAGES[page])]
    for line in lines:
        words = shlex.split(line) if re.match(r"make( |$)", line) else []
        for word in words[1:]:
            name, is_variable, _ = word.partition("=")
            known = f"{name}" in makefile if is_variable else name in targets
            assert known, line


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page: str) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", PAGES[page]):
        if "://" not in target:
            assert (ROOT / page).parent.joinpath(target).exists(), target


def snippets() -> list[tuple[str, str]]:
    found = [
        (page, body)
        for page, text in PAGES.items()
        for language, body in _FENCE.findall(text)
        if language == "python"
    ]
    assert {page for page, _ in found} >= {"README.md", "docs/client.md"}
    return found


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home with ``~/Pictures`` and a catalog in which it is open."""
    monkeypatch.setenv("HOME", str(tmp_path))
    folder = write_pictures(tmp_path / "Pictures", 3)
    settings, _ = load(flags={"catalog.uri": str(tmp_path / ".rayograph"), "model": "fake"})
    open_dataset(Catalog(settings.catalog.uri), NewDataset(path=str(folder)), settings)
    return tmp_path


@pytest.mark.usefixtures("home")
@pytest.mark.parametrize(("page", "snippet"), snippets())
def test_every_python_snippet_runs(
    page: str, snippet: str, capsys: pytest.CaptureFixture[str]
) -> None:
    api = FakeApi()
    with serving(api.app) as url:
        code = snippet.replace("http://127.0.0.1:8000", url)
        code = code.replace("AsyncClient()", f'AsyncClient("{url}")')
        names: dict[str, object] = {}
        compiled = compile(code, page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        waiting = eval(compiled, names)
        if inspect.iscoroutine(waiting):
            asyncio.run(waiting)
        for used in names.values():
            if isinstance(used, Dataset):
                used.client.close()
    assert ("POST", "/api/datasets") in [(method, path) for method, path, _ in api.seen]
    if "print(" in snippet:
        assert capsys.readouterr().out
    if "rows" in names:
        assert len(names["rows"]) == 3  # type: ignore[arg-type]


def test_decisions_are_numbered_and_titled() -> None:
    paths = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [int(path.name[:4]) for path in paths] == list(range(1, len(paths) + 1))
    for number, path in enumerate(paths, 1):
        text = path.read_text()
        assert text.startswith(f"# {number}. ")
        for head in ("What was needed", "What was measured", "What was chosen", "change our mind"):
            assert head in text, (path.name, head)
