"""Settings: which place wins, what is refused, and that each is documented."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rayograph import settings
from rayograph.errors import ConfigurationError

ROOT = Path(__file__).parents[2]


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.yaml"
    path.write_text(text)
    return path


def test_the_default_file_is_local_and_changes_no_default() -> None:
    loaded, origins = settings.load(environ={})
    assert loaded == settings.Settings()
    assert origins["server.port"].endswith("local.yaml")
    assert origins["server.token"] == "default"


def test_flags_beat_variables_beat_the_file(tmp_path: Path) -> None:
    path = write(tmp_path, "server: {port: 1, host: a, replicas: 4}")
    environ = {"RAYOGRAPH_SERVER__PORT": "2", "RAYOGRAPH_SERVER__HOST": "b", "PATH": "/bin"}
    flags = {"server.port": 3, "server.host": None}
    loaded, origins = settings.load(path, flags, environ)
    assert (loaded.server.port, loaded.server.host, loaded.server.replicas) == (3, "b", 4)
    assert origins["server.port"] == "flag"
    assert origins["server.host"] == "RAYOGRAPH_SERVER__HOST"
    assert origins["server.replicas"] == str(path)


def test_a_variable_names_the_file_and_known_files_go_by_name(tmp_path: Path) -> None:
    path = write(tmp_path, "model: none")
    assert settings.load(environ={"RAYOGRAPH_CONFIG": str(path)})[0].model == "none"
    assert settings.load("cluster", environ={})[0].catalog.uri.startswith("s3://")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ('["127.0.0.1", "nas"]', ("127.0.0.1", "nas")),
        ("[nas]", ("nas",)),
        ("[]", ()),
    ],
)
def test_variables_are_read_as_json_or_yaml(text: str, value: tuple[str, ...]) -> None:
    environ = {"RAYOGRAPH_SOURCES__ALLOWED_HOSTS": text}
    assert settings.load(environ=environ)[0].sources.allowed_hosts == value


def test_an_unknown_key_names_the_nearest_one(tmp_path: Path) -> None:
    for source in (
        {"config": write(tmp_path, "server: {prot: 1}"), "environ": {}},
        {"environ": {"RAYOGRAPH_SERVER__PROT": "1"}},
        {"flags": {"server.prot": 1}, "environ": {}},
    ):
        with pytest.raises(ConfigurationError, match=r"unknown setting 'server\.prot'") as caught:
            settings.load(**source)  # type: ignore[arg-type]
        assert caught.value.hint == "did you mean 'server.port'?"


def test_a_wrong_value_says_where_it_came_from() -> None:
    environ = {"RAYOGRAPH_SERVER__PORT": "70000"}
    with pytest.raises(ConfigurationError, match=r"server\.port.*70000.*RAYOGRAPH_SERVER__PORT"):
        settings.load(environ=environ)


@pytest.mark.parametrize("text", ["- a list", "a: [", "server:\n\t- x"])
def test_a_file_that_is_no_mapping_is_one_error(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"mine\.yaml"):
        settings.load(write(tmp_path, text), environ={})


def test_a_missing_file_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no configuration file"):
        settings.load(tmp_path / "none.yaml", environ={})
    with pytest.raises(ConfigurationError) as caught:
        settings.load("nothing", environ={})
    assert "cluster, local" in (caught.value.hint or "")


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert settings.load(write(tmp_path, ""), environ={})[0] == settings.Settings()


def test_dump_and_known_keys_agree() -> None:
    dumped = settings.dump(settings.Settings())
    assert dumped == settings.known_keys()
    assert list(dumped) == [key for key, _, _ in settings.describe()]


def test_every_setting_is_documented_with_its_default_and_meaning() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    for key, default, meaning in settings.describe():
        shown = list(default) if isinstance(default, tuple) else default
        assert f"| `{key}` | `{json.dumps(shown)}` | {meaning} |" in text, key
