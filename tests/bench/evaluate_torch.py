"""The same loss and gradient with PyTorch's eager autograd; see `evaluation.py`.

Needs torch, numpy, Pillow and protobuf: `models.weights` imports the ONNX reader.
"""

from __future__ import annotations

import json
import resource
import sys
import time

import torch
from torch.nn import functional

from engine.paths import model_file
from models.vgg16 import MEAN_BGR, Conv, operations_through
from models.weights import load_weights
from tests.bench.setting import (
    CONTENT_LAYER,
    CONTENT_WEIGHT,
    STYLE_LAYERS,
    STYLE_WEIGHT,
    pictures,
)


def main(side: int) -> None:
    """Answer each line with loss, norm of the gradient, seconds and peak memory, as JSON."""
    weights = {
        name: (torch.from_numpy(layer.kernel.copy()), torch.from_numpy(layer.bias.copy()))
        for name, layer in load_weights(model_file()).items()
    }
    mean = torch.tensor(MEAN_BGR).view(1, 3, 1, 1)

    def features(picture: torch.Tensor) -> dict[str, torch.Tensor]:
        value, found = picture.flip(1) - mean, {}
        for operation in operations_through(STYLE_LAYERS[-1]):
            if isinstance(operation, Conv):
                value = functional.conv2d(value, *weights[operation.name], padding=1)
                value = found[operation.name] = functional.relu(value)
            else:
                value = functional.avg_pool2d(value, 2)
        return found

    def gram(value: torch.Tensor) -> torch.Tensor:
        flat = value.flatten(2)[0]
        return flat @ flat.T / flat.shape[1]

    content, style, picture = (torch.from_numpy(each)[None] for each in pictures(side))
    with torch.no_grad():
        target = features(content)[CONTENT_LAYER]
        styles = features(style)
        grams = {layer: gram(styles[layer]) for layer in STYLE_LAYERS}
        del styles
    picture.requires_grad_(True)
    for _ in sys.stdin:
        began = time.perf_counter()
        picture.grad = None
        found = features(picture)
        difference = found[CONTENT_LAYER] - target
        positions = target.shape[2] * target.shape[3]
        loss = CONTENT_WEIGHT * (difference**2).sum() / (2 * positions)
        for layer in STYLE_LAYERS:
            error = gram(found[layer]) - grams[layer]
            loss = loss + STYLE_WEIGHT * (error**2).sum() / (4 * error.shape[0] ** 2)
        loss.backward()
        seconds = time.perf_counter() - began
        assert picture.grad is not None
        answer = {
            "seconds": seconds,
            "loss": loss.item(),
            "gradient": picture.grad.double().norm().item(),
        }
        del found, loss, difference, error
        answer["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
