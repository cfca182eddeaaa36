"""What the last steps made: pictures and texts to compare with that cost no forward pass."""

from __future__ import annotations

from typing import Any

import torch

Tensor = Any


class Memory:
    """Rings of the newest vectors, ``float [size, dim]``, with what is known of each.

    ``marks`` are small integers beside each vector (statement ids, or the row in the pool): what
    decides whether a vector of now and one of then belong together.
    """

    def __init__(self, size: int, dim: int, marks: int, device: torch.device) -> None:
        self.vectors = torch.zeros(size, dim, device=device)
        self.marks = torch.full((size, marks), _NEVER, dtype=torch.int32, device=device)
        self._at = 0
        self._held = 0

    @property
    def held(self) -> slice:
        """The part of the rings that holds something."""
        return slice(0, self._held)

    @torch.no_grad()
    def push(self, vectors: Tensor, marks: Tensor) -> None:
        """Remember these in place of the oldest."""
        size = len(self.vectors)
        places = (self._at + torch.arange(len(vectors), device=self.vectors.device)) % size
        self.vectors[places] = vectors.detach().float()
        self.marks[places] = marks.to(torch.int32)
        self._at = int((self._at + len(vectors)) % size)
        self._held = min(size, self._held + len(vectors))

    def state(self) -> dict[str, Any]:
        return {
            "vectors": self.vectors,
            "marks": self.marks,
            "at": self._at,
            "held": self._held,
        }

    def load(self, state: dict[str, Any]) -> None:
        self.vectors, self.marks = state["vectors"], state["marks"]
        self._at, self._held = state["at"], state["held"]


_NEVER = -3
