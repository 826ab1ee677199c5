"""Loss curves: the losses of one picture at one scale, for plots, reports and saved states."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.loss.terms import Part, losses_from_json, losses_to_json


@dataclass(frozen=True)
class LossCurve:
    """The losses of one picture at one scale.

    Attributes
    ----------
    scale : int
        From 1.
    region : int or None
        The region that the picture belongs to, where each has its own; else None.
    size : (int, int)
        Height and width.
    history : tuple of dict of Part to float
        The parts of the loss at every evaluation.
    seconds : float
        The time that all of that took.
    """

    scale: int
    region: int | None
    size: tuple[int, int]
    history: tuple[dict[Part, float], ...]
    seconds: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the curve as JSON types."""
        return {**vars(self), "size": list(self.size), "history": losses_to_json(self.history)}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> LossCurve:
        """Return the curve that `to_json` has described."""
        height, width = data["size"]
        history = tuple(losses_from_json(data["history"]))
        return cls(**{**data, "size": (height, width), "history": history})
