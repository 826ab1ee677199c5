"""PyTorch's evaluation of the loss: eager autograd over the paper's definition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from engine.masks.propagation import propagate
from engine.paths import model_file
from models.vgg16 import MEAN_BGR, Conv, operations_through
from models.weights import Weights
from tests.bench.setting import (
    CONTENT_LAYER,
    CONTENT_WEIGHT,
    STYLE_LAYERS,
    STYLE_WEIGHT,
    pictures,
)


class TorchPeer:
    """Content and masked Gram losses of one side length, with VGG-16 and average pooling.

    Parameters
    ----------
    side : int
        Pixels; pictures are square.
    masks : sequence of ndarray, shape (side, side)
        One per region; all regions have the same style.
    device : str
        PyTorch's name of it.
    """

    def __init__(self, side: int, masks: Sequence[np.ndarray], device: str = "cpu") -> None:
        self.device = device
        self._operations = operations_through(STYLE_LAYERS[-1])
        weights = Weights(model_file())
        self._weights = {
            each.name: tuple(
                torch.from_numpy(part.copy()).to(device) for part in weights[each.name]
            )
            for each in self._operations
            if isinstance(each, Conv)
        }
        self._mean = torch.tensor(MEAN_BGR, device=device).view(1, 3, 1, 1)
        carried = [propagate(mask, STYLE_LAYERS) for mask in masks]
        self._guidance = {
            layer: [torch.from_numpy(each[layer].ravel().copy()).to(device) for each in carried]
            for layer in STYLE_LAYERS
        }
        content, style, _ = pictures(side)
        with torch.no_grad():
            self._target = self._features(self._given(content))[CONTENT_LAYER]
            styles = self._features(self._given(style))
            self._grams = {layer: _gram(styles[layer], None) for layer in STYLE_LAYERS}

    def __call__(self, picture: np.ndarray) -> tuple[float, np.ndarray]:
        """Return loss and gradient of a picture, shape (3, side, side), from 0 to 255."""
        value = self._given(picture).requires_grad_(True)
        found = self._features(value)
        difference = found[CONTENT_LAYER] - self._target
        positions = difference.shape[2] * difference.shape[3]
        loss = CONTENT_WEIGHT * (difference**2).sum() / (2 * positions)
        for layer in STYLE_LAYERS:
            for guidance in self._guidance[layer]:
                error = _gram(found[layer], guidance) - self._grams[layer]
                squares = (error**2).sum() / (4 * error.shape[0] ** 2)
                loss = loss + STYLE_WEIGHT * guidance.mean() * squares
        loss.backward()
        assert value.grad is not None
        return loss.item(), value.grad[0].cpu().numpy()

    def _given(self, picture: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(picture)[None].to(self.device)

    def _features(self, picture: torch.Tensor) -> dict[str, torch.Tensor]:
        value, found = picture.flip(1) - self._mean, {}
        for operation in self._operations:
            if isinstance(operation, Conv):
                value = functional.conv2d(value, *self._weights[operation.name], padding=1)
                value = found[operation.name] = functional.relu(value)
            else:
                value = functional.avg_pool2d(value, 2)
        return found


def _gram(value: torch.Tensor, guidance: torch.Tensor | None) -> torch.Tensor:
    flat = value.flatten(2)[0]
    if guidance is None:
        return flat @ flat.T / flat.shape[1]
    return (flat * guidance) @ flat.T / guidance.sum()
