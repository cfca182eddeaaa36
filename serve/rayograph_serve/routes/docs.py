"""The API's documentation, drawn from ``/openapi.json`` without anything from the internet."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

router = APIRouter()
_PAGE = Path(__file__).with_name("docs.html")


@router.get("/docs", summary="This documentation", include_in_schema=False)
async def docs() -> HTMLResponse:
    """A page that lists every call, its fields and answers, and tries it."""
    return HTMLResponse(_PAGE.read_text("utf-8"))
