"""Sessions of onnxruntime that are kept for the next picture of the same size.

To make a session of all layers takes several times as long as to run it on a small picture. The
engine makes new ones for each picture, since those of large pictures take much memory.
"""

from __future__ import annotations

from collections import OrderedDict

import onnxruntime

from engine.network import Network
from models.graphs import Graph

MOST_KEPT = 12

_make = Network.session
_kept: OrderedDict[tuple, tuple[Network, onnxruntime.InferenceSession]] = OrderedDict()


def _session(
    network: Network, graph: Graph, *, rounded: bool = False
) -> onnxruntime.InferenceSession:
    key = (id(network), graph.model, rounded)
    if key not in _kept:
        # The network is kept, too, so that no other one gets its id.
        _kept[key] = network, _make(network, graph, rounded=rounded)
        if len(_kept) > MOST_KEPT:
            _kept.popitem(last=False)
    _kept.move_to_end(key)
    return _kept[key][1]


def keep_sessions() -> None:
    """Let the networks of this process keep their sessions."""
    Network.session = _session  # type: ignore[assignment, method-assign]


def drop_sessions() -> None:
    """Undo `keep_sessions`."""
    Network.session = _make  # type: ignore[method-assign]
    _kept.clear()
