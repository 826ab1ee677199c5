"""Projected L-BFGS: a quasi-Newton search within bounds, in float32, for pictures of any size.

The method is gradient projection (Bertsekas 1982) with a limited-memory BFGS direction. Each step

1. fixes the values that lie at a bound and that the gradient pushes outward (the active set);
2. computes the L-BFGS direction on the other values, the free ones, from the pairs ``s, y`` that
   are restricted to them. The two-loop recursion (Nocedal and Wright 2006, algorithm 7.4) runs on
   coefficients: the direction is a combination of the pairs and the gradient, so one pass over the
   arrays gives all inner products, and a second pass the direction (Chen, Wang and Zhou 2014). The
   first matrix is a multiple of the identity or, in `DiagonalLbfgs`, of a diagonal;
3. searches along the projected path ``P(x + t d)`` for a sufficient decrease (Armijo).

The first step, for which there are no pairs, aims at the bounds instead.

Arrays are float32 and are processed by blocks, whose inner products are added in float64. Where
memory is short, the pairs are kept in half precision: each vector in units of its largest value, so
that 11 bits are exact down to a sixteen-thousandth of it.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, Union

import numpy as np
from scipy import ndimage

BLOCK = 1 << 13
"""Values that are processed at a time: small enough for the cache and for one BLAS thread."""

FIRST_CHANGE = 16.0
"""Root mean square of the first step, in units of 0..255."""

FIRST_CHANGE_NEAR = 5.0
"""The same where the picture to start from already has the strokes of the styles. Longer first
steps raise the loss, and are taken back by one or two evaluations."""

SUFFICIENT = 1e-4
"""The share of the linear model's decrease that a step must reach (Armijo's constant)."""

MOST_TRIALS = 12
"""Evaluations along one direction before it is given up."""

LEAST_CURVATURE = 1e-8
"""Pairs with ``s.y`` below this share of ``|s| |y|`` say nothing of use about the curvature."""

LEAST_DECREASE = 1e-12
"""Relative decrease of the loss in one step below which the search has converged."""

SMOOTHING = 4.0
"""Sigma, in pixels, of the Gaussian over which the curvature at a pixel is averaged."""

MOST_UNEVEN = 8.0
"""The largest factor between that curvature and the mean of all pixels."""

EDGE = 16
"""Rows and columns along the picture's edge whose curvature is taken from the nearest one further
in. The network sees less of them, so their own is low, and the long steps that this would make
paint a frame."""

LEAST_MOVED = 1e-3
"""The weight of that mean, as a share of the mean square of all steps. It decides where a pixel has
hardly moved, so that its own curvature says nothing."""

NUMBERS = ("loss", "length", "slope", "trials", "scale")
ARRAYS = ("picture", "gradient", "direction")
"""The attributes that a saved state consists of, besides the pairs."""

Bound = Union[np.ndarray, float]


class _Vectors:
    """The s or the y of all pairs, one in each row; rows that are never set take no memory.

    Parameters
    ----------
    count, size : int
        Rows, and values in each.
    half : bool
        Whether to keep them in half precision.
    """

    def __init__(self, count: int, size: int, half: bool) -> None:
        self._size = size
        self._half = half
        # An even length, so that a state's files can hold two values of 16 bits as one of 32.
        self._values = np.empty((count, size + size % 2), np.float16 if half else np.float32)
        self._values[:, size:] = 0
        self.units = [1.0] * count

    def put(self, row: int, later: np.ndarray, earlier: np.ndarray, parts: list[slice]) -> None:
        """Set a row to the difference of two arrays."""
        if not self._half:
            np.subtract(later, earlier, out=self._values[row, : self._size])
            return
        largest = max(float(np.abs(later[part] - earlier[part]).max()) for part in parts)
        self.units[row] = largest or 1.0
        for part in parts:
            self._values[row, part] = (later[part] - earlier[part]) / np.float32(self.units[row])

    def block(self, count: int, part: slice) -> np.ndarray:
        """Return a block of the first rows, as float32."""
        values = self._values[:count, part]
        if not self._half:
            return values
        return values * np.array(self.units[:count], np.float32)[:, None]

    def stored(self, count: int) -> np.ndarray:
        """Return the first rows bit by bit, as a view of type float32."""
        return self._values[:count].view(np.float32)


class ProjectedLbfgs:
    """One minimization, as a sequence of questions and answers.

    The caller evaluates `trial` and passes the loss and the gradient to `tell`, over and over.

    Parameters
    ----------
    start : ndarray
        Of any shape; clipped to the bounds.
    low, high : float or ndarray of the same shape
        The bounds, which are finite. Equal ones pin a value.
    memory : int
        Pairs that the estimate of the curvature is made of.
    half : bool
        Whether to keep the pairs in half precision, in half of the memory.

    Attributes
    ----------
    steps : int
        Steps taken.
    converged : bool
        Whether no direction gives a lower loss.
    first_change : float
        Root mean square of the first step, in units of 0..255; to be set before it.
    """

    def __init__(
        self, start: np.ndarray, low: Bound, high: Bound, memory: int, half: bool = False
    ) -> None:
        self._shape = start.shape
        self._low, self._high = _flat(low), _flat(high)
        self._memory = memory
        self._picture = np.array(start, np.float32).ravel()
        np.clip(self._picture, self._low, self._high, out=self._picture)
        self._trial = self._picture.copy()
        self._gradient = np.zeros_like(self._picture)
        self._direction = np.zeros_like(self._picture)
        # Row i of both holds one pair.
        self._s = _Vectors(memory, self._picture.size, half)
        self._y = _Vectors(memory, self._picture.size, half)
        self._start_numbers()

    def _start_numbers(self) -> None:
        self._order: list[int] = []  # the rows that hold a pair, oldest pair first
        self._loss = math.inf
        self._length = 1.0
        self._slope = 0.0
        self._trials = 0
        self._scale = 0.0
        self.steps = 0
        self.converged = False
        self.first_change = FIRST_CHANGE

    @property
    def trial(self) -> np.ndarray:
        """The picture to evaluate next; `tell` writes to it."""
        return self._trial.reshape(self._shape)

    def tell(self, loss: float, gradient: np.ndarray) -> None:
        """Take the loss and the gradient of `trial`, and choose the next trial."""
        gradient = np.ascontiguousarray(gradient, np.float32).ravel()
        if self._loss == math.inf:
            self._begin(gradient)
            self._loss = loss
            self._turn()
        elif loss <= self._loss + SUFFICIENT * self._slope:
            self._accept(loss, gradient)
        else:
            self._shorten(loss)

    def _accept(self, loss: float, gradient: np.ndarray) -> None:
        """Move to the trial and remember the pair."""
        sy, ss, yy = self._pair_products(gradient)
        if sy > LEAST_CURVATURE * math.sqrt(ss * yy):
            full = len(self._order) == self._memory
            row = self._order.pop(0) if full else len(self._order)
            self._order.append(row)
            self._keep_pair(row, gradient)
            self._scale = sy / yy
        self._move(gradient)
        decrease = self._loss - loss
        self._loss = loss
        self.steps += 1
        if decrease <= LEAST_DECREASE * abs(loss):
            self.converged = True
        else:
            self._turn()

    def _shorten(self, loss: float) -> None:
        """Try a shorter step: the minimum of the parabola through what is known of the path."""
        if self._trials == MOST_TRIALS:
            self._give_up()
            return
        factor = -self._slope / (2 * (loss - self._loss - self._slope))
        self._try(self._length * min(max(factor, 0.1), 0.5))

    def _turn(self) -> None:
        """Choose a direction from the current picture and its gradient, and a first trial."""
        products = self._products()
        if not products[-1, -1]:
            self.converged = True
            return
        if self._scale:
            self._combine(*self._two_loops(products, self._scaled_products(products)))
        else:
            self._aim_at_bounds()
        self._trials = 0
        self._try(1.0)

    def _aim_at_bounds(self) -> None:
        """Set the first direction, while nothing is known of the curvature.

        Every value moves by the same share of its way to the bound that it descends to. So does
        L-BFGS-B, whose first Cauchy point lies on the bounds where the loss is as steep as here.
        The gradient itself would move few values far, and take several evaluations more.
        """
        total = 0.0
        for part in self._parts():
            into, gradient = self._direction[part], self._gradient[part]
            into[:] = np.where(gradient > 0, _part(self._low, part), _part(self._high, part))
            into -= self._picture[part]
            into *= gradient != 0
            total += float(into @ into)
        self._direction *= np.float32(self.first_change / math.sqrt(total / self._picture.size))

    def _products(self) -> np.ndarray:
        """Return the inner products of all s, all y and the gradient over the free values.

        Returns
        -------
        ndarray, shape (2 k + 1, 2 k + 1)
            float64; rows 0 to k - 1 are the rows of s, then those of y, then the gradient.
        """
        pairs = len(self._order)
        total = np.zeros((2 * pairs + 1, 2 * pairs + 1))
        for part in self._parts():
            block = np.empty((2 * pairs + 1, len(self._gradient[part])), np.float32)
            block[:pairs] = self._s.block(pairs, part)
            block[pairs:-1] = self._y.block(pairs, part)
            block[-1] = self._gradient[part]
            block *= self._free(part)
            total += block @ block.T
        return total

    def _scaled_products(self, products: np.ndarray) -> np.ndarray:
        """Return the inner products of all y and the gradient in the first matrix's diagonal.

        Parameters
        ----------
        products : ndarray, shape (2 k + 1, 2 k + 1)
            Those of `_products`.

        Returns
        -------
        ndarray, shape (k + 1, k + 1)
            float64.
        """
        pairs = len(self._order)
        return products[pairs:, pairs:]

    def _two_loops(self, products: np.ndarray, scaled: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the direction's weights on the vectors.

        Parameters
        ----------
        products : ndarray, shape (2 k + 1, 2 k + 1)
            Those of `_products`.
        scaled : ndarray, shape (k + 1, k + 1)
            Those of `_scaled_products`.

        Returns
        -------
        of_s : ndarray, shape (k,)
            float32, on all s.
        of_y : ndarray, shape (k + 1,)
            float32, on all y and the gradient, each of which the diagonal multiplies first.
        """
        pairs = len(self._order)
        of_s, of_y = np.zeros(pairs), np.zeros(pairs + 1)
        of_y[-1] = -1.0
        used = []
        scale = 0.0
        for row in reversed(self._order):
            s, y = row, pairs + row
            norms = products[s, s] * products[y, y]
            if products[s, y] > LEAST_CURVATURE * math.sqrt(norms):
                share = products[s, pairs:] @ of_y / products[s, y]
                of_y[row] -= share
                used.append((row, share))
                scale = scale or products[s, y] / scaled[row, row]
        of_y *= scale or self._scale
        for row, share in reversed(used):
            s, y = row, pairs + row
            along = products[y, :pairs] @ of_s + scaled[row] @ of_y
            of_s[row] += share - along / products[s, y]
        return of_s.astype(np.float32), of_y.astype(np.float32)

    def _try(self, length: float) -> None:
        """Set the trial to a point of the projected path."""
        self._length = length
        self._trials += 1
        self._slope = self._project()
        if self._slope >= 0:
            self._give_up()

    def _begin(self, gradient: np.ndarray) -> None:
        """Take the first picture's gradient."""
        self._gradient[:] = gradient

    def _pair_products(self, gradient: np.ndarray) -> tuple[float, float, float]:
        """Return ``s.y``, ``s.s`` and ``y.y`` of the step to the trial with its gradient."""
        sy = ss = yy = 0.0
        for part in self._parts():
            s = self._trial[part] - self._picture[part]
            y = gradient[part] - self._gradient[part]
            sy, ss, yy = sy + float(s @ y), ss + float(s @ s), yy + float(y @ y)
        return sy, ss, yy

    def _keep_pair(self, row: int, gradient: np.ndarray) -> None:
        """Store the pair of the step to the trial."""
        parts = list(self._parts())
        self._s.put(row, self._trial, self._picture, parts)
        self._y.put(row, gradient, self._gradient, parts)

    def _move(self, gradient: np.ndarray) -> None:
        """Make the trial and its gradient the current ones."""
        self._picture, self._trial = self._trial, self._picture
        self._gradient[:] = gradient

    def _combine(self, of_s: np.ndarray, of_y: np.ndarray) -> None:
        """Set the direction on the free values, from the weights of `_two_loops`."""
        pairs = len(self._order)
        for part in self._parts():
            into = self._direction[part]
            np.multiply(self._gradient[part], of_y[-1], out=into)
            into += of_y[:-1] @ self._y.block(pairs, part)
            into *= self._first(part)
            into += of_s @ self._s.block(pairs, part)
            into *= self._free(part)

    def _first(self, part: slice) -> np.ndarray:
        """Return a block of the first matrix's diagonal, but for its scale."""
        return np.ones((), np.float32)

    def _project(self) -> float:
        """Set the trial to ``P(x + t d)``; return ``g . (P(x + t d) - x)``."""
        np.multiply(self._direction, np.float32(self._length), out=self._trial)
        self._trial += self._picture
        np.clip(self._trial, self._low, self._high, out=self._trial)
        slope = 0.0
        for part in self._parts():
            slope += float(self._gradient[part] @ (self._trial[part] - self._picture[part]))
        return slope

    def _give_up(self) -> None:
        """Forget the pairs and start over along the gradient, or end if that has failed."""
        if self._order:
            self._order = []
            self._turn()
        else:
            self.converged = True

    def _free(self, part: slice) -> np.ndarray:
        """Return which values of a block the gradient does not push out of the bounds."""
        picture, gradient = self._picture[part], self._gradient[part]
        low, high = _part(self._low, part), _part(self._high, part)
        return ((picture > low) | (gradient < 0)) & ((picture < high) | (gradient > 0))

    def _parts(self) -> Iterator[slice]:
        """Yield the blocks of all values."""
        size = self._picture.size
        return (slice(start, min(start + BLOCK, size)) for start in range(0, size, BLOCK))

    def state(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Return numbers that JSON can hold, and views of the arrays."""
        numbers: dict[str, Any] = {name: getattr(self, f"_{name}") for name in NUMBERS}
        numbers["order"] = list(self._order)
        numbers["units"] = [list(self._s.units), list(self._y.units)]
        numbers.update(steps=self.steps, converged=self.converged)
        pairs = len(self._order)
        arrays = {name: getattr(self, f"_{name}") for name in ARRAYS}
        return numbers, {**arrays, "s": self._s.stored(pairs), "y": self._y.stored(pairs)}

    def restore(self, numbers: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
        """Continue from the `state` of a search with the same bounds and memory."""
        for name in NUMBERS:
            setattr(self, f"_{name}", numbers[name])
        self.steps, self.converged = numbers["steps"], numbers["converged"]
        self._order = list(numbers["order"])
        for name in ARRAYS:
            getattr(self, f"_{name}")[:] = arrays[name]
        pairs = len(self._order)
        for vectors, name, units in zip((self._s, self._y), ("s", "y"), numbers["units"]):
            vectors.stored(pairs)[:] = arrays[name]
            vectors.units = list(units)
        self._project()


class DiagonalLbfgs(ProjectedLbfgs):
    """The search whose first matrix is a diagonal: a pixel's own curvature along the steps.

    The diagonal is the inverse of ``sum(s y) / sum(s s)`` over all pairs and over a Gaussian around
    the pixel. Where the curvature changes slowly across the picture, that is the diagonal which
    fits ``B s = y`` best in least squares. All channels of a pixel share it, and pixels along the
    edge have that of the pixels further in. It is positive, so the L-BFGS matrix stays positive
    definite. It depends only on the pairs and the active set, so a `state` does not need it.

    Parameters
    ----------
    start : ndarray, shape (channels, height, width)
        Clipped to the bounds.
    low, high, memory, half
        As for `ProjectedLbfgs`.
    """

    def __init__(
        self, start: np.ndarray, low: Bound, high: Bound, memory: int, half: bool = False
    ) -> None:
        super().__init__(start, low, high, memory, half)
        self._diagonal = np.ones(start.shape[1] * start.shape[2], np.float32)

    def _scaled_products(self, products: np.ndarray) -> np.ndarray:
        """Set the diagonal from all pairs, and return the inner products in it."""
        self._choose_diagonal()
        pairs = len(self._order)
        total = np.zeros((pairs + 1, pairs + 1))
        for part in self._parts():
            block = np.empty((pairs + 1, len(self._gradient[part])), np.float32)
            block[:pairs] = self._y.block(pairs, part)
            block[-1] = self._gradient[part]
            block *= self._free(part) * np.sqrt(self._first(part))
            total += block @ block.T
        return total

    def _choose_diagonal(self) -> None:
        """Set the diagonal, in units of its mean."""
        pairs, pixels = len(self._order), self._diagonal.size
        curved, moved = self._diagonal, np.zeros_like(self._diagonal)
        curved[:] = 0
        for start in range(0, pixels, BLOCK):
            here = slice(start, min(start + BLOCK, pixels))
            for channel in range(self._shape[0]):
                part = slice(here.start + channel * pixels, here.stop + channel * pixels)
                s = self._s.block(pairs, part) * self._free(part)
                curved[here] += np.einsum("ij,ij->j", s, self._y.block(pairs, part))
                moved[here] += np.einsum("ij,ij->j", s, s)
        for total in (curved, moved):
            plane = total.reshape(self._shape[1:])
            ndimage.gaussian_filter(plane, SMOOTHING, output=plane)
        curvature, square = float(curved.mean()), float(moved.mean())
        if curvature <= 0 or square <= 0:  # the free values have not moved, or only downhill
            self._diagonal[:] = 1
            return
        mean = curvature / square
        curved += LEAST_MOVED * square * mean
        moved += LEAST_MOVED * square
        curved /= moved
        curved /= mean
        np.clip(curved, 1 / MOST_UNEVEN, MOST_UNEVEN, out=curved)
        plane = curved.reshape(self._shape[1:])
        for lines in (plane, plane.T):
            edge = min(EDGE, (len(lines) - 1) // 2)
            lines[:edge] = lines[edge]
            lines[len(lines) - edge :] = lines[len(lines) - edge - 1]
        np.reciprocal(curved, out=self._diagonal)

    def _first(self, part: slice) -> np.ndarray:
        pixels = self._diagonal.size
        start = part.start % pixels
        end = start + part.stop - part.start
        if end <= pixels:
            return self._diagonal[start:end]
        return self._diagonal.take(np.arange(start, end), mode="wrap")  # of several channels


def _flat(bound: Bound) -> np.ndarray:
    """Return a bound as float32, flat or of no dimension."""
    array = np.asarray(bound, np.float32)
    return array.ravel() if array.ndim else array


def _part(bound: np.ndarray, part: slice) -> np.ndarray:
    """Return a block of a bound."""
    return bound[part] if bound.ndim else bound
