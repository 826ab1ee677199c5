"""Scenes of the experiments: photographs, masks and styles.

The methods were chosen on the first group. The HELD_OUT scenes were added after every choice had
been made; they confirm or refute it.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import ndimage

from engine.pictures.picture import read_mask
from engine.sizes import resized_mask

ROOT = Path(__file__).resolve().parents[2]
PICTURES = ROOT / "engine" / "gallery" / "pictures"
DEMO = ROOT / "docs" / "demo"
HELD = ROOT / "tests" / "bench" / "pictures"

PAINTINGS = ROOT / "engine" / "paintings"
VAN_GOGH, HOKUSAI = PAINTINGS / "vangogh-auvers.jpg", PAINTINGS / "hokusai-wave.jpg"
CASSATT = PAINTINGS / "cassatt-summertime.jpg"
KANDINSKY = PAINTINGS / "kandinsky-composition-8.jpg"
OIL, WOODCUT = DEMO / "style-oil.jpg", DEMO / "style-woodcut.jpg"
CHINA, FLOWER, COFFEE = PICTURES / "china.jpg", PICTURES / "flower.jpg", DEMO / "photo.jpg"
SKY, DAHLIA, CUP = PICTURES / "sky.png", PICTURES / "flower-mask.png", DEMO / "cup.png"


class Scene(NamedTuple):
    """A content, its mask and the styles: one inside the mask, a second one outside.

    The mask is a file, "lines" (of 6 pixels, 24 apart), "ellipse" (centered, two thirds as wide and
    as high as the picture), or the share of the width over which a horizontal sigmoid rises from
    0.1 to 0.9. `feather` softens the border of a file or a shape; it is the sigma of a Gaussian, in
    pixels of a picture of 30,000 pixels, and grows with the picture.
    """

    name: str
    content: Path
    mask: Path | str | float
    inverse: bool
    styles: tuple[Path, ...]
    feather: float = 0.0

    @property
    def ramp(self) -> bool:
        """Return whether the mask is a wide ramp without a border."""
        return isinstance(self.mask, float) or self.feather > 3


def feathered(scenes: tuple[Scene, ...], *sigmas: float) -> tuple[Scene, ...]:
    """Return the scenes with their borders feathered by each sigma."""
    return tuple(
        each._replace(name=f"{each.name}, feathered by {sigma:g}", feather=sigma)
        for each in scenes
        for sigma in sigmas
    )


def alone(scenes: tuple[Scene, ...]) -> tuple[Scene, ...]:
    """Return each region of scenes of two styles as a scene of its own."""
    return tuple(
        Scene(f"{each.name}, {style.stem} alone", each.content, each.mask, inverse, (style,))
        for each in scenes
        for style, inverse in zip(each.styles, (False, True))
    )


def ramps(
    pairs: tuple[tuple[str, Path, tuple[Path, ...]], ...], *widths: float
) -> tuple[Scene, ...]:
    """Return each pair of styles over horizontal ramps of several widths."""
    return tuple(
        Scene(f"{name}, ramp {width:g}", content, width, False, styles)
        for name, content, styles in pairs
        for width in widths
    )


ONE_STYLE = (
    Scene("sky in Van Gogh", CHINA, SKY, False, (VAN_GOGH,)),
    Scene("behind the dahlia, Hokusai", FLOWER, DAHLIA, True, (HOKUSAI,)),
    Scene("dahlia in Kandinsky", FLOWER, DAHLIA, False, (KANDINSKY,)),
    Scene("table in Cassatt", COFFEE, CUP, True, (CASSATT,)),
)
TWO_STYLES = (
    Scene("sky Hokusai, land Van Gogh", CHINA, SKY, False, (HOKUSAI, VAN_GOGH)),
    Scene("dahlia Kandinsky, leaves Cassatt", FLOWER, DAHLIA, False, (KANDINSKY, CASSATT)),
    Scene("cup woodcut, table oil", COFFEE, CUP, False, (WOODCUT, OIL)),
)
THIN = (
    Scene("lines in Van Gogh", FLOWER, "lines", False, (VAN_GOGH,)),
    Scene("lines in Kandinsky", COFFEE, "lines", False, (KANDINSKY,)),
)
SLOPES = (
    ("pagoda, Van Gogh to Hokusai", CHINA, (VAN_GOGH, HOKUSAI)),
    ("dahlia, Kandinsky to Cassatt", FLOWER, (KANDINSKY, CASSATT)),
    ("coffee, woodcut to oil", COFFEE, (WOODCUT, OIL)),
)

CASTLE, TOWER = HELD / "neuschwanstein.jpg", HELD / "eiffel.jpg"
ROCK, ARENA = HELD / "rushmore.jpg", HELD / "colosseum.jpg"
PETRA, CAT = HELD / "petra.jpg", HELD / "cat.jpg"
CASTLE_SKY, TOWER_SKY = HELD / "neuschwanstein-sky.png", HELD / "eiffel-sky.png"
ROCK_SKY, ARENA_SKY = HELD / "rushmore-sky.png", HELD / "colosseum-sky.png"
BRIDGE, POPPIES = HELD / "bridge.jpg", HELD / "poppies.jpg"
BRUEGEL, RENOIR, BAZILLE = HELD / "bruegel.jpg", HELD / "renoir.jpg", HELD / "bazille.jpg"
ARCIMBOLDO, DURER = HELD / "arcimboldo.jpg", HELD / "durer.jpg"
HIROSHIGE = HELD / "hiroshige.jpg"

HELD_OUT_ONE = (
    Scene("castle's sky, Bridge", CASTLE, CASTLE_SKY, False, (BRIDGE,)),
    Scene("castle, Bazille", CASTLE, CASTLE_SKY, True, (BAZILLE,)),
    Scene("rock, Arcimboldo", ROCK, ROCK_SKY, True, (ARCIMBOLDO,)),
    Scene("tower's sky, Renoir", TOWER, TOWER_SKY, False, (RENOIR,)),
    Scene("arena, Poppies", ARENA, ARENA_SKY, True, (POPPIES,)),
    Scene("arena's sky, Hiroshige", ARENA, ARENA_SKY, False, (HIROSHIGE,)),
    Scene("cat in an ellipse, Durer", CAT, "ellipse", False, (DURER,)),
    Scene("Petra in an ellipse, Bruegel", PETRA, "ellipse", False, (BRUEGEL,)),
)
HELD_OUT_TWO = (
    Scene("castle's sky Bridge, land Renoir", CASTLE, CASTLE_SKY, False, (BRIDGE, RENOIR)),
    Scene("rock's sky Poppies, rock Bruegel", ROCK, ROCK_SKY, False, (POPPIES, BRUEGEL)),
    Scene("cat Arcimboldo, around it Bazille", CAT, "ellipse", False, (ARCIMBOLDO, BAZILLE)),
    Scene("Petra Hiroshige, around it Durer", PETRA, "ellipse", False, (HIROSHIGE, DURER)),
)
HELD_OUT_SLOPES = (
    ("castle, Bridge to Renoir", CASTLE, (BRIDGE, RENOIR)),
    ("rock, Poppies to Bruegel", ROCK, (POPPIES, BRUEGEL)),
    ("arena, Hiroshige to Arcimboldo", ARENA, (HIROSHIGE, ARCIMBOLDO)),
    ("cat, Bazille to Durer", CAT, (BAZILLE, DURER)),
    ("Petra, Renoir to Poppies", PETRA, (RENOIR, POPPIES)),
    ("tower, Bruegel to Hiroshige", TOWER, (BRUEGEL, HIROSHIGE)),
)


def mask_of(scene: Scene, size: tuple[int, int]) -> np.ndarray:
    """Return a scene's mask, hard or soft.

    Parameters
    ----------
    scene : Scene
    size : tuple of int
        Height and width in pixels.

    Returns
    -------
    numpy.ndarray
        Shape `size`, 0 to 1, float32.
    """
    height, width = size
    if isinstance(scene.mask, float):
        # From 0.1 to 0.9 over the scene's share of the width.
        at = (np.arange(width) + 0.5) / width - 0.5
        ramp = 1 / (1 + np.exp(at * 2 * math.log(9) / scene.mask))
        return np.broadcast_to(ramp.astype(np.float32), size).copy()
    if scene.mask == "lines":
        mask = np.tile(np.arange(width) % 24 < 6, (height, 1))
    elif scene.mask == "ellipse":
        y, x = np.ogrid[:height, :width]
        mask = np.hypot((y + 0.5) / height - 0.5, (x + 0.5) / width - 0.5) < 1 / 3
    else:
        mask = resized_mask(read_mask(Path(scene.mask)), size) > 0.5
    shape = (mask != scene.inverse).astype(np.float32)
    sigma = scene.feather * math.sqrt(height * width / 30_000)
    return ndimage.gaussian_filter(shape, sigma) if scene.feather else shape
