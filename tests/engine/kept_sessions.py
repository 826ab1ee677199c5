"""Sessions of onnxruntime that are kept for the next picture of the same size.

To make a session of all layers takes several times as long as to run it on a small picture. The
engine makes new ones for each picture, since those of large pictures take much memory. Networks
share them if they share their kernels and would make the same ones.
"""

from __future__ import annotations

from collections import OrderedDict

import onnxruntime
import pytest

from engine.network import Network
from models.graphs import Graph
from models.kernels import Kernels

MOST_KEPT = 12

_make = Network.session
_kept: OrderedDict[tuple, tuple[Network, onnxruntime.InferenceSession]] = OrderedDict()


def _session(
    network: Network, graph: Graph, *, rounded: bool = False
) -> onnxruntime.InferenceSession:
    made_for = (id(network._kernels), network.device, network.threads, network._spin)
    key = (*made_for, graph.model, rounded)
    if key not in _kept:
        # The network is kept, too, so that no other kernels get their id.
        _kept[key] = network, _make(network, graph, rounded=rounded)
        if len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    _kept.move_to_end(key)
    return _kept[key][1]


def keep_sessions() -> None:
    """Let the networks of this process keep their sessions."""
    Network.session = _session  # type: ignore[assignment, method-assign]


def take_kernels(kernels: Kernels, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let networks that are opened in this process take these kernels, not the installed ones."""
    monkeypatch.setattr("engine.network.Weights", lambda path: None)
    monkeypatch.setattr("engine.network.Kernels", lambda weights: kernels)


def drop_sessions() -> None:
    """Undo `keep_sessions`."""
    Network.session = _make  # type: ignore[method-assign]
    forget_sessions()


def forget_sessions() -> None:
    """Let every network make new sessions, which are kept in turn."""
    _kept.clear()
