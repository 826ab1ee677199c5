"""Errors of the weights. Standard library only."""

from __future__ import annotations


class WeightsError(ValueError):
    """Weights that are missing or wrong; the message is one sentence for the user."""
