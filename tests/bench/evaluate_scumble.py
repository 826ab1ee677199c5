"""One evaluation of Scumble's objective per line on standard input; see `evaluation.py`."""

from __future__ import annotations

import json
import resource
import sys
import time

import numpy as np

from engine.job import Job
from engine.loss.blocks import BlockedLosses
from engine.loss.objective import BlockEvaluator
from engine.network import open_network
from engine.threads import single_threaded_blas
from tests.bench.problem import LAYERS, loss_terms
from tests.bench.setting import pictures


@single_threaded_blas()
def main(side: int, regions: str, threads: int) -> None:
    """Answer each line with loss, norm of the gradient, seconds and peak memory, as JSON."""
    network = open_network(Job(threads=threads))
    _, _, picture = pictures(side)
    terms = loss_terms(network, side, regions)
    sized = network.differentiable(side, side, LAYERS)
    evaluate = BlockEvaluator(sized, [terms], BlockedLosses(network.threads))
    for _ in sys.stdin:
        began, computed = time.perf_counter(), time.process_time()
        evaluation = next(evaluate(picture))
        seconds, processor = time.perf_counter() - began, time.process_time() - computed
        norm = float(np.linalg.norm(evaluation.gradient.astype(np.float64)))
        answer = {"seconds": seconds, "processor": processor}
        answer.update(loss=evaluation.loss, gradient=norm)
        answer["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
