"""The same loss and gradient with PyTorch's eager autograd; see `evaluation.py`.

Needs torch, numpy, Pillow and protobuf: `models.weights` imports the ONNX reader.
"""

from __future__ import annotations

import json
import resource
import sys
import time

import numpy as np

from tests.bench.setting import pictures
from tests.bench.torch_peer import TorchPeer


def main(side: int) -> None:
    """Answer each line with loss, norm of the gradient, seconds and peak memory, as JSON."""
    peer = TorchPeer(side, [np.ones((side, side), np.float32)])
    _, _, picture = pictures(side)
    for _ in sys.stdin:
        began, computed = time.perf_counter(), time.process_time()
        loss, gradient = peer(picture)
        seconds, processor = time.perf_counter() - began, time.process_time() - computed
        norm = float(np.linalg.norm(gradient.astype(np.float64)))
        answer = {"seconds": seconds, "processor": processor, "loss": loss, "gradient": norm}
        answer["peak"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))
