"""Painting in this process: the pictures of a batch one after the other."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Callable

from engine.batch.painting import Painted, PictureRequest, paint
from engine.errors import Failure
from engine.warm import Warm

OnOutcome = Callable[[PictureRequest, "Painted | Failure", str], None]
"""Function called with each picture that is painted, or why it is not, and the worker's name."""

OnShareOf = Callable[[int, float], None]
"""Function called with the number of a picture and the share that is done, from 0 to 1."""


def paint_here(
    requests: Iterable[PictureRequest],
    on_outcome: OnOutcome,
    on_share: OnShareOf,
    stop: threading.Event,
    warm: Warm,
) -> None:
    """Paint pictures until there are no more, or until `stop` is set: then the last one ends.

    Parameters
    ----------
    requests : iterable of PictureRequest
    on_outcome, on_share : callable
    stop : threading.Event
    warm : Warm
    """
    never = threading.Event()
    for request in requests:
        if stop.is_set():
            break
        on_share(request.number, 0.0)

        def share(done: float, number: int = request.number) -> None:
            on_share(number, done)

        outcome = paint(request, warm, share, never)
        assert outcome is not None
        on_outcome(request, outcome, "")
