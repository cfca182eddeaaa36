"""Search by text or by picture."""

from __future__ import annotations

from rayograph.schema import SearchRequest, SearchResponse
from rayograph_serve.routes import parts
from rayograph_serve.routes.parts import DatasetId, Engine

router = parts.router("search")


@router.post("/datasets/{dataset_id}/search", summary="Rank images by a query")
async def search(dataset_id: DatasetId, body: SearchRequest, engine: Engine) -> SearchResponse:
    """Best first; ``coverage`` says how much of the dataset could be searched so far."""
    return await engine.search(dataset_id, body)
