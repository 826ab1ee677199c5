"""Forward passes of tiles, kept in few bytes until their backward passes.

A backward pass reads 680 bytes per pixel of its forward pass (five style layers, one content layer,
average pooling). Most of them need not be kept in between:

* Features are kept at the tile's own positions. Elsewhere no term reads them.
* Of all other values one bit is kept: whether the value is above 0, so that its ReLU was open. With
  max pooling it must be the largest of its four, too.
* Nothing is kept of conv1_1. To compute it again takes 1 % of an evaluation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from engine.loss.tiling import RECOMPUTED, Window

if TYPE_CHECKING:
    from engine.network import DifferentiableNetwork


class KeptPass:
    """Room for what is kept of one tile's forward pass, on the processor.

    Parameters
    ----------
    network : DifferentiableNetwork
        For the tile's size.
    windows : mapping of str to Window
        The tile's own positions at each of the network's layers.
    """

    def __init__(self, network: DifferentiableNetwork, windows: Mapping[str, Window]) -> None:
        self._network = network
        self._windows = windows
        self._own: dict[str, np.ndarray] = {}
        self._bits: dict[str, np.ndarray] = {}
        # Max pooling's results stand behind what they were made of.
        self._pools = {
            name: after
            for name, after in zip(network.state, network.state[1:])
            if after.startswith("pool")
        }
        for name in network.state:
            if name == RECOMPUTED or name in self._pools.values():
                continue
            values = self._values(name)
            self._bits[name] = np.empty((len(values), -(-values[0].size // 8)), np.uint8)
            if name in windows:
                self._own[name] = np.empty_like(self._own_values(name), order="C")

    @property
    def nbytes(self) -> int:
        """The bytes that it takes."""
        return sum(each.nbytes for each in (*self._own.values(), *self._bits.values()))

    def keep(self) -> None:
        """Keep the network's last forward pass."""
        for name, own in self._own.items():
            own[...] = self._own_values(name)
        for name, bits in self._bits.items():
            pool = self._pools.get(name)
            for channel, values in enumerate(self._values(name)):
                positive = values if values.dtype == np.bool_ else values > 0
                if pool:
                    _clear_smaller(positive, values, self._values(pool)[channel])
                bits[channel] = np.packbits(positive)

    def recall(self, picture: np.ndarray) -> dict[str, np.ndarray]:
        """Put the forward pass back into the network, as if it were the last one.

        Parameters
        ----------
        picture : ndarray, shape (3, height, width)
            The tile of the picture, as it was.

        Returns
        -------
        dict of str to ndarray, shape (N, positions of the tile)
            The features. Those at other positions than the tile's own are only 0 or above.
        """
        for name, bits in self._bits.items():
            for channel, values in enumerate(self._values(name)):
                values[...] = np.unpackbits(bits[channel], count=values.size).reshape(values.shape)
            if name in self._own:
                self._own_values(name)[...] = self._own[name]
            if name in self._pools:
                _pool(self._values(name), self._values(self._pools[name]))
        if RECOMPUTED in self._network.state:
            self._network.load_first(picture)
        return self._network.features()

    def _values(self, name: str) -> np.ndarray:
        """Return values in the network's memory, shape (channels, rows, columns)."""
        return self._network.read(name)[0]

    def _own_values(self, layer: str) -> np.ndarray:
        """Return features at the own positions, in the network's memory."""
        values = self._values(layer)
        return self._windows[layer].view(values.reshape(len(values), -1))


def _clear_smaller(positive: np.ndarray, values: np.ndarray, largest: np.ndarray) -> None:
    """Write False where a value of one channel is not the largest of its four."""
    rows, columns = 2 * largest.shape[0], 2 * largest.shape[1]
    inside = positive[:rows, :columns]
    inside &= values[:rows, :columns] == largest.repeat(2, axis=0).repeat(2, axis=1)


def _pool(values: np.ndarray, out: np.ndarray) -> None:
    """Write the largest of each four values; shapes (N, rows, columns), half of them for `out`."""
    rows, columns = 2 * out.shape[1], 2 * out.shape[2]
    for each, pooled in zip(values[:, :rows, :columns], out):
        of_rows = np.maximum(each[::2], each[1::2])
        np.maximum(of_rows[:, ::2], of_rows[:, 1::2], out=pooled)
