"""A peer's whole minimization in PyTorch, in pieces; see `peers.py`.

Needs torch, numpy, SciPy, psutil, Pillow and protobuf, as PyTorch's wheel for the processor and the
package registry have them. FOLDER keeps the optimizer between the pieces.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch

from tests.bench.setting import pictures
from tests.bench.torch_peer import TorchPeer

STEP = 5.0
"""Adam's step, of 255."""

HISTORY = 100
"""Pairs that PyTorch's L-BFGS remembers by default."""


def main(kind: str, side: int, evaluations: int, seconds: float, folder: Path) -> None:
    """Continue a minimization for some processor seconds, and save it.

    Parameters
    ----------
    kind : {'lbfgs', 'adam'}
        L-BFGS as Gatys, Ecker and Bethge (2016) use it, without bounds and clipped at the end; or
        Adam (Kingma and Ba 2014), clamped to 0..255 after each step.
    side : int
        Pixels; the picture is square.
    evaluations : int
        The number after which it ends.
    seconds : float
    folder : Path
        Where `KIND.pt` is, and where `KIND.npy`, the picture as it would be shown, and `KIND.json`,
        evaluations and seconds so far, are written.
    """
    peer = TorchPeer(side, [np.ones((side, side), np.float32)])
    value = torch.nn.Parameter(torch.from_numpy(pictures(side)[0].copy()))
    optimizer: torch.optim.Optimizer = torch.optim.Adam([value], lr=STEP)
    if kind == "lbfgs":
        optimizer = torch.optim.LBFGS([value], lr=1, history_size=HISTORY, tolerance_grad=0)
    done = {"evaluations": 0, "processor seconds": 0.0}
    file = folder / f"{kind}.pt"
    if file.exists():
        saved = torch.load(file, weights_only=True)
        done = saved["done"]
        optimizer.load_state_dict(saved["optimizer"])
        with torch.no_grad():
            value.copy_(saved["picture"])

    def closure() -> float:
        loss, gradient = peer(value.detach().numpy())
        value.grad = torch.from_numpy(gradient.copy())
        done["evaluations"] += 1
        return loss

    limit = time.process_time() + seconds
    while done["evaluations"] < evaluations and time.process_time() < limit:
        began = time.process_time()
        optimizer.step(closure)
        if kind == "adam":
            with torch.no_grad():
                value.clamp_(0, 255)
        done["processor seconds"] += time.process_time() - began
    state = {"done": done, "optimizer": optimizer.state_dict(), "picture": value.detach()}
    torch.save(state, file)
    np.save(folder / f"{kind}.npy", value.detach().clamp(0, 255).round().numpy())
    (folder / f"{kind}.json").write_text(json.dumps(done), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]), Path(sys.argv[5]))
