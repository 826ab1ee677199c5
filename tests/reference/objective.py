"""The whole loss of a picture, in float64, written from the equations in the order of the paper.

Only for style pictures of the content's size, and with the method banded for two masks that add up
to 1 at every layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from engine.job import Job
from engine.methods import METHODS
from tests.reference import receptive_field
from tests.reference.vgg import ReferenceNetwork


@dataclass(frozen=True)
class Part:
    """A region: its style picture and where in it, and its mask on the content."""

    style: np.ndarray
    style_mask: np.ndarray
    mask: np.ndarray
    weight: float


@lru_cache(maxsize=256)
def _guidance(data: bytes, shape: tuple[int, int], layer: str, kind: str) -> np.ndarray:
    mask = np.frombuffer(data, np.float32).reshape(shape)
    if kind == "resize":
        return receptive_field.resized(mask, layer).ravel()
    return receptive_field.guidance(mask, layer, kind).ravel()


def guidance(mask: np.ndarray, layer: str, kind: str) -> np.ndarray:
    return _guidance(mask.tobytes(), mask.shape, layer, kind)


def gram(F: np.ndarray, T: np.ndarray) -> np.ndarray:
    return np.einsum("im,m,jm->ij", F, T, F, optimize=True) / T.sum()


def distance(F: np.ndarray, T: np.ndarray, A: np.ndarray) -> float:
    """Return a / (4 N^2) ||Gm - A||^2 with the area share a."""
    return T.mean() / (4 * len(F) ** 2) * ((gram(F, T) - A) ** 2).sum()


class ReferenceLoss:
    """The loss of equation 6, part by part."""

    def __init__(
        self,
        job: Job,
        network: ReferenceNetwork,
        content: np.ndarray,
        parts: list[Part],
        keep: np.ndarray | None = None,
    ) -> None:
        self.job = job
        self.network = network
        self.parts = parts
        self.contents = {layer: weight for layer, weight in job.content_layers if weight}
        self.styles = {layer: weight for layer, weight in job.style_layers if weight}
        self.layers = tuple({**self.contents, **self.styles})
        self.keep = keep
        self.P = network.features(content, tuple(self.contents))
        self.T = [self.guidances(part.mask) for part in parts]
        self.A = []
        for part in parts:
            S = network.features(part.style, tuple(self.styles))
            U = self.guidances(part.style_mask)
            self.A.append({layer: gram(S[layer], U[layer]) for layer in self.styles})

    def guidances(self, mask: np.ndarray) -> Mapping[str, np.ndarray]:
        kind = METHODS[self.job.method].propagation_for(self.job)
        return {layer: guidance(mask, layer, kind) for layer in self.styles}

    def kept(self, layer: str) -> np.ndarray | float:
        """Return how many times the content counts more, and the styles less, at a layer."""
        if self.keep is None:
            return 1.0
        return np.sqrt(self.job.protect_strength ** guidance(self.keep, layer, "receptive"))

    def smooth_content(self, picture: np.ndarray) -> float:
        """Return the content loss and the total variation, with their weights."""
        F = self.network.features(picture, tuple(self.contents))
        loss = 0.0
        for layer, weight in self.contents.items():
            squares = (self.kept(layer) * (F[layer] - self.P[layer]) ** 2).sum()
            loss += 0.05 / self.job.strength * weight * squares / (2 * F[layer].shape[1])
        steps = [np.diff(picture, axis=axis) for axis in (1, 2)]
        pixels = picture.shape[1] * picture.shape[2]
        return loss + self.job.smoothing * sum((step**2).sum() for step in steps) / pixels

    def whole_style(self, picture: np.ndarray, region: int) -> float:
        """Return one style's loss over the whole picture, as with stitch and gradient."""
        F = self.network.features(picture, tuple(self.styles))
        ones = {layer: np.ones(F[layer].shape[1]) / self.kept(layer) for layer in F}
        return self.parts[region].weight * sum(
            weight * distance(F[layer], ones[layer], self.A[region][layer])
            for layer, weight in self.styles.items()
        )

    def regional_style(self, picture: np.ndarray) -> float:
        """Return the regions' losses, as with joint, cutout, pinned and banded."""
        F = self.network.features(picture, tuple(self.styles))
        loss = 0.0
        for layer, weight in self.styles.items():
            if self.job.method == "banded":
                loss += weight * self.banded(F[layer], layer)
                continue
            for part, T, A in zip(self.parts, self.T, self.A):
                values = T[layer]
                if self.job.method == "pinned":
                    values = np.clip(2 * values - 1, 0, 1)
                if self.job.method == "cutout" and values.max() > 0:
                    values = np.clip(2 * values / values.max() - 1, 0, 1)
                if values.sum() < 1e-3:
                    continue  # the region has vanished at this layer
                values = values / self.kept(layer)
                loss += part.weight * weight * distance(F[layer], values, A[layer])
        return loss

    def banded(self, F: np.ndarray, layer: str) -> float:
        """Aim the band at c of the first mask at c A + (1 - c) B."""
        (one, other), T = self.parts, self.T[0][layer]
        A, B = self.A[0][layer], self.A[1][layer]
        loss = 0.0
        width = 1 / (self.job.bands - 1)
        for center in np.linspace(0, 1, self.job.bands):
            hat = np.clip(1 - np.abs(T - center) / width, 0, 1)
            if hat.sum() < 1e-3:
                continue
            first, second = center * one.weight, (1 - center) * other.weight
            target = (first * A + second * B) / (first + second)
            loss += (first + second) * distance(F, hat / self.kept(layer), target)
        return loss
