"""Login: turns the token into a cookie, for what a browser fetches without our headers."""

from __future__ import annotations

from fastapi import Request, Response, status
from pydantic import Field

from rayograph.access import COOKIE, COOKIE_AGE_S
from rayograph.schema import Model
from rayograph_serve.routes import parts
from rayograph_serve.routes.parts import AccessRules

router = parts.router("access")


class Login(Model):
    """``POST /api/login``."""

    token: str = Field(min_length=1, max_length=1000)


@router.post("/login", status_code=status.HTTP_204_NO_CONTENT, summary="Log in with the token")
async def login(body: Login, request: Request, access: AccessRules) -> Response:
    """Sets an HttpOnly cookie; a server without a token answers the same and sets none."""
    session = access.login(body.token)
    response = Response(status_code=status.HTTP_204_NO_CONTENT)
    if session is not None:
        response.set_cookie(
            COOKIE,
            session,
            max_age=COOKIE_AGE_S,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )
    return response
