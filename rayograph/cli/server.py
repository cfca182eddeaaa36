"""Commands that start, stop, submit and examine."""

from __future__ import annotations

import importlib.util
import json
from typing import Any

import click

from rayograph import __version__, console
from rayograph.cli.base import DONE, Command, Group, State, annotations_option, json_option
from rayograph.errors import ConfigurationError

SERVER_PACKAGES = ("fastapi", "gradio", "open_clip", "ray", "torch", "uvicorn")


def need_server_extra() -> None:
    """Say what to install when only the light base is there."""
    missing = [name for name in SERVER_PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigurationError(
            f"this needs {', '.join(missing)}", hint="pip install 'rayograph[server]'"
        )


def catalog_and_model(function: Any) -> Any:
    """The options that say where to keep what and how to embed."""
    function = click.option("--model", metavar="NAME", help="auto, none or an open_clip name.")(
        function
    )
    return click.option("--catalog", metavar="URI", help="Where the tables live.")(function)


@click.command(cls=Command)
@click.argument("sources", nargs=-1, metavar="[SOURCE]...")
@click.option("--port", type=click.IntRange(0, 65535), help="Default 8000; 0 picks a free one.")
@click.option("--host", help="Default 127.0.0.1; anything beyond needs a token.")
@annotations_option
@catalog_and_model
@click.option("--no-browser", is_flag=True, help="Do not open the page in a browser.")
@click.pass_obj
def up(
    state: State,
    *,
    sources: tuple[str, ...],
    port: int | None,
    host: str | None,
    annotations: str | None,
    catalog: str | None,
    model: str | None,
    no_browser: bool,
) -> int:
    """Start rayograph (or attach to the running one) and open each SOURCE.

    A SOURCE is a folder, a file, a glob, an s3:// or gs:// URL, a manifest, a COCO file, or
    the word demo.
    """
    settings = state.settings(
        server__port=port, server__host=host, catalog__uri=catalog, model=model
    )
    need_server_extra()
    from rayograph.cli.running import start_or_attach

    return start_or_attach(
        list(sources), settings, open_browser=not no_browser, annotations=annotations
    )


@click.command(cls=Command)
@click.option("--port", type=click.IntRange(0, 65535), help="The port it answers at.")
@click.option("--catalog", metavar="URI", help="The catalog it serves.")
@click.pass_obj
def down(state: State, port: int | None, catalog: str | None) -> int:
    """Stop the running rayograph; work that is not done goes on after the next `up`."""
    settings = state.settings(server__port=port, catalog__uri=catalog)
    need_server_extra()
    from rayograph_serve.up import run_down

    return run_down(settings)


@click.command(cls=Command)
@click.argument("source")
@click.option("--address", required=True, metavar="URL", help="The cluster: http://head:8265.")
@click.option("--name", metavar="N", help="What to call the dataset.")
@annotations_option
@catalog_and_model
@click.option("--no-wait", is_flag=True, help="Return once the job is accepted.")
@click.pass_obj
def submit(
    state: State,
    *,
    source: str,
    address: str,
    name: str | None,
    annotations: str | None,
    catalog: str | None,
    model: str | None,
    no_wait: bool,
) -> int:
    """Run the pipeline over SOURCE as a Ray job; follow its log and take on its exit code."""
    settings = state.settings(catalog__uri=catalog, model=model)
    need_server_extra()
    from rayograph_pipelines import job

    return job.submit(
        source=source,
        address=address,
        name=name,
        annotations=annotations,
        settings=settings,
        wait=not no_wait,
    )


@click.command(cls=Command)
@click.option("--port", type=click.IntRange(0, 65535), help="The port to look at.")
@click.option("--catalog", metavar="URI", help="The catalog to look at.")
@json_option
@click.pass_obj
def doctor(state: State, port: int | None, catalog: str | None, as_json: bool) -> int:
    """Check that everything rayograph needs is there; 1 when something is not."""
    settings = state.settings(server__port=port, catalog__uri=catalog)
    from rayograph.cli.doctor import examine

    checks = examine(settings)
    if as_json:
        console.echo(json.dumps([check.as_dict() for check in checks]))
    else:
        rows = [[check.verdict, check.name, check.found, check.advice] for check in checks]
        console.table(("verdict", "check", "found", "next step"), rows)
    return 1 if any(check.verdict == "bad" for check in checks) else DONE


@click.group(cls=Group)
def config() -> None:
    """Look at the configuration."""


@config.command()
@json_option
@click.pass_obj
def show(state: State, as_json: bool) -> None:
    """Print each setting, its value and where it came from."""
    from rayograph.settings import dump

    settings, origins = state.load()
    values = dump(settings)
    if values["server.token"] is not None:
        values["server.token"] = "***"
    if as_json:
        both = {key: {"value": value, "from": origins[key]} for key, value in values.items()}
        console.echo(json.dumps(both))
        return
    rows = [[key, json.dumps(value), origins[key]] for key, value in values.items()]
    console.table(("setting", "value", "from"), rows)


@click.command(cls=Command)
def version() -> None:
    """Print the version."""
    console.echo(f"rayograph {__version__}")


COMMANDS = (up, down, submit, doctor, config, version)
