"""Terms of the loss: what is minimized, as data, each with its own sums, loss and gradient.

A term of a layer is a function of sums over the layer's positions, and its gradient at a position
needs the features there and what the sums gave. So every evaluator works the same way: add up
`sums` over blocks or tiles of positions, hand the total to `loss`, and hand the slope that comes
back to `add_gradient`, block by block. The equations are those of `definition.py`.

To add a term: define it in `definition.py`, write its class here, and add the function that makes
it from a job to `make_terms.COMMON_TERMS`. `in_graph.py` needs its nodes, too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol, TypeVar, Union

import numpy as np

from engine.loss.compact import CompactValues, compact
from engine.loss.definition import gram_loss, moments_loss, sum_of_squares

STRIP_PIXELS = 1 << 21
"""Pixels of a picture whose differences are taken at a time: 25 MB an array."""

Where = Union[slice, np.ndarray]
"""Positions of a layer: a slice of them or an array of indices."""


class Part(NamedTuple):
    """The name of a part of the loss.

    Attributes
    ----------
    kind : str
        'content', 'style' or 'smoothing'.
    region : int or None
        Of a style, the index of its region.

    Examples
    --------
    >>> str(Part("style", 1))
    'style 1'
    """

    kind: str
    region: int | None = None

    def __str__(self) -> str:
        """Return the kind, and the region's index where there is one."""
        return self.kind if self.region is None else f"{self.kind} {self.region}"

    @classmethod
    def parse(cls, text: str) -> Part:
        """Return the part that a text stands for; `str` is the inverse."""
        kind, _, region = text.partition(" ")
        return cls(kind, int(region) if region else None)

    def label(self, names: Sequence[str]) -> str:
        """Return what to call it, with the region's name in place of its index.

        Examples
        --------
        >>> Part("style", 1).label(["sky", "2 (oil.jpg)"])
        'style 2 (oil.jpg)'
        """
        return self.kind if self.region is None else f"{self.kind} {names[self.region]}"


CONTENT, SMOOTHING = Part("content"), Part("smoothing")


def losses_to_json(losses: Iterable[dict[Part, float]]) -> list[list[list[Any]]]:
    """Return the parts of the loss at each evaluation as JSON types."""
    return [[[*part, value] for part, value in each.items()] for each in losses]


def losses_from_json(data: list[list[list[Any]]]) -> list[dict[Part, float]]:
    """Return the parts of the loss that `losses_to_json` has described."""
    return [{Part(kind, region): value for kind, region, value in each} for each in data]


@dataclass(frozen=True)
class LayerGuidance:
    """A region's guidance at one layer, or a piece of it.

    Attributes
    ----------
    values : ndarray or CompactValues, shape (positions of the piece,)
        float32, from 0 up.
    total : float
        The sum over the whole layer.
    positions : int
        Of the whole layer.
    """

    values: np.ndarray | CompactValues
    total: float
    positions: int

    @classmethod
    def of(cls, values: np.ndarray) -> LayerGuidance:
        """Describe a guidance of any shape."""
        flat = np.ascontiguousarray(values, np.float32).ravel()
        return cls(compact(flat), float(flat.sum(dtype=np.float64)), flat.size)

    @property
    def area(self) -> float:
        """The area share, from 0 to 1."""
        return self.total / self.positions

    def piece(self, where: Where) -> LayerGuidance:
        """Return some positions of it; sum and area stay those of the whole layer."""
        return replace(self, values=self.values[where])


class StyleMoments(NamedTuple):
    """The moments of a style picture at one layer.

    Attributes
    ----------
    gram : ndarray, shape (N, N)
        The masked Gram matrix in mean form, as `definition.masked_gram` gives it.
    mean : ndarray, shape (N,)
        The masked mean of the features, as `definition.masked_mean` gives it.
    """

    gram: np.ndarray
    mean: np.ndarray


class LayerTerm(Protocol):
    """A term that is a function of sums over one layer's positions.

    Attributes
    ----------
    layer : str
    part : Part
    """

    @property
    def layer(self) -> str:
        """The layer of the network."""

    @property
    def part(self) -> Part:
        """The part of the loss that it counts for."""

    def sums(self, F: np.ndarray, where: slice) -> Any:
        """Return the sums over some positions, to be added up, or None where they are 0.

        Parameters
        ----------
        F : ndarray, shape (N, positions)
            The features at these positions.
        where : slice
            The positions among those of the term.
        """

    def loss(self, sums: Any) -> tuple[float, Any]:
        """Return the weighted loss, and the slope for `add_gradient`, from the whole sums."""

    def add_gradient(
        self, F: np.ndarray, where: slice, slope: Any, out: np.ndarray, written: bool
    ) -> bool:
        """Add the gradient with respect to the features at some positions.

        Parameters
        ----------
        F, where
            As for `sums`.
        slope : any
            From `loss`.
        out : ndarray, shape (N, positions)
            Where it goes; its values count only if `written`.
        written : bool

        Returns
        -------
        bool
            Whether `out` holds a gradient now.
        """

    def piece(self, where: Where) -> LayerTerm:
        """Return the term at some of its positions; losses and weights stay those of all."""


