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
    """Return the mean Gram matrix of the features and of a constant 1, its last row and column."""
    F = np.concatenate([F, np.ones((1, F.shape[1]))])
    return np.einsum("im,m,jm->ij", F, T, F, optimize=True) / T.sum()


def covariance(G: np.ndarray) -> np.ndarray:
    """Return the covariances of the features, and in the last row and column their means."""
    m = np.append(G[:-1, -1], 0)
    return G - np.outer(m, m)


def distance(F: np.ndarray, T: np.ndarray, A: np.ndarray, statistics: str) -> float:
    """Return a / (4 N^2) ||Gm - A||^2 with the area share a.

    With moments of the covariances; the constant is then as strong as all features of the style
    together.
    """
    away = gram(F, T) - A
    power = 0.0
    if statistics == "moments":
        away, power = covariance(gram(F, T)) - covariance(A), np.trace(A[:-1, :-1])
    away[:-1, -1] *= np.sqrt(power)
    away[-1, :-1] *= np.sqrt(power)
    return T.mean() / (4 * len(F) ** 2) * (away**2).sum()


LAGS = ((0, 1), (1, 0), (1, 1), (1, -1), (0, 2), (2, 0), (2, 2), (2, -2), (0, 4), (4, 0))


def variogram(X: np.ndarray, T: np.ndarray, lag: tuple[int, int]) -> np.ndarray:
    """Return the mean product of the differences of pixels at a lag."""
    # The partner of the last rows and columns lies beyond the picture: it has no weight.
    down, right = lag
    X, T = (np.pad(each, [(0, 0)] * (each.ndim - 2) + [(4, 4), (4, 4)]) for each in (X, T))
    e = X - np.roll(X, (-down, -right), (1, 2))
    w = np.sqrt(T * np.roll(T, (-down, -right), (0, 1)))
    return np.einsum("iyx,yx,jyx->ij", e, w, e) / w.sum()


def grain(X: np.ndarray, T: np.ndarray, S: np.ndarray, U: np.ndarray) -> float:
    """Return the mean relative error of the variograms, times the area share."""
    errors = []
    for lag in LAGS:
        A = variogram(S, U, lag)
        errors.append(((variogram(X, T, lag) - A) ** 2).sum() / (np.trace(A) ** 2 + 1))
    return T.mean() * np.mean(errors)


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

    def grain(self, picture: np.ndarray, region: int, mask: np.ndarray) -> float:
        """Return the loss of one style's finest texture."""
        part = self.parts[region]
        if not self.job.grain or not mask.any():
            return 0.0
        if self.keep is not None:
            mask = mask / np.sqrt(self.job.protect_strength ** self.keep.astype(float))
        weight = self.job.grain * 1e7 / (1 + self.job.smoothing) * part.weight
        exact = (each.astype(float) for each in (mask, part.style, part.style_mask))
        return weight * grain(picture, *exact)

    def whole_style(self, picture: np.ndarray, region: int) -> float:
        """Return one style's loss over the whole picture, as with stitch and gradient."""
        F = self.network.features(picture, tuple(self.styles))
        ones = {layer: np.ones(F[layer].shape[1]) / self.kept(layer) for layer in F}
        everywhere = np.ones(picture.shape[1:])
        return self.grain(picture, region, everywhere) + self.parts[region].weight * sum(
            weight * distance(F[layer], ones[layer], self.A[region][layer], self.job.statistics)
            for layer, weight in self.styles.items()
        )

    def regional_style(self, picture: np.ndarray) -> float:
        """Return the regions' losses, as with joint, cutout, pinned and banded."""
        F = self.network.features(picture, tuple(self.styles))
        loss = sum(self.grain(picture, index, part.mask) for index, part in enumerate(self.parts))
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
                loss += (
                    part.weight * weight * distance(F[layer], values, A[layer], self.job.statistics)
                )
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
            loss += (first + second) * distance(
                F, hat / self.kept(layer), target, self.job.statistics
            )
        return loss
