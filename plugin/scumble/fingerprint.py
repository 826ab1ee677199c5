"""Fingerprints of layers, by which a run notices that its layer was changed."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import canvas
from gi.repository import Gimp

from engine.translations import _


@dataclass(frozen=True)
class Fingerprint:
    """The size, color mode and some pixels of a layer, to notice a change during a run.

    Attributes
    ----------
    size : (int, int)
        Width and height.
    base : Gimp.ImageBaseType
        The color mode of its image.
    samples : tuple of bytes
        Pixels as `canvas.sample_pixels` has them.
    """

    size: tuple[int, int]
    base: Gimp.ImageBaseType
    samples: tuple[bytes, ...]

    @classmethod
    def of(cls, layer: Gimp.Layer) -> Fingerprint:
        """Return the fingerprint of a layer."""
        size = layer.get_width(), layer.get_height()
        base = layer.get_image().get_base_type()
        return cls(size, base, tuple(canvas.sample_pixels(layer)))

    def digest(self) -> str:
        """Return a short text that is the same for equal size and pixels, also in another GIMP."""
        size = "x".join(map(str, self.size))
        return f"{size} {hashlib.sha256(b''.join(self.samples)).hexdigest()}"

    def change(self, layer: Gimp.Layer) -> str:
        """Return a sentence on how a layer differs from the one that was painted; empty if not.

        It differs if it has another size, or if most of its pixels differ by more than 8 of 255
        levels. After a conversion to gray or to a palette the pixels are not compared.
        """
        name = layer.get_name()
        if self.size != (layer.get_width(), layer.get_height()):
            message = _(
                "The layer “{layer}” is no longer {width} × {height} pixels, as when the run "
                "started."
            )
            return message.format(layer=name, width=self.size[0], height=self.size[1])
        if self.base != layer.get_image().get_base_type():
            return ""
        pairs = zip(self.samples, canvas.sample_pixels(layer))
        changed = sum(max(abs(a - b) for a, b in zip(*pair)) > 8 for pair in pairs)
        if 2 * changed > len(self.samples):
            message = _("The layer “{layer}” was turned, flipped or repainted during the run.")
            return message.format(layer=name)
        return ""
