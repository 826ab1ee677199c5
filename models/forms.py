"""Forms of a convolution: the ways to compute it, and which one each kind of layer takes.

A kind of layer is its number of input channels, its number of output channels, and the direction.
Which form is the quickest depends on the processor: with AVX-512 direct convolution is quicker up
to 128 channels, with AVX2 up to 64.
"""

from __future__ import annotations

from collections.abc import Mapping

from models.vgg16 import CONVOLUTIONS

FORWARD, ADJOINT = "forward", "adjoint"
"""Directions: from a layer's input to its output, and from the output's gradient to the input's."""

DIRECT = "direct"
"""onnxruntime's `Conv`; for the adjoint, with the kernel turned and its channels exchanged."""

TRANSPOSED = "transposed"
"""onnxruntime's `ConvTranspose`, for the adjoint only."""

WINOGRAD = {2: "winograd2", 4: "winograd4"}
"""`models.winograd`, by the side of its tiles in pixels."""

Kind = tuple[int, int, str]
"""Input channels, output channels, direction."""

Forms = Mapping[Kind, str]
"""The form of each kind of layer; a kind that is missing is computed directly."""

KINDS: tuple[Kind, ...] = tuple(
    dict.fromkeys(
        (each.inputs, each.outputs, direction)
        for each in CONVOLUTIONS
        for direction in (FORWARD, ADJOINT)
        if each.inputs > 3
    )
)
"""All kinds of VGG-16's layers but the first, which has its own form (see `graphs`)."""

USUAL_FORMS: Forms = {kind: WINOGRAD[4] if min(kind[:2]) >= 256 else DIRECT for kind in KINDS}
"""The quickest forms on most processors; used on a processor that has not been measured."""


LEAST_WINOGRAD = 128
"""The fewest channels with which a layer may be a Winograd convolution. With 64, it saved 2 % of an
evaluation on a processor with AVX2, and took up to a third more memory, at the largest sizes."""


def possible_forms(kind: Kind) -> tuple[str, ...]:
    """Return the forms that a kind of layer can be computed in."""
    inputs, outputs, direction = kind
    winograd = tuple(WINOGRAD.values()) if min(inputs, outputs) >= LEAST_WINOGRAD else ()
    transposed = (TRANSPOSED,) if direction == ADJOINT else ()
    return (DIRECT, *winograd, *transposed)


def winograd_tile(form: str) -> int:
    """Return the side of the tiles of a form of Winograd convolution; 0 for another form."""
    return next((tile for tile, name in WINOGRAD.items() if name == form), 0)
