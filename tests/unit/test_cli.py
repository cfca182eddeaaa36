"""The command line against a small real API: what it prints, its exit codes, its documentation."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result
from fake_api import DONE, FRESH, FakeApi, serving

from rayograph import __version__, sources
from rayograph.catalog import LISTING, Catalog
from rayograph.cli import main
from rayograph.cli.base import address

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def _served() -> Iterator[tuple[str, FakeApi]]:
    api = FakeApi()
    with serving(api.app) as url:
        yield url, api


@pytest.fixture
def api(_served: tuple[str, FakeApi], monkeypatch: pytest.MonkeyPatch) -> FakeApi:
    port = _served[0].rsplit(":", 1)[1]
    monkeypatch.setenv("RAYOGRAPH_SERVER__PORT", port)
    _served[1].reset()
    return _served[1]


def run(*args: str, **options: Any) -> Result:
    return CliRunner().invoke(main, list(args), **options)


def commands(group: click.Group = main, before: str = "") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, f"{before}{name} ")
        else:
            yield f"{before}{name}", command


def test_annotations_say_what_fits_and_what_is_broken(api: FakeApi) -> None:
    result = run("annotations", "done")
    assert result.exit_code == 0
    assert "3 of 4 images matched" in result.stdout
    assert "1 not in the dataset: gone.jpg" in result.stdout
    assert "x.json:7 annotations[2].bbox: bad" in result.stdout
    assert json.loads(run("annotations", "done", "--json").stdout)["labels"] == 2
    assert run("annotations", "nothing").exit_code == 2


@pytest.mark.parametrize(("name", "command"), list(commands()))
def test_every_command_and_option_is_documented(name: str, command: click.Command) -> None:
    text = (DOCS / "cli.md").read_text()
    heads = [line for line in text.splitlines() if line.startswith("### ")]
    assert any(name in head.replace("|", " ") for head in heads), name
    for option in command.params:
        if isinstance(option, click.Option):
            shown = [form for form in option.opts if form.startswith("-")]
            assert all(f"`{form}" in text for form in shown), (name, shown)


@pytest.mark.parametrize("name", [name for name, _ in commands()])
def test_every_command_has_help(name: str) -> None:
    result = run(*name.split(), "--help")
    assert result.exit_code == 0
    assert "Usage:" in result.output


def test_help_and_version_load_nothing_heavy() -> None:
    heavy = "pydantic httpx yaml rich ray torch lancedb pyarrow gradio PIL numpy".split()  # noqa: SIM905
    code = (
        "import sys, rayograph.cli as c\n"
        "try: c.main(['version'])\n"
        f"except SystemExit: print([m for m in {heavy!r} if m in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.split("\n")[:2] == [f"rayograph {__version__}", "[]"]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["bogus"], "No such command 'bogus'"),
        (["up", "--port", "x"], "Invalid value for '--port'"),
        (["add"], "Missing argument 'SOURCE'"),
        (["search", "x"], "give either a text or --image FILE"),
        (["--config", "nothing", "config", "show"], "no configuration called 'nothing'"),
        (["list", "--server", "ftp://x"], "is not a server's address"),
        (["list", "--server", "http://127.0.0.1:1"], "no rayograph answers"),
    ],
)
def test_wrong_use_is_two_lines_and_code_2(args: list[str], said: str) -> None:
    result = run(*args)
    assert result.exit_code == 2
    lines = result.stderr.splitlines()
    assert lines[0].startswith("error: ")
    assert said in lines[0]
    assert lines[1].startswith("hint: ")
    assert len(lines) == 2


def test_a_traceback_only_with_debug(api: FakeApi) -> None:
    assert "Traceback" not in run("status", "nothing").stderr
    assert "Traceback" in run("--debug", "status", "nothing").stderr
    assert "Traceback" in run("status", "nothing", "--debug").stderr


def test_an_unexpected_error_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError("inside")

    monkeypatch.setattr("rayograph.settings.load", broken)
    result = run("list")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[0] == "error: unexpected: KeyError: 'inside'"


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("rayograph.settings.load", interrupted)
    assert run("list").exit_code == 130


def test_add_prints_id_and_name(api: FakeApi, tmp_path: Path) -> None:
    result = run("add", str(tmp_path), "--name", "mine", "--no-recursive", "--model", "none")
    assert (result.exit_code, result.output) == (0, f"{FRESH} mine\n")
    body = {"path": str(tmp_path), "name": "mine", "recursive": False, "model": "none"}
    assert api.seen[0][2] == body


def test_add_wait_shows_progress_and_ends_well(api: FakeApi) -> None:
    api.steps = [0, 2, 3]
    result = run("add", "/pictures", "--wait")
    assert result.exit_code == 0
    assert "0 of 3 ready, 3 pending" in result.output
    assert result.output.endswith("3 of 3 images ready\n")


def test_failed_images_are_code_1_and_named_with_their_reason(api: FakeApi) -> None:
    result = run("progress", "done", "--follow")
    assert result.exit_code == 1
    assert "1 failed: 1 truncated\n  0 a.jpg: the file ends early\n" in result.output
    assert run("progress", "done", "--follow", "--json").exit_code == 1


def test_list_status_and_progress(api: FakeApi) -> None:
    assert run("list").output.splitlines()[2].split("\t")[:2] == [DONE, "done"]
    assert [item["name"] for item in json.loads(run("list", "--json").output)] == ["fresh", "done"]
    assert run("status", DONE).output.startswith(f"{DONE} done: ready\n2 of 3 ready, 1 failed")
    assert json.loads(run("status", "done", "--json").output)["failed"] == 1
    assert "metadata\twaiting\t2\t1\t3\t10.0\t1 s" in run("progress", "done").output
    assert json.loads(run("progress", "done", "--json").output)["ready"] == 2


def test_search_prints_a_table_and_the_coverage(api: FakeApi, tmp_path: Path) -> None:
    result = run("search", "fresh", "red car", "-k", "3", "--where", "width>10")
    assert result.stdout.splitlines()[1] == "0.500\t1 a.jpg\t/pictures/1 a.jpg"
    assert result.stderr == "searched 2 of 3 images in 1.5 ms\n"
    assert api.seen[-1][2] == {"text": "red car", "k": 3, "where": "width>10"}
    picture = tmp_path / "a.jpg"
    picture.write_bytes(b"x")
    run("search", "fresh", "red car", "--by", "words", "--likely")
    assert {"by": "words", "cutoff": "auto"}.items() <= api.seen[-1][2].items()
    answer = json.loads(run("search", "fresh", "--image", str(picture), "--json").stdout)
    assert answer["coverage"] == {"searched": 2, "total": 3}


def test_a_mistake_in_a_filter_is_pointed_at(api: FakeApi) -> None:
    result = run("search", "fresh", "red", "--where", "format=png and widht>1024")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "error: there is no field 'widht'",
        "  format=png and widht>1024",
        "                 ^",
        "hint: did you mean width?",
    ]
    long = "width>1 and " * 30 + "oops"
    shown, caret = run("search", "fresh", "red", "--where", long).stderr.splitlines()[1:3]
    assert shown.strip().endswith("oops")
    assert caret.index("^") == shown.index("oops")


@pytest.mark.parametrize("name", ["rescan", "purge", "pause", "resume", "retry", "cancel"])
def test_commands_reach_their_route(api: FakeApi, name: str) -> None:
    result = run(name, "fresh")
    assert result.output.startswith(f"{name}: 3 of 3 ready")
    assert api.seen[-1][:2] == ("POST", f"/api/datasets/{FRESH}/{name}")


def test_one_stage_and_how_urgent_a_dataset_is(api: FakeApi) -> None:
    assert run("pause", "fresh", "--stage", "embedding").output.startswith("pause: ")
    assert api.seen[-1] == ("POST", f"/api/datasets/{FRESH}/pause", {"stage": "embedding"})
    assert run("priority", "fresh", "low").output == f"{FRESH} fresh: low priority\n"
    assert api.seen[-1] == ("PATCH", f"/api/datasets/{FRESH}", {"priority": "low"})
    assert run("pause", "fresh", "--stage", "tiling").exit_code == 2


def test_a_source_that_lies_elsewhere(api: FakeApi, tmp_path: Path) -> None:
    assert run("rescan", "fresh", "--source", str(tmp_path)).exit_code == 0
    assert ("PATCH", f"/api/datasets/{FRESH}", {"path": str(tmp_path)}) in api.seen


def test_changing_the_model_says_what_is_on_its_way(api: FakeApi) -> None:
    api.get(FRESH)["model"] = "fake"
    result = run("model", "fresh", "rayograph-mini")
    words = "embedding with rayograph-mini; until it is done, searched with fake"
    assert result.output == f"{FRESH} fresh: {words}\n"
    assert api.seen[-1] == ("PATCH", f"/api/datasets/{FRESH}", {"model": "rayograph-mini"})
    assert words in run("status", "fresh").output


def test_delete(api: FakeApi) -> None:
    assert run("delete", "fresh").output == f"removed {FRESH} fresh\n"
    assert FRESH not in api.datasets


def test_server_and_token_may_stand_anywhere(api: FakeApi, _served: tuple[str, FakeApi]) -> None:
    api.token = "secret"
    assert run("list").exit_code == 2
    assert run("--token", "secret", "list").exit_code == 0
    assert run("list", "--token", "secret", "--server", _served[0]).exit_code == 0


def test_config_show_names_values_and_origins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAYOGRAPH_SERVER__PORT", "9001")
    monkeypatch.setenv("RAYOGRAPH_SERVER__TOKEN", "secret")
    shown = json.loads(run("config", "show", "--json").output)
    assert shown["server.port"] == {"value": 9001, "from": "RAYOGRAPH_SERVER__PORT"}
    plain = run("config", "show").output
    assert "server.port\t9001\tRAYOGRAPH_SERVER__PORT" in plain
    assert "secret" not in plain


def stand_in(monkeypatch: pytest.MonkeyPatch, name: str, **functions: Any) -> None:
    """Put a module in the place of one that would start Ray."""
    module = types.ModuleType(name)
    module.__dict__.update(functions)
    monkeypatch.setitem(sys.modules, name, module)
    package, leaf = name.rsplit(".", 1)
    monkeypatch.setattr(sys.modules[package], leaf, module, raising=False)


def test_up_and_down_pass_sources_and_flags_on(monkeypatch: pytest.MonkeyPatch) -> None:
    import rayograph_serve  # noqa: F401 (the stand-in goes below it)

    calls: list[Any] = []

    def start(sources: list[str], settings: Any, *, open_browser: bool, annotations: Any) -> int:
        where = settings.server.port, settings.catalog.uri
        calls.append((sources, *where, open_browser, annotations))
        return 1

    def run_down(settings: Any) -> int:
        calls.append(settings.server.port)
        return 0

    stand_in(monkeypatch, "rayograph.cli.running", start_or_attach=start)
    stand_in(monkeypatch, "rayograph_serve.up", run_down=run_down)
    args = ["up", "a", "b", "--port", "9", "--catalog", "/c", "--model", "none", "--no-browser"]
    assert run(*args).exit_code == 1
    assert run("down", "--port", "9").exit_code == 0
    assert calls == [(["a", "b"], 9, "/c", False, None), 9]


def test_annotations_of_several_sources_are_refused() -> None:
    found = run("up", "a", "b", "--annotations", "boxes.json", "--port", "0")
    assert found.exit_code == 2
    assert "--annotations belongs to one source" in found.output


def test_annotations_that_are_not_there_are_told_of_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"x")
    found = run("up", str(tmp_path), "--annotations", str(tmp_path / "no.json"), "--port", "0")
    assert found.exit_code == 2
    assert "no.json" in found.output


def test_submit_passes_everything_on(monkeypatch: pytest.MonkeyPatch) -> None:
    import rayograph_pipelines  # noqa: F401

    calls: list[dict[str, Any]] = []

    def submit(**given: Any) -> int:
        calls.append(given)
        return 0

    stand_in(monkeypatch, "rayograph_pipelines.job", submit=submit)
    args = ["submit", "s3://b/x", "--address", "http://head:8265", "--name", "n", "--no-wait"]
    args += ["--annotations", "s3://b/boxes.json"]
    assert run(*args, "--catalog", "s3://b/c", "--model", "none").exit_code == 0
    settings = calls[0].pop("settings")
    assert (settings.catalog.uri, settings.model) == ("s3://b/c", "none")
    assert calls == [
        {
            "source": "s3://b/x",
            "address": "http://head:8265",
            "name": "n",
            "annotations": "s3://b/boxes.json",
            "wait": False,
        }
    ]


def test_up_says_which_model_embeds_and_what_to_expect(capsys: pytest.CaptureFixture[str]) -> None:
    from rayograph.cli.running import _say_model
    from rayograph.schema import ModelInfo, ModelList

    class Answers:
        def models(self) -> ModelList:
            used = ModelInfo(name="m", available=True, in_use=True, reason="r", finds="discs",
                             does_not_find="squares")  # fmt: skip
            return ModelList(items=[used], in_use="m", reason="it is small")

    _say_model(Answers())  # type: ignore[arg-type]
    assert capsys.readouterr().out == "model: m: it is small\n  finds discs; not: squares\n"


def test_without_the_server_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = run("up")
    assert result.exit_code == 2
    assert result.stderr.splitlines()[1] == "hint: pip install 'rayograph[server]'"


def test_the_address_of_a_bound_host() -> None:
    assert address("0.0.0.0", 1) == "http://127.0.0.1:1"
    assert address("::", 1) == "http://[::1]:1"
    assert address("nas", 1) == "http://nas:1"


def checks(*args: str) -> tuple[int, dict[str, dict[str, str]]]:
    result = run("doctor", "--json", *args)
    return result.exit_code, {check["name"]: check for check in json.loads(result.output)}


def test_doctor_is_content_with_a_machine_in_order(tmp_path: Path, api: FakeApi) -> None:
    catalog = tmp_path / "new"
    port = os.environ["RAYOGRAPH_SERVER__PORT"]
    code, found = checks("--catalog", str(catalog), "--port", port)
    assert code == 0, found
    assert "is not there yet" in found["catalog"]["found"]
    assert f"{__version__} answers" in found["port"]["found"]
    assert not catalog.exists()


def test_doctor_finds_a_foreign_program_on_the_port(tmp_path: Path) -> None:
    async def other(_: Any, __: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200})
        await send({"type": "http.response.body", "body": b"hello"})

    with serving(other) as url:
        port = url.rsplit(":", 1)[1]
        code, found = checks("--catalog", str(tmp_path), "--port", port)
    assert code == 1
    assert found["port"]["verdict"] == "bad"


def test_doctor_finds_a_catalog_that_cannot_be_one(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    code, found = checks("--catalog", str(tmp_path / "file"))
    assert (code, found["catalog"]["verdict"]) == (1, "bad")


def test_doctor_says_how_much_the_vector_index_finds(tmp_path: Path) -> None:
    uri = str(tmp_path / "catalog")
    (tmp_path / "pictures").mkdir()
    catalog = Catalog(uri)
    rows = LISTING.empty_table()
    row, _ = catalog.create(sources.resolve(str(tmp_path / "pictures")), None, rows)
    _, found = checks("--catalog", uri)
    assert "vector index" not in found
    for recall, verdict in ((0.991, "good"), (0.9, "note")):
        catalog.update(row.dataset_id, index_recall=recall, index_checked=100)
        _, found = checks("--catalog", uri)
        assert found["vector index"]["verdict"] == verdict
        assert f"finds {recall:.3f} of the ten nearest" in found["vector index"]["found"]
