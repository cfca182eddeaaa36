"""The losses as a picture, drawn with Pillow alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

WIDE, HIGH, EDGE = 900, 420, 56
INKS = ("#2563eb", "#d97706", "#059669")


def plot(path: Path, curves: dict[str, Sequence[tuple[int, float]]], smooth: int = 25) -> None:
    """One line a curve of (step, value), smoothed over ``smooth`` points."""
    image = Image.new("RGB", (WIDE, HIGH), "white")
    d = ImageDraw.Draw(image)
    font = ImageFont.load_default(14)
    lines = {name: np.array(points, float) for name, points in curves.items() if len(points) > 1}
    if not lines:
        return
    right = max(points[-1, 0] for points in lines.values())
    top = max(float(np.quantile(points[:, 1], 0.99)) for points in lines.values()) * 1.05
    for n in range(6):
        y = HIGH - EDGE - (HIGH - 2 * EDGE) * n / 5
        d.line((EDGE, y, WIDE - EDGE / 2, y), fill="#e5e7eb")
        d.text((EDGE - 8, y), f"{top * n / 5:.2f}", fill="#374151", font=font, anchor="rm")
        x = EDGE + (WIDE - 1.5 * EDGE) * n / 5
        d.text(
            (x, HIGH - EDGE + 8), f"{right * n / 5:,.0f}", fill="#374151", font=font, anchor="mt"
        )
    for (name, points), ink, n in zip(lines.items(), INKS, range(3), strict=False):
        window = max(1, min(smooth, len(points) // 8))
        values = np.convolve(np.pad(points[:, 1], window // 2, "edge"), np.ones(window) / window)
        values = values[window - 1 : window - 1 + len(points)]
        xs = EDGE + (WIDE - 1.5 * EDGE) * points[:, 0] / right
        ys = HIGH - EDGE - (HIGH - 2 * EDGE) * np.clip(values / top, 0, 1)
        d.line([(float(x), float(y)) for x, y in zip(xs, ys, strict=True)], fill=ink, width=2)
        d.text((EDGE + 150 * n, 20), f"- {name}", fill=ink, font=font)
    image.save(path)
