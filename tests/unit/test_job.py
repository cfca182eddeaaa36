"""Submitting the pipeline as a job, against a stand-in for Ray's client; and the job itself."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner
from fake_api import FRESH, progress

from rayograph import settings as configuration
from rayograph.errors import SourceNotFound, Unavailable
from rayograph.schema import Progress
from rayograph_pipelines import job

SETTINGS = configuration.load(
    flags={"catalog.uri": "s3://b/c", "model": "none", "server.token": "secret", "ray.num_cpus": 3},
    environ={"RAYOGRAPH_SOURCES__ALLOWED_HOSTS": '["nas"]'},
)[0]


class FakeJobs:
    """Ray's job client as far as ``submit`` needs it."""

    ends: tuple[str, int | None] = ("SUCCEEDED", 0)

    def __init__(self, address: str) -> None:
        if "nowhere" in address:
            raise ConnectionError("Failed to connect\nand much more")
        self.looks = 0

    def submit_job(self, **given: Any) -> str:
        FakeJobs.given = given
        return "job1"

    async def tail_job_logs(self, _: str) -> AsyncIterator[str]:
        yield "a line\nanother\n"

    def get_job_info(self, _: str) -> Any:
        self.looks += 1
        status = "RUNNING" if self.looks == 1 else self.ends[0]
        over = status != "RUNNING"
        return SimpleNamespace(
            status=SimpleNamespace(value=status, is_terminal=lambda: over),
            driver_exit_code=self.ends[1],
            message="why",
        )


@pytest.fixture(autouse=True)
def ray_stand_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("RAY_AUTH_MODE", raising=False)
    monkeypatch.setattr(job, "POLL_S", 0)
    module: Any = types.ModuleType("ray.job_submission")
    module.JobSubmissionClient = FakeJobs
    monkeypatch.setitem(sys.modules, "ray", types.ModuleType("ray"))
    monkeypatch.setitem(sys.modules, "ray.job_submission", module)


def submit(address: str = "http://head:8265", *, wait: bool = True) -> int:
    return job.submit(source="s3://b/x y", address=address, name="n", settings=SETTINGS, wait=wait)


def test_the_entrypoint_and_its_environment(capsys: pytest.CaptureFixture[str]) -> None:
    assert submit() == 0
    assert FakeJobs.given["entrypoint"] == (
        "python -m rayograph_pipelines.job 's3://b/x y' --name n --catalog s3://b/c --model none"
    )
    variables = FakeJobs.given["runtime_env"]["env_vars"]
    assert variables["RAYOGRAPH_SOURCES__ALLOWED_HOSTS"] == '["nas"]'
    assert not [name for name in variables if "SERVER" in name or "RAY__" in name]
    rebuilt = configuration.load(environ=variables)[0]
    assert (rebuilt.catalog, rebuilt.sources) == (SETTINGS.catalog, SETTINGS.sources)
    assert capsys.readouterr().out.splitlines()[1:] == ["a line", "another"]


def test_on_this_machine_it_is_this_interpreter_and_paths_are_absolute(tmp_path: Path) -> None:
    settings = configuration.load(flags={"catalog.uri": "~/c"}, environ={})[0]
    command = job.entrypoint("~/x", None, settings, "~/boxes", local=True)
    assert command[0] == sys.executable
    assert command[3:6] == [f"{tmp_path}/x", "--annotations", f"{tmp_path}/boxes"]
    assert command[6:8] == ["--catalog", f"{tmp_path}/c"]


@pytest.mark.parametrize(
    ("status", "exit_code", "expected"),
    [
        ("SUCCEEDED", 0, 0),
        ("FAILED", 1, 1),
        ("FAILED", 2, 2),
        ("FAILED", None, 2),
        ("STOPPED", None, 2),
    ],
)
def test_the_job_s_exit_code_is_ours(
    monkeypatch: pytest.MonkeyPatch, status: str, exit_code: int | None, expected: int
) -> None:
    monkeypatch.setattr(FakeJobs, "ends", (status, exit_code))
    assert submit() == expected
    assert submit(wait=False) == 0


