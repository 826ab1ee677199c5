"""Pairs of the experiments behind docs/look.md: photographs and the paintings they are painted in.

The candidates were chosen on DEVELOPMENT. HELD_OUT was written down before any of its pairs was
painted. Pictures that are too large for the repository come from Debian's packages
lomiri-wallpapers-16.04 and lomiri-wallpapers-20.04, unpacked into the folder that SCUMBLE_LARGE
names, and from the folder shared/pictures beside the checkout.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

from tests.bench.experiment_scenes import (
    ARCIMBOLDO,
    BAZILLE,
    BRUEGEL,
    CHINA,
    COFFEE,
    CUP,
    DURER,
    FLOWER,
    HIROSHIGE,
    HOKUSAI,
    KANDINSKY,
    OIL,
    POPPIES,
    RENOIR,
    ROOT,
    SKY,
    VAN_GOGH,
)

LARGE = Path(os.environ.get("SCUMBLE_LARGE", ROOT / "wallpapers")) / "usr/share/backgrounds"
SHARED = ROOT.parent / "shared" / "pictures"


class Pair(NamedTuple):
    """A photograph and its styles.

    With two styles the first goes where the mask is white and the second to the rest. The mask is a
    file, softened by a Gaussian of `feather` (in parts of the picture's width), or a horizontal
    ramp over this share of the width. Of the style pictures `cut` takes a piece at their own
    pixels: a fine texture does not survive being reduced to the size of a small painting.
    """

    name: str
    content: Path
    styles: tuple[Path, ...]
    mask: Path | float | None = None
    feather: float = 0.0
    cut: tuple[int, int, int, int] | None = None


DEVELOPMENT = (
    Pair("pagoda, Van Gogh", CHINA, (VAN_GOGH,)),
    Pair("astronaut, Starry Night", SHARED / "astronaut.png", (SHARED / "starry-night.jpg",)),
    Pair("dahlia, Hokusai", FLOWER, (HOKUSAI,)),
    Pair(
        "coffee, specks",
        COFFEE,
        (LARGE / "analogpattern_by_Peter_Nerlich.jpg",),
        cut=(600, 600, 1080, 920),
    ),
    Pair("pagoda, Kandinsky to oil", CHINA, (KANDINSKY, OIL), 0.4),
    Pair("coffee's cup, Van Gogh", COFFEE, (VAN_GOGH,), CUP, 0.02),
)

HELD_OUT = (
    Pair(
        "mountains, Scream", LARGE / "picosdeeuropa_by_Aitzol_Berasategi.jpg",
        (SHARED / "the-scream.jpg",),
    ),
    Pair("dogs, Renoir", LARGE / "friends_by_Aitzol_Berasategi.jpg", (RENOIR,)),
    Pair("brook, Bruegel", LARGE / "greentock_by_Peter_Nerlich.jpg", (BRUEGEL,)),
    Pair(
        "dandelions, shipwreck", LARGE / "seeding_by_Clements_Engelhardt.jpg",
        (SHARED / "shipwreck.jpg",),
    ),
    Pair("room, Arcimboldo", LARGE / "Wine_by_Jakkub_Mede.jpg", (ARCIMBOLDO,)),
    Pair("bridge, Poppies", LARGE / "Bridge_by_Sander_Klootwijk.jpg", (POPPIES,)),
    Pair(
        "sunset, Hiroshige to Durer", LARGE / "sunset_by_Aitzol_Berasategi.jpg",
        (HIROSHIGE, DURER), 0.4,
    ),
    Pair("pagoda's sky, Bazille", CHINA, (BAZILLE,), SKY, 0.02),
)  # fmt: skip
