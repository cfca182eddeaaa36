"""What training never sees, so that the benchmark can ask for it."""

from __future__ import annotations

# A picture is left out when its caption holds every part of one of these.
COMBINATIONS: tuple[tuple[str, ...], ...] = (
    ("purple star",),
    ("green heart",),
    ("yellow hexagon",),
    ("orange crescent",),
    ("teal diamond",),
    ("pink triangle",),
    ("blue cross",),
    ("red oval",),
    ("three", "hearts on"),
    ("four", "circles on"),
    ("desert dunes", "fog"),
    ("pine forest", "dawn"),
    ("island in the sea", "starry"),
    ("snowy mountains", "sunset"),
    ("city skyline", "full moon"),
    ("purple", "yellow", "stripes"),
    ("checkerboard", "red", "green"),
    ("green polka dots on pink",),
    ("gradient from blue to orange",),
    ("bar chart", "teal"),
    ("drawing of a cat", "in red"),
    ("drawing of a bicycle", "in blue"),
    ("teal Mandelbrot",),
    ("letter R",),
)
# Training draws from this seed; the demo has 7, the benchmark its own.
TRAINING_SEED = 101
BENCHMARK_SEED = 900_001


def is_held_out(caption: str) -> bool:
    """Whether a caption shows a combination that must stay unseen."""
    return any(all(part in caption for part in parts) for parts in COMBINATIONS)
