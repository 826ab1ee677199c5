"""Projected L-BFGS with its vectors in the memory of a graphics card.

At a million pixels a step takes about a second on a processor, twenty times as long as loss and
gradient take on a card. Here only the trial picture, its gradient and a few inner products cross.
"""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from engine.devices import memory_errors
from engine.projected_lbfgs import NUMBERS, Bound, ProjectedLbfgs
from models.lbfgs_graphs import basis_graph, direction_graph, pair_graph, trial_graph

if TYPE_CHECKING:
    from engine.network import Network
    from models.graphs import Graph

Pair = tuple[onnxruntime.OrtValue, onnxruntime.OrtValue]


class CardLbfgs(ProjectedLbfgs):
    """One minimization, as `ProjectedLbfgs`; inner products are in single precision.

    The first matrix is a multiple of the identity, as there: a diagonal would need its own graphs,
    and 30 steps would take memory that the tiles need.

    Parameters
    ----------
    network : Network
        Gives the device and its memory.
    start, low, high, memory
        As for `ProjectedLbfgs`.

    Raises
    ------
    DeviceMemoryError
        Here and from `tell`, if the device has not enough memory and `Network.with_room` finds
        none.
    """

    def __init__(
        self, network: Network, start: np.ndarray, low: Bound, high: Bound, memory: int
    ) -> None:
        self._network = network
        self._shape = start.shape
        self._memory = memory
        self._start_numbers()
        first = np.clip(start, low, high).astype(np.float32).reshape(1, -1)
        self._size = first.size
        self._trial = first
        self._bounds = {
            name: self._uploaded(np.asarray(bound, np.float32).reshape(1, -1))
            for name, bound in (("low", low), ("high", high))
        }
        vectors = ("picture", "trial", "gradient", "told", "direction")
        self._vectors = {name: self._empty() for name in vectors}
        for name in ("picture", "trial"):
            self._vectors[name].update_inplace(first)
        self._zero = self._uploaded(np.zeros_like(first))
        self._pairs: list[Pair] = []  # row by row
        self._spare: Pair | None = None
        shapes = [tuple(self._bounds[name].shape()) for name in ("low", "high")]
        graphs = {
            "pair": pair_graph(self._size),
            "basis": basis_graph(self._size, memory, shapes[0], shapes[1]),
            "direction": direction_graph(self._size, memory),
            "trial": trial_graph(self._size, shapes[0], shapes[1]),
        }
        self._graphs = {
            name: (network.with_room(partial(network.session, graph)), graph)
            for name, graph in graphs.items()
        }
        count = 2 * memory + 1
        self._basis = self._empty(count)
        self._weights = np.zeros((1, count), np.float32)
        self._all_products = np.zeros((count, count), np.float32)

    @property
    def trial(self) -> np.ndarray:
        """The picture to evaluate next; `tell` writes to it."""
        return self._trial.reshape(self._shape)

    def _begin(self, gradient: np.ndarray) -> None:
        self._vectors["gradient"].update_inplace(gradient.reshape(1, -1))

    def _pair_products(self, gradient: np.ndarray) -> tuple[float, float, float]:
        self._vectors["told"].update_inplace(gradient.reshape(1, -1))
        if self._spare is None:
            self._spare = (self._empty(), self._empty())
        dots = np.zeros((2, 2), np.float32)
        s, y = self._spare
        self._run("pair", {"s": s, "y": y}, {"dots": dots})
        return float(dots[0, 1]), float(dots[0, 0]), float(dots[1, 1])

    def _keep_pair(self, row: int, gradient: np.ndarray) -> None:
        assert self._spare is not None
        if row == len(self._pairs):
            self._pairs.append(self._spare)
            self._spare = None
        else:
            self._pairs[row], self._spare = self._spare, self._pairs[row]

    def _move(self, gradient: np.ndarray) -> None:
        vectors = self._vectors
        vectors["picture"], vectors["trial"] = vectors["trial"], vectors["picture"]
        vectors["gradient"], vectors["told"] = vectors["told"], vectors["gradient"]

    def _products(self) -> np.ndarray:
        values = {"basis": self._basis}
        for row in range(self._memory):
            s, y = self._pairs[row] if row < len(self._order) else (self._zero, self._zero)
            values.update({f"s.{row}": s, f"y.{row}": y})
        self._run("basis", values, {"products": self._all_products})
        rows = self._rows()
        return self._all_products[np.ix_(rows, rows)].astype(np.float64)

    def _combine(self, of_s: np.ndarray, of_y: np.ndarray) -> None:
        self._weights[:] = 0
        self._weights[0, self._rows()] = np.concatenate([of_s, of_y])
        values = {"basis": self._basis, "weights": self._uploaded(self._weights)}
        self._run("direction", values, {})

    def _aim_at_bounds(self) -> None:
        # Once in a search, so the processor does it.
        picture, gradient = (self._vectors[name].numpy() for name in ("picture", "gradient"))
        low, high = (self._bounds[name].numpy() for name in ("low", "high"))
        way = (np.where(gradient > 0, low, high) - picture) * (gradient != 0)
        length = math.sqrt(float(np.square(way).mean(dtype=np.float64)))
        self._vectors["direction"].update_inplace(self._vector(way * (self.first_change / length)))

    def _project(self) -> float:
        slope = np.zeros((1, 1), np.float32)
        length = self._uploaded(np.full((1, 1), self._length, np.float32))
        self._run("trial", {"length": length}, {"copy": self._trial, "slope": slope})
        return float(slope[0, 0])

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return numbers that JSON can hold, and copies of the arrays, as `ProjectedLbfgs`."""
        numbers: dict[str, Any] = {name: getattr(self, f"_{name}") for name in NUMBERS}
        numbers["order"] = list(self._order)
        numbers.update(steps=self.steps, converged=self.converged)
        names = ("picture", "gradient", "direction")
        arrays = {name: self._vectors[name].numpy().ravel().copy() for name in names}
        empty = np.empty((0, self._size), np.float32)
        for number, name in enumerate(("s", "y")):
            rows = [pair[number].numpy() for pair in self._pairs[: len(self._order)]]
            arrays[name] = np.concatenate(rows) if rows else empty
        return numbers, arrays

    def restore(self, numbers: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Continue from the `state` of a search with the same bounds and memory."""
        for name in NUMBERS:
            setattr(self, f"_{name}", numbers[name])
        self.steps, self.converged = numbers["steps"], numbers["converged"]
        self._order = list(numbers["order"])
        for name in ("picture", "gradient", "direction"):
            self._vectors[name].update_inplace(self._vector(arrays[name]))
        self._pairs = []
        for row in range(len(self._order)):
            pair = (self._empty(), self._empty())
            for value, name in zip(pair, ("s", "y")):
                value.update_inplace(self._vector(arrays[name][row]))
            self._pairs.append(pair)
        self._project()

    def _rows(self) -> np.ndarray:
        """Return where all s, all y and the gradient are among the vectors of the basis."""
        used = np.arange(len(self._order))
        return np.concatenate([used, self._memory + used, [2 * self._memory]])

    def _empty(self, rows: int = 1) -> onnxruntime.OrtValue:
        shape, kind = (rows, self._size), np.dtype(np.float32)
        return self._network.with_room(partial(self._network.empty, shape, kind))

    def _uploaded(self, array: np.ndarray) -> onnxruntime.OrtValue:
        whole = np.ascontiguousarray(array)
        return self._network.with_room(partial(self._network.upload, whole))

    @staticmethod
    def _vector(array: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(array, np.float32).reshape(1, -1)

    def _run(
        self,
        name: str,
        values: dict[str, onnxruntime.OrtValue],
        arrays: dict[str, np.ndarray],
    ) -> None:
        """Run a graph with its own values, the vectors and the bounds; fill the arrays."""
        session, graph = self._graphs[name]
        known = {**self._vectors, **self._bounds, **values}
        for output, array in arrays.items():
            known[output] = onnxruntime.OrtValue.ortvalue_from_numpy(array)

        def run() -> None:
            with memory_errors(self._network.device):
                _bound_run(session, graph, known)

        self._network.with_room(run)


def _bound_run(
    session: onnxruntime.InferenceSession,
    graph: Graph,
    values: dict[str, onnxruntime.OrtValue],
) -> None:
    binding = session.io_binding()
    for name in graph.inputs:
        binding.bind_ortvalue_input(name, values[name])
    for name in graph.outputs:
        binding.bind_ortvalue_output(name, values[name])
    session.run_with_iobinding(binding)
