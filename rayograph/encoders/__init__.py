"""Encoders: pictures and words as vectors in one space, and the choice of the model.

Importing this package, parsing a name and choosing a model never import torch; only
``load_encoder`` does.
"""

from rayograph.encoders.base import Device, Encoder, Precision, load_encoder
from rayograph.encoders.choice import Candidate, ModelChoice, choose_model, list_models
from rayograph.encoders.names import ModelName, ModelShape, model_shape, parse_name

__all__ = [
    "Candidate",
    "Device",
    "Encoder",
    "ModelChoice",
    "ModelName",
    "ModelShape",
    "Precision",
    "choose_model",
    "list_models",
    "load_encoder",
    "model_shape",
    "parse_name",
]
