"""The model actor: keeps the models in use loaded, for queries and for what is on screen."""

from __future__ import annotations

import logging
import os
import threading
from collections import OrderedDict
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import ray

from rayograph.encoders import Encoder
from rayograph.errors import RayographError, WeightsChanged
from rayograph.settings import Settings
from rayograph_pipelines import chains
from rayograph_pipelines.facts import ModelFacts
from rayograph_pipelines.names import MODEL_ACTOR, NAMESPACE
from rayograph_pipelines.query_picture import QueryConfig, QueryPictures
from rayograph_pipelines.stages.embed import Embed

_KEPT = 2
log = logging.getLogger(__name__)


class ModelActor:
    """Loads a model on first use; one forward pass at a time."""

    def __init__(self, settings: Settings) -> None:
        logging.basicConfig(level=settings.log_level.upper())
        # A dataset's pictures go through here too: the page comes before them.
        os.nice(chains.NICE)
        self._settings = settings
        self._kept: OrderedDict[str, Embed] = OrderedDict()
        self._loading = threading.Lock()
        images = settings.images
        self._pictures = QueryPictures(QueryConfig(images.max_pixels, images.timeout_s))
        self._forward = threading.Lock()

    def load(self, model: str) -> ModelFacts:
        """Load a model and say what it is.

        Raises:
            ModelUnavailable: it cannot be had.
        """
        return ModelFacts.of(self._encoder(model))

    def text(self, model: str, key: str | None, text: str) -> npt.NDArray[np.float16]:
        """The query vector of a text, to compare with vectors made by the weights ``key``.

        Raises:
            WeightsChanged: the model has other weights now.
        """
        vectors: npt.NDArray[np.float16] = self._encoder(model, key).texts([text])
        return np.asarray(vectors[0])

    def texts(self, model: str, key: str | None, texts: list[str]) -> npt.NDArray[np.float16]:
        """The vectors of several texts, to compare with vectors made by the weights ``key``.

        Raises:
            WeightsChanged: the model has other weights now.
        """
        vectors: npt.NDArray[np.float16] = self._encoder(model, key).texts(texts)
        return vectors

    def picture(
        self,
        model: str,
        key: str | None,
        data: bytes,
        box: tuple[float, float, float, float] | None,
    ) -> npt.NDArray[np.float16]:
        """The query vector of a picture's bytes, or of a box (x, y, width, height; shares) in it.

        Raises:
            InvalidRequest: they are no picture.
            WeightsChanged: the model has other weights now.
        """
        encoder = self._encoder(model, key)
        pixels = self._pictures.pixels(data, ModelFacts.of(encoder), box)
        with self._forward:
            return np.asarray(encoder.images(pixels[None])[0])

    def embed(self, model: str, batch: pa.Table) -> pa.Table:
        """What the Embed stage makes of a decoded batch."""
        stage = self._stage(model)
        with self._forward:
            return stage(batch)

    def _encoder(self, model: str, key: str | None = None) -> Encoder:
        encoder = self._stage(model).encoder
        if key not in (None, encoder.key):
            raise WeightsChanged(
                f"the weights of {model} are not those that made the vectors here",
                hint="the images are embedded anew; try again in a moment",
            )
        return encoder

    def _stage(self, model: str) -> Embed:
        with self._loading:
            stage = self._kept.get(model)
            if stage is None:
                # GPUs belong to the bulk stage; queries are few and run beside it.
                stage = Embed(replace(chains.embed_config(model, self._settings), device="cpu"))
                self._kept[model] = stage
                while len(self._kept) > _KEPT:
                    self._kept.popitem(last=False)
            self._kept.move_to_end(model)
            return stage


class RemoteEmbedder:
    """The way to a model actor from a thread."""

    def __init__(self, actor: Any) -> None:
        self._actor = actor

    def load(self, model: str) -> ModelFacts:
        facts: ModelFacts = self._ask(self._actor.load.remote(model))
        return facts

    def embed(self, batch: pa.Table, model: str) -> pa.Table:
        table: pa.Table = self._ask(self._actor.embed.remote(model, batch))
        return table

    def _ask(self, reference: Any) -> Any:
        try:
            return ray.get(reference)
        except ray.exceptions.RayTaskError as error:
            if isinstance(error.cause, RayographError):
                raise error.cause from None
            raise


def model_actor(settings: Settings, *, shared: bool = True) -> Any:
    """A model actor: the cluster's shared one, or one that ends with this process."""
    options: dict[str, Any] = {
        "num_cpus": 0,
        "max_restarts": -1,
        "max_task_retries": 2,
        "max_concurrency": 8,
    }
    if shared:
        options |= {
            "name": MODEL_ACTOR,
            "namespace": NAMESPACE,
            "get_if_exists": True,
            "lifetime": "detached",
        }
    return ray.remote(ModelActor).options(**options).remote(settings)
