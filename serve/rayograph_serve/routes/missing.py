"""What does not exist under ``/api``: our error shape, even with a page mounted at ``/``."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.routing import Match, Route
from starlette.types import Receive, Scope, Send

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")
_FOLDERS = ("/api", "/api/{rest:path}", "/sse/{rest:path}", "/docs/{rest:path}")


def refuse_the_rest(app: FastAPI) -> None:
    """Register 404 and 405 for the API's folders. Call it after every route of the API."""
    known = list(app.router.routes)

    def takes(scope: Scope, method: str) -> bool:
        probe = {**scope, "method": method}
        return any(route.matches(probe)[0] is Match.FULL for route in known)

    class Missing:
        async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
            allowed = [method for method in _METHODS if takes(scope, method)]
            if allowed:
                raise HTTPException(405, headers={"Allow": ", ".join(allowed)})
            raise HTTPException(404)

    app.router.routes.extend(Route(folder, Missing()) for folder in _FOLDERS)
