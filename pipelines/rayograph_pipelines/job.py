"""The pipeline as a Ray job: ``submit`` sends it to a cluster, ``main`` is what runs there."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import shlex
import sys
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from uuid import uuid4

import click

from rayograph import console
from rayograph import settings as configuration
from rayograph.client.transport import LOOPBACK
from rayograph.errors import RayographError, Unavailable
from rayograph.schema import Progress
from rayograph.settings import Settings
from rayograph.sources import where_is

if TYPE_CHECKING:
    from ray.job_submission import JobSubmissionClient

DONE, FAILED_IMAGES, WRONG_USE = 0, 1, 2
NAMED_FAILURES = 10
POLL_S = 0.5
# So long a cluster may take to have an agent that runs jobs.
AGENT_S = 30.0
# What is about this machine and its own server means nothing on the cluster, or must not leave.
_STAYS = ("server.", "ray.")


def submit(
    *,
    source: str,
    address: str,
    name: str | None,
    settings: Settings,
    annotations: str | None = None,
    wait: bool = True,
) -> int:
    """Run the pipeline over ``source`` on the cluster whose dashboard is at ``address``.

    Returns:
        The job's exit code: 0 done, 1 finished with failed images, 2 it could not run;
        0 at once when not told to ``wait``.
    """
    client = _connect(address)
    host = urlsplit(address).hostname or ""
    command = entrypoint(source, name, settings, annotations, local=host in LOOPBACK)
    job = _send(client, address, shlex.join(command), environment(settings))
    console.echo(f"submitted {job} to {address}")
    if not wait:
        return DONE
    try:
        return _follow(client, job)
    except KeyboardInterrupt:
        console.echo(f"the job goes on; `ray job stop --address {address} {job}` ends it")
        raise


def _send(client: JobSubmissionClient, address: str, command: str, variables: Any) -> str:
    """The id of the job; sent again while a cluster that is coming up has nobody to run it.

    A job that is sent twice under one id is refused the second time: it is there.
    """
    job, give_up = f"rayograph-{uuid4().hex[:16]}", time.monotonic() + AGENT_S
    while True:
        try:
            client.submit_job(
                entrypoint=command, submission_id=job, runtime_env={"env_vars": variables}
            )
            return job
        except (RuntimeError, OSError) as error:
            said = str(error)
            if "already" in said and job in said:
                return job
            passing = isinstance(error, OSError) or "No available agent" in said
            if not passing or time.monotonic() > give_up:
                raise Unavailable(
                    f"the cluster at {address} refused the job: {_first(error)}"
                ) from error
        time.sleep(POLL_S)


def entrypoint(
    source: str,
    name: str | None,
    settings: Settings,
    annotations: str | None = None,
    *,
    local: bool,
) -> list[str]:
    """The job's command line; on this very machine, this very interpreter."""
    command = [sys.executable if local else "python", "-m", "rayograph_pipelines.job"]
    command += [next(iter(where_is(source).values()))]
    if name is not None:
        command += ["--name", name]
    if annotations is not None:
        command += ["--annotations", next(iter(where_is(annotations).values()))]
    return [*command, "--catalog", _shared(settings.catalog.uri), "--model", settings.model]


def environment(settings: Settings) -> dict[str, str]:
    """``RAYOGRAPH_*`` variables that rebuild the settings on the cluster."""
    default = configuration.known_keys()
    variables = {}
    for key, value in configuration.dump(settings).items():
        if value != default[key] and not key.startswith(_STAYS):
            name = configuration.ENV_PREFIX + key.upper().replace(".", "__")
            variables[name] = json.dumps(value)
    return variables


def _shared(uri: str) -> str:
    return uri if "://" in uri else os.path.abspath(os.path.expanduser(uri))  # noqa: PTH100, PTH111


def _connect(address: str) -> JobSubmissionClient:
    _use_token()
    from ray.job_submission import JobSubmissionClient

    logging.getLogger("ray").setLevel(logging.WARNING)
    try:
        return JobSubmissionClient(address)
    except (RuntimeError, ConnectionError, ValueError) as error:
        raise Unavailable(
            f"no Ray cluster answers at {address}: {_first(error)}",
            hint="give the dashboard's address, like --address http://head:8265",
        ) from error


