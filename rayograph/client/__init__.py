"""The Python client, blocking and asyncio; both speak only HTTP."""

from rayograph.client.aio import AsyncClient, AsyncDataset
from rayograph.client.sync import Client, Dataset

__all__ = ["AsyncClient", "AsyncDataset", "Client", "Dataset"]
