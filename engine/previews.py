"""Previews of the growing picture: small copies, sent not too often."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from engine.events import OnEvent, Preview
from engine.methods import Method
from engine.pictures.compositing import composite
from engine.sizes import interleaved, resized, resized_mask, working_size

PREVIEW_SECONDS = 1.0

PREVIEW_AREA = 1_200_000
"""Pixels; about what a window shows."""


class Previews:
    """Previews of the scales of one run.

    Parameters
    ----------
    method : Method
    on_event : callable
        Is called with a `Preview`.
    wanted : bool
        Whether there are previews at all.
    least : float
        The least seconds from one to the next.
    """

    def __init__(
        self,
        method: Method,
        on_event: OnEvent,
        wanted: bool,
        least: float = PREVIEW_SECONDS,
    ) -> None:
        self._method = method
        self._on_event = on_event
        self._wanted = wanted
        self._least = least
        self._shown_at = 0.0
        self._seconds = 0.0

    def begin_scale(self, content: np.ndarray, masks: Sequence[np.ndarray]) -> None:
        """Take the content and the masks that the next pictures are shown with.

        Parameters
        ----------
        content : ndarray, shape (3, height, width)
        masks : sequence of ndarray, shape (height, width)
            One per region.
        """
        self._content, self._masks = content, masks
        self._small: tuple[np.ndarray, list[np.ndarray]] | None = None

    def show_if_due(self, pictures: Sequence[np.ndarray]) -> None:
        """Show the pictures, as `show` does, if the last preview was long enough ago.

        A large picture is not shown more often than a twentieth of the time allows.
        """
        now = time.perf_counter()
        if now - self._shown_at > max(self._least, 20 * self._seconds):
            self.show(pictures)
            self._shown_at = time.perf_counter()
            self._seconds = self._shown_at - now

    def show(self, pictures: Sequence[np.ndarray]) -> None:
        """Send a preview, which is smaller than a large picture.

        Parameters
        ----------
        pictures : sequence of ndarray, shape (3, height, width)
            The scale's pictures, as the method has them, from 0 to 255.
        """
        if not self._wanted:
            return
        height, width = self._content.shape[1:]
        size = working_size(height, width, PREVIEW_AREA)
        if self._small is None:
            masks = [resized_mask(mask, size) for mask in self._masks]
            self._small = resized(self._content, size), masks
        small = [resized(picture, size) for picture in pictures]
        shown = composite(self._method.composite, small, *self._small, 0.0)
        self._on_event(Preview(np.round(interleaved(shown)).astype(np.uint8)))