class PictureTerm(Protocol):
    """A term that is a function of the picture itself."""

    @property
    def part(self) -> Part:
        """The part of the loss that it counts for."""

    def add_gradient(self, picture: np.ndarray, gradient: np.ndarray) -> float:
        """Add the weighted loss's gradient to another one and return the weighted loss.

        Parameters
        ----------
        picture, gradient : ndarray, shape (3, height, width)
        """


Term = Union[LayerTerm, PictureTerm]


@dataclass(frozen=True)
class RegionTerm:
    """The fields and methods that the style terms of a region at one layer share.

    Attributes
    ----------
    layer : str
    guidance : LayerGuidance
        It is not 0 everywhere.
    weight : float
        The region's weight times the layer's weight.
    region : int
        The index of its region.
    """

    layer: str
    guidance: LayerGuidance
    weight: float
    region: int

    @property
    def part(self) -> Part:
        """The part of the loss that it counts for."""
        return Part("style", self.region)

    def piece(self: AnyRegionTerm, where: Where) -> AnyRegionTerm:
        """Return the term at some of its positions."""
        return replace(self, guidance=self.guidance.piece(where))

    def add_gradient(
        self, F: np.ndarray, where: slice, slope: np.ndarray, out: np.ndarray, written: bool
    ) -> bool:
        """Add ``(D F + d) diag(T) / M``; the slope holds D and, where there is one, d behind it."""
        values = self.guidance.values[where]
        if not values.any():
            return written
        scaled = values / np.float32(self.guidance.positions)
        channels = len(slope)
        D, d = np.ascontiguousarray(slope[:, :channels]), slope[:, channels:]
        product = np.matmul(D, F, out=None if written else out)
        if d.size:
            product += d
        product *= scaled
        if written:
            out += product
        return True


AnyRegionTerm = TypeVar("AnyRegionTerm", bound=RegionTerm)