@pytest.mark.parametrize(
    "answers",
    [
        [RuntimeError("status code 500: No available agent to submit job"), "job1"],
        [ConnectionError("Connection aborted."), RuntimeError("Job {id} already exists")],
    ],
)
def test_a_cluster_that_is_coming_up_is_asked_again(
    answers: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def submit_job(self: FakeJobs, *, submission_id: str, **_: Any) -> str:
        asked.append(submission_id)
        answer = answers[len(asked) - 1]
        if isinstance(answer, str):
            return answer
        raise type(answer)(str(answer).format(id=submission_id))

    monkeypatch.setattr(FakeJobs, "submit_job", submit_job)
    assert submit(wait=False) == 0
    assert len(asked) == 2
    assert len(set(asked)) == 1


def test_what_a_cluster_refuses_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def submit_job(self: FakeJobs, **_: Any) -> str:
        raise RuntimeError("the runtime env is bad\nand more")

    monkeypatch.setattr(FakeJobs, "submit_job", submit_job)
    with pytest.raises(Unavailable, match=r"refused the job: the runtime env is bad$"):
        submit()


def test_no_cluster_there_is_one_line() -> None:
    with pytest.raises(Unavailable) as caught:
        submit("http://nowhere:8265")
    assert "much more" not in caught.value.message
    assert "8265" in (caught.value.hint or "")


def test_a_token_is_sent_only_where_there_is_one(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    submit(wait=False)
    assert "RAY_AUTH_MODE" not in os.environ
    (tmp_path / ".ray").mkdir()
    (tmp_path / ".ray" / "auth_token").write_text("x")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    submit(wait=False)
    assert os.environ["RAY_AUTH_MODE"] == "disabled"
    monkeypatch.delenv("RAY_AUTH_MODE")
    submit(wait=False)
    assert os.environ["RAY_AUTH_MODE"] == "token"


def run_job(monkeypatch: pytest.MonkeyPatch, outcome: Progress | Exception) -> Any:
    def run(source: str, *, on_progress: Any, **_: Any) -> Progress:
        if isinstance(outcome, Exception):
            raise outcome
        on_progress(Progress.model_validate(progress(FRESH, 0)))
        on_progress(outcome)
        return outcome

    module: Any = types.ModuleType("rayograph_pipelines.ingest")
    module.run = run
    monkeypatch.setitem(sys.modules, "rayograph_pipelines.ingest", module)
    monkeypatch.setattr("rayograph_pipelines.ingest", module, raising=False)
    monkeypatch.setattr(job, "_start_ray", lambda: None)
    monkeypatch.setattr(job, "_failures", lambda *_: ({}, []))
    return CliRunner().invoke(job.main, ["/x", "--catalog", "/c", "--model", "none"])


@pytest.mark.parametrize(("failed", "code"), [(0, 0), (1, 1)])
def test_the_job_prints_progress_and_a_summary(
    monkeypatch: pytest.MonkeyPatch, failed: int, code: int
) -> None:
    done = Progress.model_validate(progress(FRESH, 3 - failed, failed))
    result = run_job(monkeypatch, done)
    assert result.exit_code == code
    lines = result.output.splitlines()
    assert lines[0] == "0 of 3 ready, 3 pending"
    assert f"{3 - failed} of 3 images ready" in lines


def test_what_stops_the_job_is_code_2(monkeypatch: pytest.MonkeyPatch) -> None:
    result = run_job(monkeypatch, SourceNotFound("no folder /x", hint="look at /"))
    assert (result.exit_code, result.stderr) == (2, "error: no folder /x\nhint: look at /\n")
    assert run_job(monkeypatch, ZeroDivisionError("a bug")).exit_code == 2
