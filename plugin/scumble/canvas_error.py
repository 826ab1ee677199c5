"""The error for a layer that cannot be painted."""

from __future__ import annotations


class CanvasError(Exception):
    """A layer that cannot be painted; the message is one sentence for the user."""
