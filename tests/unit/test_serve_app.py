"""Every route once, its errors, and the rules that hold for all of them."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from serving import BASE, Served, serving
from starlette.responses import PlainTextResponse
from starlette.routing import Mount

from rayograph.errors import CatalogLocked, ModelUnavailable
from rayograph.settings import Settings
from rayograph_serve.app import create_app
from tests.fake_engine import FakeEngine

ROOT = Path(__file__).parents[2]
NOBODY = "0123456789"
NO_IMAGE = f"{NOBODY}-{'0' * 20}"


@pytest.fixture
async def served(tmp_path: Path):
    async with serving(tmp_path) as running:
        yield running


def code(response: httpx.Response) -> str:
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) <= {"code", "message", "hint"}
    assert body["error"]["message"]
    return body["error"]["code"]


async def test_a_source_is_opened_listed_shown_and_removed(served: Served, tmp_path: Path) -> None:
    more = tmp_path / "more"
    more.mkdir()
    answer = await served.http.post("/api/datasets", json={"name": "more", "path": str(more)})
    assert answer.status_code == 202
    body = answer.json()
    assert (body["success"], body["status"]) == (True, "processing")
    items = (await served.http.get("/api/datasets")).json()["items"]
    assert {item["name"] for item in items} == {"discs", "more"}
    path = f"/api/datasets/{body['dataset_id']}"
    assert (await served.http.get(path)).json()["name"] == "more"
    assert (await served.http.get(path + "/status")).json()["status"] == "processing"
    assert (await served.http.delete(path)).status_code == 204
    assert (await served.http.get(path)).status_code == 404
    assert more.is_dir()


async def test_commands_answer_with_progress(served: Served) -> None:
    commands = ["rescan", "purge", "pause", "resume", "retry", "cancel"]
    for command in commands:
        answer = await served.http.post(f"/api/datasets/{served.dataset}/{command}")
        assert answer.status_code == 202
        assert answer.json()["total"] == 5
    assert served.engine.commands == [(served.dataset, command) for command in commands]


async def test_a_change_is_of_the_model_or_of_the_place(served: Served) -> None:
    path = f"/api/datasets/{served.dataset}"
    moved = await served.http.patch(path, json={"path": "/mnt/there"})
    assert moved.json()["source"] == "/mnt/there"
    assert (await served.http.patch(path, json={"model": "m"})).json()["next_model"] == "m"
    for wrong in ({}, {"model": "m", "path": "/mnt"}):
        assert (await served.http.patch(path, json=wrong)).status_code == 422


async def test_progress_adds_up(served: Served) -> None:
    body = (await served.http.get(f"/api/progress/{served.dataset}")).json()
    states = ("pending", "indexed", "embedding", "ready", "failed")
    assert sum(body[state] for state in states) == body["total"] == 5
    assert body["status"] == "in_progress"
    assert set(body["stages"]) == {"listing", "metadata", "embedding"}
    assert body["stages"]["metadata"]["eta_s"] is None


async def test_images_come_in_pages(served: Served) -> None:
    path, seen, cursor = f"/api/datasets/{served.dataset}/images", [], None
    while True:
        parameters = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = (await served.http.get(path, params=parameters)).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break
    assert seen == await served.ids()
    tail = (await served.http.get(path, params={"offset": 4, "sort": "-file_name"})).json()
    assert [item["file_name"] for item in tail["items"]] == ["disc 0000.jpg"]
    one = (await served.http.get(f"/api/images/{seen[0]}")).json()
    assert one["width"] is None
    assert one["tags"] == []


async def test_a_filter_picks_of_pages_failures_and_searches(served: Served) -> None:
    path = f"/api/datasets/{served.dataset}"
    where = {"where": 'name:"*3.jpg" or name:*4.jpg'}
    page = (await served.http.get(path + "/images", params={**where, "limit": 1})).json()
    assert (page["total"], page["items"][0]["file_name"]) == (2, "disc 0003.jpg")
    await served.engine.set_status(served.dataset, "failed")
    assert (await served.http.get(path + "/failures", params=where)).json()["total"] == 2
    found = (await served.http.post(path + "/search", json={"text": "red", **where})).json()
    assert len(found["items"]) == 2
    fields = (await served.http.get(path + "/fields")).json()["items"]
    assert fields[0]["name"] == "width"


async def test_a_mistake_in_a_filter_says_at_which_character(served: Served) -> None:
    path = f"/api/datasets/{served.dataset}"
    for answer in (
        await served.http.get(path + "/images", params={"where": "size>1 and widht>3"}),
        await served.http.get(path + "/failures", params={"where": "size>1 and widht>3"}),
        await served.http.post(path + "/search", json={"text": "x", "where": "size>1 and widht>3"}),
    ):
        assert answer.status_code == 422
        assert answer.json()["error"] == {
            "code": "invalid_filter",
            "message": "there is no field 'widht'",
            "hint": "did you mean width?",
            "position": 11,
        }
    too_long = await served.http.get(path + "/images", params={"where": "x" * 2001})
    assert (too_long.status_code, code(too_long)) == (422, "invalid_request")


async def test_images_are_tagged_rated_and_favoured(served: Served) -> None:
    first, second, *_ = await served.ids()
    edit = {"tags_add": [" sea "], "rating": 4, "favorite": True}
    record = (await served.http.patch(f"/api/images/{first}", json=edit)).json()
    assert (record["tags"], record["rating"], record["favorite"]) == (["sea"], 4, True)
    path = f"/api/datasets/{served.dataset}/images/batch"
    both = {"ids": [first, second], "rating": None}
    answer = (await served.http.post(path, json=both)).json()
    assert (answer["matched"], [item["rating"] for item in answer["items"]]) == (2, [None, None])
    answer = await served.http.post(path, json={"where": "tag:sea", "tags_remove": ["sea"]})
    assert answer.json() == {"matched": 1, "items": []}
    assert (await served.http.patch(f"/api/images/{NO_IMAGE}", json=edit)).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"rating": 0},
        {"rating": 6},
        {"tags_add": [""]},
        {"tags_add": ["a\nb"]},
        {"tags_add": ["x" * 101]},
        {"stars": 3},
        {"rating": 1, "ids": ["x"]},
    ],
)
async def test_edits_that_make_no_sense_are_refused(served: Served, body: dict[str, Any]) -> None:
    first = (await served.ids())[0]
    answer = await served.http.patch(f"/api/images/{first}", json=body)
    assert (answer.status_code, code(answer)) == (422, "invalid_request")
    path = f"/api/datasets/{served.dataset}/images/batch"
    for choice in ({}, {"ids": [first], "where": "width>1"}):
        answer = await served.http.post(path, json={"rating": 1, **choice})
        assert (answer.status_code, code(answer)) == (422, "invalid_request")


async def test_search_failures_attention_and_models(served: Served) -> None:
    path = f"/api/datasets/{served.dataset}"
    found = (await served.http.post(path + "/search", json={"text": "red", "k": 2})).json()
    assert len(found["items"]) == 2
    assert found["coverage"] == {"searched": 5, "total": 5}
    assert {"image", "score", "similarity", "word_rank", "likely"} == set(found["items"][0])
    await served.engine.set_status(served.dataset, "failed", 2)
    failed = (await served.http.get(path + "/failures", params={"limit": 1})).json()
    assert (failed["total"], len(failed["items"])) == (2, 1)
    assert failed["reasons"] == [{"error_code": "corrupt", "count": 2}]
    wanted = (await served.ids())[:3]
    answer = await served.http.post(path + "/attention", json={"image_ids": wanted})
    assert (answer.status_code, answer.content) == (204, b"")
    assert served.engine.attended == wanted
    assert (await served.http.get("/api/models")).json()["in_use"] == "discs"


async def test_health_is_there_at_once_and_readiness_later(served: Served) -> None:
    served.engine.phase = "starting the model"
    health = await served.http.get("/api/healthz")
    assert (health.status_code, health.json()["status"]) == (200, "ok")
    waiting = await served.http.get("/api/readyz")
    assert (waiting.status_code, waiting.headers["retry-after"]) == (503, "1")
    assert waiting.json()["phase"] == "starting the model"
    served.engine.phase = "ready"
    assert (await served.http.get("/api/readyz")).status_code == 200


async def test_metrics_name_routes_not_paths(served: Served) -> None:
    image = (await served.ids())[0]
    for _ in range(2):
        await served.http.get(f"/api/images/{image}/thumbnail")
    await served.http.get("/nothing/here")
    text = (await served.http.get("/metrics")).text
    route = 'route="/api/images/{image_id}/thumbnail",status="200"'
    assert f'rayograph_requests_total{{method="GET",{route}}} 2.0' in text
    assert 'rayograph_thumbnails_total{origin="memory"} 1.0' in text
    assert 'rayograph_thumbnails_total{origin="made"} 1.0' in text
    assert f'rayograph_images{{dataset="{served.dataset}",status="pending"}} 5.0' in text
    assert f'dataset="{served.dataset}",outcome="done",stage="listing"' in text
    assert image not in text
    assert "/nothing" not in text


NOT_THERE = [
    ("GET", "/api/nothing"),
    ("GET", "/api"),
    ("POST", "/api/datasets/{d}/nothing"),
    ("GET", "/api/datasets/{d}/unheard_of"),
    ("PATCH", "/api/images/../x"),
    ("GET", "/sse/nothing"),
    ("GET", "/nothing"),
]


async def test_what_is_not_there_is_a_404(served: Served) -> None:
    for method, path in NOT_THERE:
        answer = await served.http.request(method, path.replace("{d}", served.dataset))
        assert (answer.status_code, code(answer)) == (404, "not_found"), path


STRANGE_IDS = [
    (f"/api/datasets/{NOBODY}", "dataset_not_found"),
    (f"/api/datasets/{NOBODY}/images", "dataset_not_found"),
    (f"/api/progress/{NOBODY}", "dataset_not_found"),
    (f"/sse/progress/{NOBODY}", "dataset_not_found"),
    (f"/api/datasets/{NOBODY}%0A", "dataset_not_found"),
    ("/api/datasets/..%2F..", "not_found"),
    ("/api/datasets/' OR 1=1 --", "dataset_not_found"),
    (f"/api/images/{NO_IMAGE}", "image_not_found"),
    (f"/api/images/{NO_IMAGE}/thumbnail", "image_not_found"),
    (f"/api/images/{NO_IMAGE}/file", "image_not_found"),
    (f"/api/images/{NO_IMAGE}%0A/file", "image_not_found"),
    ("/api/images/%00/file", "image_not_found"),
    ("/api/images/..%2F..%2Fetc%2Fpasswd/file", "not_found"),
    ("/api/images/é☃/thumbnail", "image_not_found"),
]


async def test_unknown_and_hostile_ids(served: Served) -> None:
    for path, expected in STRANGE_IDS:
        answer = await served.http.get(path)
        assert (answer.status_code, code(answer)) == (404, expected), path


async def test_a_wrong_method_names_the_right_ones(served: Served) -> None:
    answer = await served.http.put(f"/api/datasets/{served.dataset}")
    assert (answer.status_code, code(answer)) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "GET, PATCH, DELETE"


BAD_BODIES = [
    ("/api/datasets", {}),
    ("/api/datasets", {"path": "/x", "url": "s3://x"}),
    ("/api/datasets", {"path": "/x", "colour": "red"}),
    ("/api/datasets", {"path": ["/x"]}),
    ("/api/datasets", []),
    ("/api/datasets/{d}/search", {"text": "a", "image_id": "b"}),
    ("/api/datasets/{d}/search", {"text": "a", "k": 0}),
    ("/api/datasets/{d}/search", {"text": "a", "nearby": 1}),
    ("/api/datasets/{d}/search", {"image_base64": "%%%"}),
    ("/api/datasets/{d}/attention", {"image_ids": ["x"] * 501}),
    ("/api/login", {"token": ""}),
]


async def test_bodies_that_make_no_sense(served: Served) -> None:
    for path, body in BAD_BODIES:
        answer = await served.http.post(path.replace("{d}", served.dataset), json=body)
        assert (answer.status_code, code(answer)) == (422, "invalid_request"), body


async def test_a_field_error_says_where(served: Served) -> None:
    answer = await served.http.post("/api/datasets", json={"path": "", "colour": 1})
    error = answer.json()["error"]
    assert error["message"].startswith("path: ")
    assert error["hint"] == "and 1 more"
    broken = await served.http.post(
        "/api/datasets", content=b"{", headers={"content-type": "application/json"}
    )
    assert code(broken) == "invalid_request"


async def test_query_parameters_are_checked(served: Served) -> None:
    queries = "limit=0 limit=1001 limit=x offset=-1 sort=password sort=size;drop page=2"
    for query in [*queries.split(), "cursor=nonsense", "sort=listed%0A"]:
        answer = await served.http.get(f"/api/datasets/{served.dataset}/images?{query}")
        assert (answer.status_code, code(answer)) == (422, "invalid_request"), query


async def test_unknown_parameters_are_refused_where_none_is_known(served: Served) -> None:
    assert code(await served.http.get("/api/models?x=1")) == "invalid_request"
    hint = (await served.http.get(f"/api/images/{NO_IMAGE}/thumbnail?width=3")).json()
    assert hint["error"]["hint"] == "known here: size, v"


async def test_a_body_is_refused_where_none_is_read(served: Served) -> None:
    path = f"/api/datasets/{served.dataset}"
    for name in ("rescan", "purge", "pause", "resume", "cancel"):
        assert (await served.http.post(f"{path}/{name}", json={})).status_code == 202
        answer = await served.http.post(f"{path}/{name}", json={"soon": True})
        assert (answer.status_code, code(answer)) == (422, "invalid_request"), name
    assert (await served.http.post(f"{path}/retry", json={"soon": 1})).status_code == 422


async def test_errors_of_the_engine_keep_their_status(served: Served) -> None:
    path = f"/api/datasets/{served.dataset}"
    served.engine.fault = CatalogLocked("another process writes to it", hint="stop it")
    answer = await served.http.get(path)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json() == {
        "error": {
            "code": "catalog_locked",
            "message": "another process writes to it",
            "hint": "stop it",
        }
    }
    served.engine.fault = ModelUnavailable("no model for \udcff")
    assert (await served.http.get(path)).json()["error"]["message"] == "no model for ?"


async def test_the_unexpected_is_logged_and_says_nothing(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    served.engine.fault = RuntimeError("password hunter2 in /srv/secret")
    with caplog.at_level(logging.ERROR, "rayograph_serve.app"):
        answer = await served.http.get(f"/api/datasets/{served.dataset}")
    assert answer.status_code == 500
    assert code(answer) == "internal_error"
    assert "hunter2" not in answer.text
    assert "secret" not in answer.text
    assert "hunter2" in caplog.text


async def test_a_body_too_large_is_turned_down(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rayograph_serve.app.MAX_BODY_BYTES", 1000)
    answer = await served.http.post("/api/datasets", json={"path": "x" * 1000})
    assert (answer.status_code, code(answer)) == (413, "request_entity_too_large")


async def test_the_thumbnail_children_end_with_the_app(served: Served) -> None:
    async with served.app.router.lifespan_context(served.app):
        image = (await served.ids())[0]
        assert (await served.http.get(f"/api/images/{image}/thumbnail")).status_code == 200
    with pytest.raises(RuntimeError, match="after shutdown"):
        served.app.state.thumbnails._pool.submit(print)


async def test_every_answer_carries_the_security_headers(served: Served) -> None:
    for path in (
        "/api/models",
        "/docs",
        "/api/nothing",
        f"/api/images/{(await served.ids())[0]}/thumbnail",
    ):
        headers = (await served.http.get(path)).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"] == "frame-ancestors 'self'"
        assert headers["referrer-policy"] == "same-origin"


async def test_a_mounted_page_takes_only_what_is_left(tmp_path: Path) -> None:
    def mount(app: FastAPI) -> None:
        app.router.routes.append(Mount("/", PlainTextResponse("page")))

    settings = Settings.model_validate({"catalog": {"uri": str(tmp_path)}})
    app = create_app(FakeEngine(), settings, mount_page=mount)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url=BASE, trust_env=False) as http:
        assert (await http.get("/")).text == "page"
        assert (await http.get("/anything")).text == "page"
        assert code(await http.get("/api/nothing")) == "not_found"
        assert code(await http.post("/api/models")) == "method_not_allowed"
        assert (await http.get("/api/models")).status_code == 200
        assert "rayograph" in (await http.get("/docs")).text
    app.state.thumbnails.close()


async def test_the_token_guards_all_data_and_the_login_cookie_opens_it(tmp_path: Path) -> None:
    server = {"host": "0.0.0.0", "token": "open-sesame"}
    async with serving(tmp_path, server=server) as served:
        http = served.http
        refused = await http.get("/api/datasets")
        assert (refused.status_code, code(refused)) == (401, "access_denied")
        assert refused.headers["www-authenticate"] == "Bearer"
        assert (await http.get("/api/healthz")).status_code == 200
        bearer = {"Authorization": "Bearer open-sesame"}
        assert (await http.get("/api/datasets", headers=bearer)).status_code == 200
        assert (await http.post("/api/login", json={"token": "guess"})).status_code == 401
        answer = await http.post("/api/login", json={"token": "open-sesame"})
        assert answer.status_code == 204
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert "open-sesame" not in cookie
        assert (await http.get("/api/datasets")).status_code == 200
        # What was served to one who may see it is not thereby open to others.
        path = f"/api/images/{(await served.ids())[0]}/thumbnail"
        assert (await http.get(path)).status_code == 200
        http.cookies.clear()
        assert (await http.get(path)).status_code == 401


async def test_foreign_hosts_and_pages_are_refused(served: Served) -> None:
    for headers in (
        {"Host": "evil.example"},
        {"Origin": "http://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        answer = await served.http.post(f"/api/datasets/{served.dataset}/cancel", headers=headers)
        assert (answer.status_code, code(answer)) == (403, "origin_denied")
    assert served.engine.commands == []


def routes_of(app: FastAPI) -> set[tuple[str, str]]:
    paths = app.openapi()["paths"]
    return {(verb.upper(), path) for path, verbs in paths.items() for verb in verbs}


async def test_every_route_has_a_summary_and_a_described_answer(served: Served) -> None:
    schema = (await served.http.get("/openapi.json")).json()
    assert schema["info"]["title"] == "rayograph"
    for path, verbs in schema["paths"].items():
        for verb, operation in verbs.items():
            assert operation["summary"], path
            assert operation["description"], path
            good = [status for status in operation["responses"] if status.startswith("2")]
            content = operation["responses"][good[0]].get("content", {})
            assert good == ["204"] or content, (verb, path)
            assert "HTTPValidationError" not in str(operation)


async def test_the_documentation_names_every_route_and_no_other(served: Served) -> None:
    text = (ROOT / "docs" / "api.md").read_text("utf-8")
    documented = set(re.findall(r"^### `([A-Z]+) (/\S*)`", text, re.MULTILINE))
    assert documented == routes_of(served.app) | {("WS", "/ws/progress/{dataset_id}")}


async def test_the_documentation_page_needs_no_internet(served: Served) -> None:
    page = (await served.http.get("/docs")).text
    assert "/openapi.json" in page
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", page)
    assert "http://" not in page.replace("http://127.0.0.1", "")
    assert "https://" not in page
