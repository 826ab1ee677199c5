"""Pictures, layers and weights that both programs of the benchmark evaluate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

DEMO = Path(__file__).resolve().parents[2] / "docs" / "demo"
STYLE_LAYERS = tuple(f"conv{block}_1" for block in range(1, 6))
CONTENT_LAYER = "conv3_2"
STYLE_WEIGHT = 0.2
CONTENT_WEIGHT = 0.05


def pictures(side: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return content, style and the picture to evaluate, shape (3, side, side), 0..255."""
    content, style = (_square(name, side) for name in ("photo.jpg", "style-oil.jpg"))
    return content, style, 0.7 * content + 0.3 * style


def _square(name: str, side: int) -> np.ndarray:
    with Image.open(DEMO / name) as image:
        resized = image.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
    return np.ascontiguousarray(np.asarray(resized, np.float32).transpose(2, 0, 1))