@dataclass(frozen=True)
class StyleTerm(RegionTerm):
    """One masked Gram loss at one layer (equation 7 of the paper).

    Attributes
    ----------
    target : ndarray, shape (N, N)
        The Gram matrix to reach.
    """

    target: np.ndarray

    def sums(self, F: np.ndarray, where: slice) -> np.ndarray | None:
        """Return ``F diag(T) F'``, shape (N, N)."""
        values = self.guidance.values[where]
        return _guided_gram(F, values) if values.any() else None

    def loss(self, sums: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the weighted loss and the weighted matrix D of `definition.gram_loss`.

        The sums are those of the whole picture, in float64; D comes in the target's precision.
        """
        gram = sums / self.guidance.total
        value, D = gram_loss(gram, self.target, self.guidance.area)
        D *= self.weight
        return self.weight * value, D.astype(self.target.dtype)


@dataclass(frozen=True)
class MomentsTerm(RegionTerm):
    """The loss of a region's covariances and means at one layer (`definition.moments_loss`).

    Attributes
    ----------
    gram : ndarray, shape (N, N)
        The Gram matrix of the style.
    mean : ndarray, shape (N,)
        The means of the style's features.
    """

    gram: np.ndarray
    mean: np.ndarray

    def sums(self, F: np.ndarray, where: slice) -> np.ndarray | None:
        """Return ``F diag(T) F'`` and, in a last column, ``F T``; shape (N, N + 1)."""
        values = self.guidance.values[where]
        if not values.any():
            return None
        return np.concatenate([_guided_gram(F, values), (F @ values)[:, None]], axis=1)

    def loss(self, sums: np.ndarray) -> tuple[float, np.ndarray]:
        """Return the weighted loss, and the weighted D and d of `moments_loss` in one array.

        The sums are those of the whole picture, in float64; D and d come in the style's precision.
        """
        means = sums / self.guidance.total
        gram, mean = self.gram.astype(np.float64), self.mean.astype(np.float64)
        value, D, d = moments_loss(means[:, :-1], means[:, -1], gram, mean, self.guidance.area)
        slope = np.concatenate([D, d[:, None]], axis=1) * self.weight
        return self.weight * value, slope.astype(self.gram.dtype)


def _guided_gram(F: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return ``F diag(T) F'``.

    With the square root of T it is the product of a matrix with its own transpose, which numpy
    hands to BLAS's syrk: half the multiplications.
    """
    if not (values == 1).all():
        F = F * np.sqrt(values)
    return F @ F.T


@dataclass(frozen=True)
class ContentTerm:
    """The content loss at one layer (equation 1 of the paper, as a mean over positions).

    Attributes
    ----------
    layer : str
    target : ndarray, shape (N, positions), or None
        The content's features. Where they are None, `tiles.TileEvaluator` computes them tile by
        tile.
    weight : float
    positions : int
        M, of the whole layer.
    protect : ndarray, shape (positions,), or None
        How many times each position counts, float32; None for once.
    indices : ndarray or None
        Which positions of the target are the term's own, so that a piece shares the target of the
        whole; None for all.
    """

    layer: str
    target: np.ndarray | None
    weight: float
    positions: int
    protect: np.ndarray | None = None
    indices: np.ndarray | None = None

    @property
    def part(self) -> Part:
        """The part of the loss that it counts for."""
        return CONTENT

    def sums(self, F: np.ndarray, where: slice) -> float:
        """Return ``sum K (F - P)^2``."""
        difference = np.subtract(F, self._target_at(where))
        if self.protect is None:
            squares = np.einsum("ij,ij->i", difference, difference)
            return float(squares.sum(dtype=np.float64))
        squares = np.einsum("ij,ij->j", difference, difference)
        return float(np.dot(squares.astype(np.float64), self.protect[where]))

    def loss(self, sums: float) -> tuple[float, None]:
        """Return the weighted loss; the gradient needs no sums."""
        return self.weight * (sums / (2 * self.positions)), None

    def add_gradient(
        self, F: np.ndarray, where: slice, slope: None, out: np.ndarray, written: bool
    ) -> bool:
        """Add ``weight K (F - P) / M``."""
        difference = np.subtract(F, self._target_at(where), out=None if written else out)
        if self.protect is not None:
            difference *= self.protect[where]
        difference *= np.float32(self.weight / self.positions)
        if written:
            out += difference
        return True

    def _target_at(self, where: slice) -> np.ndarray:
        assert self.target is not None
        if self.indices is None:
            return self.target[:, where]
        # An index array in brackets would return the columns one behind the other.
        return self.target.take(self.indices[where], axis=1)

    def piece(self, where: Where) -> ContentTerm:
        """Return the term at some of its positions."""
        protect = None if self.protect is None else self.protect[where]
        if self.target is None:
            return replace(self, protect=protect)
        if self.indices is not None:
            return replace(self, protect=protect, indices=self.indices[where])
        if isinstance(where, slice):
            return replace(self, target=self.target[:, where], protect=protect)
        return replace(self, protect=protect, indices=where)

    def alone(self) -> ContentTerm:
        """Return the term with its own positions of the target alone, to be sent elsewhere."""
        if self.indices is None:
            return self
        return replace(self, target=self._target_at(slice(None)), indices=None)


@dataclass(frozen=True)
class SmoothingTerm:
    """The squared total variation of the picture.

    Attributes
    ----------
    weight : float
    """

    weight: float

    @property
    def part(self) -> Part:
        """The part of the loss that it counts for."""
        return SMOOTHING

    def add_gradient(self, picture: np.ndarray, gradient: np.ndarray) -> float:
        """Add the gradient of `definition.total_variation`, strip by strip; return the loss."""
        _, height, width = picture.shape
        rows = max(STRIP_PIXELS // width, 1)
        value = 0.0
        for start in range(0, height, rows):
            # The last difference of a strip reaches into the row below it.
            strip = picture[:, start : start + rows + 1]
            slope = np.zeros_like(strip)
            for axis, part in ((1, strip), (2, strip[:, :rows])):
                difference = np.diff(part, axis=axis)
                value += sum_of_squares(difference) / (height * width)
                difference *= 2 / (height * width)
                there = slope[:, : part.shape[1]]
                after = (slice(None),) * axis + (slice(1, None),)
                before = (slice(None),) * axis + (slice(None, -1),)
                there[after] += difference
                there[before] -= difference
            slope *= np.float32(self.weight)
            target = gradient[:, start : start + rows + 1]
            target += slope
        return self.weight * value