def _use_token() -> None:
    """Send the token where this machine holds one; insisting on a missing one is an error too.

    Ray reads the mode when it is imported; without it a cluster with tokens just times out.
    """
    path = os.environ.get("RAY_AUTH_TOKEN_PATH") or os.path.expanduser("~/.ray/auth_token")  # noqa: PTH111
    if "RAY_AUTH_TOKEN" in os.environ or os.path.exists(path):  # noqa: PTH110
        os.environ.setdefault("RAY_AUTH_MODE", "token")


def _first(error: BaseException) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)[:300]


def _follow(client: JobSubmissionClient, job: str) -> int:
    try:
        asyncio.run(_print_logs(client, job))
    except (RuntimeError, OSError) as error:
        console.echo(f"the log broke off: {_first(error)}", sys.stderr)
    info: Any = client.get_job_info(job)
    while not info.status.is_terminal():
        # The log may end a moment before the job is marked as ended.
        time.sleep(POLL_S)
        info = client.get_job_info(job)
    if info.status.value == "SUCCEEDED":
        return DONE
    if info.driver_exit_code == FAILED_IMAGES:
        return FAILED_IMAGES
    console.echo(f"error: job {job} {info.status.value.lower()}: {info.message}", sys.stderr)
    return WRONG_USE


async def _print_logs(client: JobSubmissionClient, job: str) -> None:
    async for text in client.tail_job_logs(job):
        sys.stdout.write(text)
        sys.stdout.flush()


def work(source: str, name: str | None, settings: Settings, annotations: str | None = None) -> int:
    """Run the pipeline here to its end, printing progress and a summary; the exit code."""
    _start_ray()
    from rayograph_pipelines import ingest

    with console.progress_display() as show:
        progress = ingest.run(
            source, name=name, annotations=annotations, settings=settings, on_progress=show
        )
    for text in console.summary(progress, *_failures(progress, settings)):
        console.echo(text)
    if progress.error:
        return WRONG_USE
    return FAILED_IMAGES if progress.failed else DONE


def _start_ray() -> None:
    """Join the job's cluster, or start a private one when run by hand.

    Before anything imports lance: Ray forks, and lance is not safe to fork.
    """
    os.environ.setdefault("RAY_DATA_DISABLE_PROGRESS_BARS", "1")
    import ray

    from rayograph_pipelines.names import NAMESPACE

    if not ray.is_initialized():
        ray.init(namespace=NAMESPACE, log_to_driver=False, logging_level=logging.WARNING)


def _failures(
    progress: Progress, settings: Settings
) -> tuple[dict[str, int], list[tuple[str, str, str]]]:
    """How many failed for each reason; folder, name and error of the first few."""
    if not progress.failed:
        return {}, []
    from rayograph.catalog import open_catalog

    reader = open_catalog(settings.catalog.uri).reader(progress.dataset_id)
    rows, _, reasons = reader.failures(offset=0, limit=NAMED_FAILURES, code=None)
    named = [
        (row["folder"], row["file_name"], row.get("meta_error") or row.get("embed_error") or "")
        for row in rows
    ]
    return reasons, named


@click.command()
@click.argument("source")
@click.option("--name")
@click.option("--annotations")
@click.option("--catalog")
@click.option("--model")
@click.pass_context
def main(context: click.Context, /, source: str, name: str | None, **flags: str | None) -> None:
    """Open SOURCE and run its pipeline to the end in this process."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        given = {"catalog.uri": flags["catalog"], "model": flags["model"]}
        settings, _ = configuration.load(flags=given)
        code = work(source, name, settings, flags["annotations"])
    except RayographError as error:
        console.echo(f"error: {error.message}", sys.stderr)
        if error.hint:
            console.echo(f"hint: {error.hint}", sys.stderr)
        code = WRONG_USE
    except Exception:
        # Python's own exit code for a crash is 1, which here means failed images.
        logging.getLogger(__name__).exception("the job crashed")
        code = WRONG_USE
    context.exit(code)


if __name__ == "__main__":
    main()
