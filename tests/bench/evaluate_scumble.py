"""One evaluation of Scumble's objective per line on standard input; see `evaluation.py`."""

from __future__ import annotations

import json
import resource
import sys
import time

from engine.threads import limit_blas

limit_blas()

import numpy as np

from engine.job import Job
from engine.loss.blocks import BlockedLosses
from engine.loss.definition import masked_gram
from engine.loss.objective import BlockEvaluator
from engine.loss.terms import ContentTerm, LayerGuidance, StyleTerm, Term
from engine.masks.bands import mask_bands
from engine.masks.propagation import propagate
from engine.network import Network
from engine.paths import model_file
from models.kernels import Kernels
from models.weights import Weights
from tests.bench.setting import (
    CONTENT_LAYER,
    CONTENT_WEIGHT,
    STYLE_LAYERS,
    STYLE_WEIGHT,
    pictures,
)


def main(side: int, regions: str) -> None:
    """Answer each line with loss, norm of the gradient, seconds and peak memory, as JSON."""
    network = Network(Kernels(Weights(model_file())))
    content, style, picture = pictures(side)
    features = network.features(content, (CONTENT_LAYER,))
    P = features[CONTENT_LAYER]
    content_term = ContentTerm(CONTENT_LAYER, P, CONTENT_WEIGHT, P.shape[1])
    features = network.features(style, STYLE_LAYERS)
    grams = {
        layer: masked_gram(values, np.ones(values.shape[1], np.float32))
        for layer, values in features.items()
    }
    del features
    terms: list[Term] = []
    carried = [propagate(mask, STYLE_LAYERS) for mask in masks(side, regions)]
    for layer in STYLE_LAYERS:
        parts = [guidance[layer] for guidance in carried]
        if regions == "banded":
            parts = [band for band, _ in mask_bands([part.ravel() for part in parts], Job().bands)]
        terms += [
            StyleTerm(layer, LayerGuidance.of(part), grams[layer], STYLE_WEIGHT, index)
            for index, part in enumerate(parts)
        ]
    layers = (*STYLE_LAYERS, CONTENT_LAYER)
    differentiable = network.differentiable(side, side, layers)
    evaluate = BlockEvaluator(
        differentiable, [[*terms, content_term]], BlockedLosses(network.threads)
    )
    for _ in sys.stdin:
        began = time.perf_counter()
        evaluation = next(evaluate(picture))
        seconds = time.perf_counter() - began
        norm = float(np.linalg.norm(evaluation.gradient.astype(np.float64)))
        answer = {"seconds": seconds, "loss": evaluation.loss, "gradient": norm}
        answer["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps(answer), flush=True)


def masks(side: int, regions: str) -> list[np.ndarray]:
    """Return one mask of ones, or two complementary ones: a hard edge or a sigmoid."""
    everywhere = np.ones((side, side), np.float32)
    if regions == "one":
        return [everywhere]
    ramp = 1 / (1 + np.exp(-np.linspace(-6, 6, side, dtype=np.float32)))
    left = everywhere * (ramp > 0.5 if regions == "hard" else ramp)
    return [left, 1 - left]


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
