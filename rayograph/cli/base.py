"""What every command shares: global options, errors as two lines, exit codes.

Only click is imported at the top of the command line's modules: ``rayograph --help`` must not wait
for pydantic, httpx or Ray.
"""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from rayograph import console
from rayograph.errors import InvalidFilter, RayographError

if TYPE_CHECKING:
    from rayograph.client import Client, Dataset
    from rayograph.schema import Progress
    from rayograph.settings import Settings

DONE, FAILED_IMAGES, WRONG_USE, INTERRUPTED = 0, 1, 2, 130
NAMED_FAILURES = 10


@dataclass
class State:
    """The global options, wherever on the line they stood."""

    debug: bool = False
    server: str | None = None
    token: str | None = None
    config: str | None = None

    def load(self, **flags: Any) -> tuple[Settings, dict[str, str]]:
        """Settings and origins; flags are named ``section__key``, None means not given."""
        from rayograph import settings

        dotted = {key.replace("__", "."): value for key, value in flags.items()}
        dotted["server.token"] = self.token
        return settings.load(self.config, dotted)

    def settings(self, **flags: Any) -> Settings:
        return self.load(**flags)[0]

    def client(self) -> Client:
        """Open until the command ends."""
        from rayograph.client import Client

        server = self.settings().server
        client = Client(self.server or address(server.host, server.port), token=server.token)
        return click.get_current_context().with_resource(client)

    def dataset(self, key: str) -> Dataset:
        return self.client().dataset(key)


def address(host: str, port: int) -> str:
    """The url that reaches a server bound to ``host``."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _remember(context: click.Context, param: click.Parameter, value: Any) -> None:
    if value is not None and param.name is not None:
        setattr(context.find_root().ensure_object(State), param.name, value)


def global_options() -> list[click.Parameter]:
    """Options that may stand before or after the command's name."""
    shared: dict[str, Any] = {"expose_value": False, "callback": _remember, "default": None}
    return [
        click.Option(["--server"], metavar="URL", help="The server to talk to.", **shared),
        click.Option(["--token"], metavar="TOKEN", help="The server's bearer token.", **shared),
        click.Option(
            ["--config"],
            metavar="NAME|FILE",
            help="Settings: local, cluster or a .yaml file.",
            **shared,
        ),
        click.Option(["--debug"], is_flag=True, help="Show tracebacks.", **shared),
    ]


class Command(click.Command):
    """A command that also takes the global options."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params = [*self.params, *global_options()]


class Group(click.Group):
    """A group of such commands."""

    command_class = Command
    group_class = type

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params = [*self.params, *global_options()]


class Root(Group):
    """Turns what a command returns or raises into the exit code and the two lines of an error."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        state = State()
        kwargs.update(standalone_mode=False, obj=state)
        try:
            code = super().main(*args, **kwargs)
        except click.Abort:
            fail("interrupted", None)
            code = INTERRUPTED
        except click.exceptions.NoArgsIsHelpError as error:
            console.echo(error.format_message(), sys.stderr)
            code = WRONG_USE
        except click.ClickException as error:
            fail(error.format_message(), _usage_hint(error))
            code = WRONG_USE
        except Exception as error:  # noqa: BLE001
            # The last catch: nobody should see a traceback without asking for it.
            if state.debug:
                traceback.print_exc()
            _explain(error)
            code = WRONG_USE
        sys.exit(code if isinstance(code, int) else DONE)


def _explain(error: Exception) -> None:
    if isinstance(error, RayographError):
        fail(error.message, error.hint)
    elif isinstance(error, TimeoutError):
        fail(str(error), "the work goes on; look again with `rayograph progress`")
    else:
        fail(f"unexpected: {type(error).__name__}: {error}", "run it again with --debug")


@contextmanager
def filtering(where: str | None) -> Iterator[None]:
    """Show where in a filter the mistake is that the server found."""
    try:
        yield
    except InvalidFilter as error:
        fail(error.message, None)
        for text in error.pointer(where or ""):
            console.echo(f"  {text}", sys.stderr)
        if error.hint:
            console.echo(f"hint: {error.hint}", sys.stderr)
        click.get_current_context().exit(WRONG_USE)


def fail(message: str, hint: str | None) -> None:
    """``error:`` and ``hint:``, one line each, on stderr."""
    console.echo(f"error: {' '.join(message.split())}", sys.stderr)
    if hint:
        console.echo(f"hint: {' '.join(hint.split())}", sys.stderr)


def _usage_hint(error: click.ClickException) -> str | None:
    context = error.ctx if isinstance(error, click.UsageError) else None
    return f"see `{context.command_path} --help`" if context else None


def follow(dataset: Dataset) -> int:
    """Show a dataset's progress to its end; 1 when images failed."""
    with console.progress_display() as show:
        progress = dataset.wait(on_progress=show)
    return finish(progress, dataset)


def finish(progress: Progress, dataset: Dataset) -> int:
    """Say what became of it and which images failed; the exit code."""
    reasons: dict[str, int] = {}
    failed: list[tuple[str, str, str]] = []
    if progress.failed:
        page = dataset.failures(limit=NAMED_FAILURES)
        reasons = {reason.error_code: reason.count for reason in page.reasons}
        failed = [(item.folder, item.file_name, item.error or "") for item in page.items]
    for text in console.summary(progress, reasons, failed):
        console.echo(text)
    if progress.error:
        return WRONG_USE
    return FAILED_IMAGES if progress.failed else DONE


json_option: Callable[[Any], Any] = click.option("--json", "as_json", is_flag=True, help="As JSON.")
annotations_option: Callable[[Any], Any] = click.option(
    "--annotations",
    metavar="FILE",
    help="A file or folder of them: COCO, YOLO, Pascal VOC, manifest.",
)
stage_option: Callable[[Any], Any] = click.option(
    "--stage",
    type=click.Choice(["listing", "metadata", "embedding"]),
    help="This stage alone.",
)
