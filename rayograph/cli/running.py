"""``rayograph up``: brings the front, the page and the client together."""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

from rayograph import console
from rayograph.cli.attach import hand_over, is_rayograph, is_taken
from rayograph.cli.base import DONE, FAILED_IMAGES, address, follow
from rayograph.errors import ConfigurationError, RayographError

if TYPE_CHECKING:
    from rayograph.client import Client
    from rayograph.settings import Settings


def start_or_attach(
    sources: list[str], settings: Settings, *, open_browser: bool, annotations: str | None = None
) -> int:
    """Open the sources on the rayograph that already runs on this port, or start one.

    Args:
        annotations: of the one source there is then.
    """
    if annotations is not None and len(sources) != 1:
        raise ConfigurationError(
            "--annotations belongs to one source",
            hint="name one SOURCE, and open the others with `rayograph add`",
        )
    server = settings.server
    if is_taken(server.host, server.port):
        return _attach(sources, settings, annotations, open_browser=open_browser)
    return _start(sources, settings, annotations, open_browser=open_browser)


def _attach(
    sources: list[str], settings: Settings, annotations: str | None, *, open_browser: bool
) -> int:
    url, token = address(settings.server.host, settings.server.port), settings.server.token
    if not is_rayograph(url):
        raise ConfigurationError(
            f"port {settings.server.port} is in use by another program",
            hint="choose another with --port",
        )
    console.echo(f"rayograph already runs at {url}")
    opened = [hand_over(url, token, source, _named(settings), annotations) for source in sources]
    if open_browser:
        import webbrowser

        webbrowser.open(url)
    from rayograph.client import Client

    client = Client(url, token=token)
    codes = [follow(client.dataset(key)) for key in opened]
    return FAILED_IMAGES if FAILED_IMAGES in codes else DONE


def _start(
    sources: list[str], settings: Settings, annotations: str | None, *, open_browser: bool
) -> int:
    from rayograph_serve.up import run_up
    from rayograph_ui.shell import shell_html, static_dir

    if annotations is not None:
        from rayograph.annotations.given import with_annotations
        from rayograph.demo.source import open_source

        # Wrong ones are told of now, not once everything has come up.
        with_annotations(open_source(sources[0], settings), annotations)

    def opened(url: str, token: str | None) -> None:
        from rayograph.client import Client

        client = Client(url, token=token)
        console.echo("search engine is up; Ctrl-C stops it")
        # Asking a hub takes up to 2 s, which no source waits for.
        threading.Thread(target=_say_model, args=(client,), daemon=True).start()
        for source in sources:
            try:
                dataset = client.add(source, model=_named(settings), annotations=annotations)
                threading.Thread(target=_follow_quietly, args=(dataset,), daemon=True).start()
            except RayographError as error:
                console.echo(f"error: {error.message}", sys.stderr)

    return run_up(
        sources,
        settings,
        open_browser=open_browser,
        shell=shell_html,
        static=static_dir(),
        say=console.echo,
        on_ready=opened,
    )


def _named(settings: Settings) -> str | None:
    """The model that was asked for by name: also datasets that are there already are to have it."""
    return None if settings.model in {"auto", "none"} else settings.model


def _say_model(client: Client) -> None:
    """Which model embeds, why, and what to expect of it; the server going away ends it."""
    from contextlib import suppress

    with suppress(RayographError):
        models = client.models()
        console.echo(f"model: {models.in_use or 'none'}: {models.reason}")
        for item in models.items:
            if item.in_use and item.finds:
                console.echo(f"  finds {item.finds}; not: {item.does_not_find}")


def _follow_quietly(dataset: object) -> None:
    """Show a dataset's progress; the server going away ends it without a word."""
    from contextlib import suppress

    with suppress(RayographError):
        follow(dataset)  # type: ignore[arg-type]
